"""ConfigMap, Secret, Lease and Namespace."""

from __future__ import annotations

from tests.differential.kinds.model import Field, Kind

CONFIG_MAP = Kind(
    kind="ConfigMap",
    plural="configmaps",
    api_version="v1",
    root="/api/v1/namespaces/${ns}/configmaps",
    base={},
    fields=(
        Field(("data", "a"), ("1", "2", ""), (1, None, {"x": "y"}, True)),
        Field(("data", "b"), ("1", "2")),
        Field(("data", "c.txt"), ("1",)),
        Field(("data",), ({"a": "1"}, {}, None), ({"bad key!": "x"}, "x", ["x"])),
        Field(("binaryData", "z"), ("AAE=", ""), ("not base64!", 3)),
        Field(("binaryData", "a"), (), ("AAE=",)),
        Field(("immutable",), (True, False, None), ("yes",)),
        Field(("unknown",), (), ("x", {"a": 1})),
    ),
    selectors=("metadata.name=a", "metadata.name!=a", "metadata.namespace=x", "data.a=1", "metadata.name"),
)

SECRET = Kind(
    kind="Secret",
    plural="secrets",
    api_version="v1",
    root="/api/v1/namespaces/${ns}/secrets",
    base={},
    fields=(
        Field(("data", "a"), ("MQ==", "Mg==", ""), ("not base64!", 1, None)),
        Field(("data", "b"), ("MQ==",)),
        Field(("stringData", "a"), ("1", "2"), (1,)),
        Field(("stringData", "c"), ("3",)),
        Field(("type",), ("Opaque", "example.com/t", ""), ("kubernetes.io/tls", "kubernetes.io/basic-auth", 3)),
        Field(("immutable",), (True, False)),
        Field(("data",), (None, {}), ({"bad key!": "MQ=="},)),
    ),
    selectors=("type=Opaque", "metadata.name=a", "data=x"),
)

LEASE = Kind(
    kind="Lease",
    plural="leases",
    api_version="coordination.k8s.io/v1",
    root="/apis/coordination.k8s.io/v1/namespaces/${ns}/leases",
    base={"spec": {}},
    fields=(
        Field(("spec", "holderIdentity"), ("h1", "h2", None), (3, "")),
        Field(("spec", "leaseDurationSeconds"), (15, 30), (0, -1, "x")),
        Field(("spec", "renewTime"), ("2024-01-01T00:00:00.000000Z", "2024-01-01T00:00:01.5Z"), ("x",)),
        Field(("spec", "acquireTime"), ("2024-01-01T00:00:00.123456Z",), ("2024-01-01",)),
        Field(("spec", "leaseTransitions"), (0, 1), (-1,)),
        Field(("spec",), (None, {})),
        Field(("spec", "unknown"), (), (1,)),
    ),
    selectors=("metadata.name=a",),
)

NAMESPACE = Kind(
    kind="Namespace",
    plural="namespaces",
    api_version="v1",
    root="/api/v1/namespaces",
    base={},
    fields=(
        Field(("spec",), ({}, None)),
        Field(("spec", "finalizers"), (["kubernetes"],), (["x"],)),
        Field(("metadata", "labels", "sequence"), ("${ns}",)),
        Field(("metadata", "labels", "kubernetes.io/metadata.name"), (), ("other",)),
    ),
    status_fields=(Field(("status", "phase"), ("Active",), ("Bogus",)),),
    is_namespaced=False,
    has_status=True,
    selectors=("metadata.name=${ns}", "status.phase=Active", "spec.x=1"),
)
