"""Service."""

from __future__ import annotations

from tests.differential.kinds.model import Field, Kind

SERVICE = Kind(
    kind="Service",
    plural="services",
    api_version="v1",
    root="/api/v1/namespaces/${ns}/services",
    base={"spec": {"ports": [{"port": 80}], "selector": {"app": "a"}}},
    fields=(
        Field(
            ("spec", "ports"),
            (
                [{"port": 80}],
                [
                    {"port": 80, "name": "web", "targetPort": 8080},
                    {"port": 443, "name": "tls", "protocol": "TCP", "targetPort": "https"},
                ],
                [{"port": 80, "name": "t"}, {"port": 80, "name": "u", "protocol": "UDP"}],
                [{"port": 81, "appProtocol": "http"}],
            ),
            (
                [],
                [{"port": 0}],
                [{"port": 80}, {"port": 81}],
                [{"port": 80, "name": "x"}, {"port": 80, "name": "y"}],
                [{"port": "80"}],
                [{"port": 80, "protocol": "ICMP"}],
                [{"name": "x"}],
                [{"port": 70000}],
                None,
                [{"port": 80, "name": "Bad_Name"}],
            ),
        ),
        Field(
            ("spec", "selector"), ({"app": "b"}, {}, {"app": "a", "tier": "x"}), ({"app": 1}, "x", {"bad key!": "x"})
        ),
        Field(("spec", "selector", "app"), ("c",)),
        Field(("spec", "type"), ("ClusterIP", "NodePort", "LoadBalancer"), ("ExternalName", "Bogus", 3)),
        Field(("spec", "clusterIP"), ("None",), ("1.2.3.4", "x", "")),
        Field(("spec", "sessionAffinity"), ("ClientIP", "None"), ("Bogus",)),
        Field(("spec", "externalName"), ("example.com",), ("bad name",)),
        Field(("spec", "externalTrafficPolicy"), ("Cluster", "Local"), ("Bogus",)),
        Field(("spec", "internalTrafficPolicy"), ("Cluster", "Local"), ("Bogus",)),
        Field(("spec", "publishNotReadyAddresses"), (True,), ("x",)),
        Field(("spec", "ipFamilyPolicy"), ("SingleStack", "PreferDualStack"), ("Bogus", "RequireDualStack")),
        Field(("spec", "unknown"), (), (1,)),
        Field(("spec", "externalIPs"), (["1.2.3.4"],), (["x"], ["127.0.0.1"])),
    ),
    status_fields=(
        Field(
            ("status", "loadBalancer"),
            ({"ingress": [{"ip": "1.2.3.4"}]}, {}),
            ({"ingress": [{"ip": "x"}]}, {"ingress": "x"}),
        ),
        Field(
            ("status", "conditions"),
            (
                [
                    {
                        "type": "A",
                        "status": "True",
                        "reason": "R",
                        "message": "m",
                        "lastTransitionTime": "2024-01-01T00:00:00Z",
                    }
                ],
            ),
            (
                [{"type": "A"}],
                [
                    {
                        "type": "A",
                        "status": "Maybe",
                        "reason": "R",
                        "message": "m",
                        "lastTransitionTime": "2024-01-01T00:00:00Z",
                    }
                ],
            ),
        ),
    ),
    has_status=True,
    selectors=("metadata.name=a", "spec.clusterIP=None", "spec.type=ClusterIP", "spec.x=1"),
)
