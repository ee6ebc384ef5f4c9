"""The annotation of client-side apply, as server-side apply by kubectl treats it.

An object that was managed by `kubectl apply` goes over to `kubectl apply --server-side` without conflicts, and its
annotation is kept up to date (k8s.io/apimachinery, `internal/lastapplied*.go`).
"""

from __future__ import annotations

from typing import Any

import msgspec

from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.ownership.field_sets import FieldSet, difference
from reconcilekit.testing.apiserver.ownership.managers import Manager
from reconcilekit.testing.apiserver.ownership.types import Type
from reconcilekit.testing.apiserver.ownership.values import compare, field_set

KUBECTL = "kubectl"
"""The one field manager for whom this is done."""

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ANNOTATIONS = 256 * 1024
"""Bytes of all annotations, past which this one is left out."""


def forgiven(
    conflicts: dict[Manager, FieldSet], live: dict[str, Any], api_version: str, kind: Type
) -> dict[Manager, FieldSet]:
    """The conflicts without those over fields that are as client-side apply left them."""
    try:
        last = msgspec.json.decode(_annotations(live).get(ANNOTATION, ""), type=dict[str, Any])
    except msgspec.DecodeError:
        return conflicts
    if last.get("apiVersion") != api_version:
        return conflicts
    applied = {name: value for name, value in last.items() if name not in ("apiVersion", "kind")}
    found = compare(applied, live, kind)
    fields = field_set(applied, kind)
    for changed in (found.modified, found.added, found.removed):
        fields = difference(fields, changed)
    rest = {manager: difference(owned, fields) for manager, owned in conflicts.items()}
    return {manager: owned for manager, owned in rest.items() if owned}


def with_last_applied(content: dict[str, Any], config: dict[str, Any], served: ResourceType) -> dict[str, Any]:
    """The object with the annotation brought up to date, where it has it."""
    annotations = _annotations(content)
    if not annotations.get(ANNOTATION):
        return content
    metadata = dict(config.get("metadata") or {})
    others = {name: value for name, value in (metadata.get("annotations") or {}).items() if name != ANNOTATION}
    metadata.pop("annotations", None)
    if others:
        metadata["annotations"] = others
    applied = {"apiVersion": served.api_version, "kind": served.kind, **config, "metadata": metadata}
    text = msgspec.json.encode(applied, order="sorted").decode() + "\n"
    told = {**annotations, ANNOTATION: text}
    if sum(len(name) + len(value) for name, value in told.items()) > MAX_ANNOTATIONS:
        del told[ANNOTATION]
    if told == annotations:
        return content
    return {**content, "metadata": {**content["metadata"], "annotations": told}}


def _annotations(content: dict[str, Any]) -> dict[str, Any]:
    return (content.get("metadata") or {}).get("annotations") or {}
