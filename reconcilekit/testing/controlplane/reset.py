"""Back to how a control plane was after its start, without starting another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from reconcilekit.testing.controlplane.rest import AdminClient

_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_MERGE_PATCH = "application/merge-patch+json"

_AT_ONCE = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
"""Without a kubelet nobody ends a Pod's grace period, without a controller manager nobody a foreground deletion."""

_GONE = (404, 409)
"""Answers to a removal that somebody else was quicker with: the garbage collector, a server's own housekeeping."""

_NAMESPACES = "/api/v1/namespaces"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

_KEPT_BY_THE_CLUSTER = frozenset(
    {("serviceaccounts", "default"), ("configmaps", "kube-root-ca.crt"), ("servicecidrs", "kubernetes")}
)
"""What is made again as soon as it is removed, by plural and name."""


@attrs.frozen
class _Kind:
    base: str
    plural: str
    is_namespaced: bool

    @property
    def collection(self) -> str:
        return f"{self.base}/{self.plural}"

    def path(self, meta: Mapping[str, Any]) -> str:
        within = f"/namespaces/{meta['namespace']}" if self.is_namespaced else ""
        return f"{self.base}{within}/{self.plural}/{meta['name']}"


class Leftovers:
    """What wasn't there when this was made.

    Args:
        admin: may list and remove everything.
    """

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        kinds = list(self._kinds())
        self._collections = {kind.collection for kind in kinds}
        self._before = {meta["uid"] for kind in kinds for meta in self._list(kind)}

    def remove(self) -> None:
        """Remove it all; nobody's finalizers are waited for, but definitions take the server another moment.

        Namespaces are told first, so that nothing new comes into them, and are gone last. What could refuse the
        other removals, such as webhooks, goes before them.
        """
        kinds = sorted(self._kinds(), key=lambda kind: "admissionregistration" not in kind.base)
        left = {kind: [meta for meta in self._list(kind) if self._is_left(kind, meta)] for kind in kinds}
        namespaces = [meta["name"] for kind in kinds if kind.collection == _NAMESPACES for meta in left.pop(kind)]
        definitions = [meta for kind in kinds if kind.collection == _DEFINITIONS for meta in left.pop(kind)]
        for name in namespaces:
            self._admin.demand("DELETE", f"{_NAMESPACES}/{name}", but=_GONE)
        for kind, metas in left.items():
            self._remove(kind, metas)
        base, _, plural = _DEFINITIONS.rpartition("/")
        self._remove(_Kind(base, plural, is_namespaced=False), definitions)
        for name in namespaces:
            body = {"metadata": {"name": name}, "spec": {"finalizers": []}}
            self._admin.demand("PUT", f"{_NAMESPACES}/{name}/finalize", body, but=_GONE)

    def are_gone(self) -> bool:
        """True once nothing is left of definitions, in discovery either."""
        kinds = list(self._kinds())
        definitions = (meta for kind in kinds if kind.collection == _DEFINITIONS for meta in self._list(kind))
        return {kind.collection for kind in kinds} <= self._collections and all(
            meta["uid"] in self._before for meta in definitions
        )

    def _remove(self, kind: _Kind, metas: Iterable[Mapping[str, Any]]) -> None:
        for meta in metas:
            path = kind.path(meta)
            if meta.get("finalizers"):
                patch = {"metadata": {"finalizers": None}}
                self._admin.demand("PATCH", path, patch, but=_GONE, content_type=_MERGE_PATCH)
            self._admin.demand("DELETE", path, _AT_ONCE, but=_GONE)

    def _is_left(self, kind: _Kind, meta: Mapping[str, Any]) -> bool:
        is_automatic = (
            "kube-aggregator.kubernetes.io/automanaged" in meta.get("labels", {})
            or "apiserver.kubernetes.io/identity" in meta.get("labels", {})
            or (kind.plural, meta["name"]) in _KEPT_BY_THE_CLUSTER
        )
        return meta["uid"] not in self._before and not is_automatic

    def _list(self, kind: _Kind) -> list[dict[str, Any]]:
        # A kind whose definition has just gone is still in discovery for a moment, and answers 404.
        found = self._admin.demand("GET", kind.collection, but=(404,), accept=_METADATA)
        return [item["metadata"] for item in found.get("items") or ()]

    def _kinds(self) -> Iterator[_Kind]:
        """Each kind that can be listed and removed, in its group's preferred version."""
        for root in ("/api", "/apis"):
            for group in self._admin.get(root, accept=_DISCOVERY)["items"]:
                name = group["metadata"].get("name", "")
                seen: set[str] = set()
                for version in group["versions"]:
                    base = f"{root}/{name}/{version['version']}" if name else f"{root}/{version['version']}"
                    for found in version.get("resources", ()):
                        plural = found["resource"]
                        if plural not in seen and {"list", "delete"} <= set(found["verbs"]):
                            seen.add(plural)
                            yield _Kind(base, plural, found["scope"] == "Namespaced")
