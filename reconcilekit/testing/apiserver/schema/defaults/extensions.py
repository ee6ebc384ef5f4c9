"""Definitions of custom kinds (apiextensions-apiserver's v1/defaults.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver.schema.defaults.filling import Fill, fill


def _fill_definition(definition: dict[str, Any]) -> None:
    status = definition["status"]
    if not status.get("storedVersions"):
        stored = next((told["name"] for told in definition["spec"].get("versions") or () if told["storage"]), None)
        if stored is not None:
            definition["status"] = {**status, "storedVersions": [stored]}


def _fill_spec(spec: dict[str, Any]) -> None:
    names = dict(spec["names"])
    kind = names["kind"]
    if kind:
        names["singular"] = names.get("singular") or kind.lower()
        names["listKind"] = names.get("listKind") or f"{kind}List"
    spec["names"] = names
    spec.setdefault("conversion", {"strategy": "None"})


DEFAULTS: Mapping[str, Fill] = {
    f"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.{name}": told
    for name, told in {
        "CustomResourceDefinition": _fill_definition,
        "CustomResourceDefinitionSpec": _fill_spec,
        "ServiceReference": fill(port=443),
    }.items()
}
