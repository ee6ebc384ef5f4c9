"""Pod templates: their hash, and the Pods that are made of them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

HASH_LABEL = "pod-template-hash"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def hash_of(template: Mapping[str, Any]) -> str:
    """Tells templates apart, spelled as the real one's; the real one hashes its own memory, so the value is another."""
    encoded = msgspec.json.encode(_plain(template), order="deterministic")
    return "".join(_LETTERS[ord(digit) % len(_LETTERS)] for digit in str(zlib.crc32(encoded)))


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two templates make the same Pods, their hash label aside."""
    return _plain(one) == _plain(other)


def _plain(template: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(template.get("metadata") or {})
    labels = {name: value for name, value in (metadata.pop("labels", None) or {}).items() if name != HASH_LABEL}
    metadata.pop("creationTimestamp", None)
    return {**template, "metadata": {**metadata, "labels": labels}}


def pod_of(
    template: Mapping[str, Any],
    *,
    namespace: str,
    reference: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A Pod of a template, named after what controls it."""
    known = template.get("metadata") or {}
    prefix = f"{reference['name']}-"
    metadata: dict[str, Any] = {
        "generateName": prefix,
        "namespace": namespace,
        "labels": {**(known.get("labels") or {}), **(labels or {})},
        "ownerReferences": [dict(reference)],
    }
    for name in ("annotations", "finalizers"):
        if known.get(name):
            metadata[name] = known[name]
    return {"metadata": metadata, "spec": {"terminationGracePeriodSeconds": 30, **(template.get("spec") or {})}}
