"""The roles and bindings that a new server makes for itself, as a real one was found to make them."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.access.aggregation import gathered
from reconcilekit.testing.apiserver.access.objects import ClusterObjects
from reconcilekit.testing.apiserver.access.rbac import GROUP
from reconcilekit.testing.apiserver.cluster import Cluster
from reconcilekit.testing.apiserver.storage.storage import Storage
from reconcilekit.testing.apiserver.writing.preconditions import Target

MANAGER = "kube-apiserver"
_AGGREGATOR = "clusterrole-aggregation-controller"


@functools.cache
def _policy() -> Mapping[str, msgspec.Raw]:
    packed = Path(__file__).with_name("policy.json.gz").read_bytes()
    return msgspec.json.decode(gzip.decompress(packed), type=dict[str, msgspec.Raw])


def make_default_roles(cluster: Cluster) -> None:
    """Make what isn't there. What was recorded is stored as it is: checking it would cost a tenth of a second."""
    for plural, items in _policy().items():
        served = cluster.registry.find(GROUP, "v1", plural)
        assert served is not None
        present = cluster.storage.collection(served).objects
        # Decoded afresh, because what is made of it becomes the storage's own.
        for item in msgspec.json.decode(items, type=list[dict[str, Any]]):
            key = ObjectKey(item["metadata"].get("namespace", ""), item["metadata"]["name"])
            if key not in present:
                _make_namespace(cluster, key.namespace)
                cluster.storage.put(served, key, _stamped(item, cluster.storage))


def _stamped(item: dict[str, Any], storage: Storage) -> dict[str, Any]:
    metadata, now = item["metadata"], storage.timestamp()
    metadata["uid"] = storage.new_uid()
    metadata["creationTimestamp"] = now
    for entry in metadata["managedFields"]:
        entry["time"] = now
    return {name: value for name, value in item.items() if name not in ("kind", "apiVersion")}


def _make_namespace(cluster: Cluster, name: str) -> None:
    served = cluster.registry.find("", "v1", "namespaces")
    assert served is not None
    key = ObjectKey("", name)
    if name and key not in cluster.storage.collection(served).objects:
        cluster.create(Target(served=served, key=key, manager=MANAGER), {"metadata": {"name": name}})


def aggregate(cluster: Cluster) -> None:
    """Give every ClusterRole with an aggregationRule the rules that it has to have."""
    served = cluster.registry.find(GROUP, "v1", "clusterroles")
    assert served is not None
    is_settled = False
    while not is_settled:
        is_settled = True
        roles = dict(ClusterObjects(cluster).all_of(GROUP, "clusterroles"))
        for key, role in roles.items():
            rules = gathered(role, roles.values())
            if rules is not None and rules != (role.get("rules") or []):
                # One role may gather from another that gathers, as admin does from edit and edit from view.
                is_settled = False
                target = Target(served=served, key=key, manager=_AGGREGATOR)
                cluster.patch(target, functools.partial(_with_rules, rules))


def _with_rules(rules: list[dict[str, Any]], role: dict[str, Any]) -> dict[str, Any]:
    return {**role, "rules": rules}
