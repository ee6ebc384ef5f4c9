"""The Table that `kubectl get` prints: names and ages."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver.status import JSON
from reconcilekit.testing.apiserver.storage.storage import Stored

_COLUMNS = [
    {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0},
    {"name": "Age", "type": "string", "format": "", "description": "", "priority": 0},
]


def of_objects(objects: Iterable[Stored], metadata: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """A Table with a row for each object, aged at `now`."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(metadata),
        "columnDefinitions": _COLUMNS,
        "rows": [_row(stored, now) for stored in objects],
    }


def _row(stored: Stored, now: datetime) -> dict[str, Any]:
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": stored.meta}
    created = datetime.fromisoformat(stored.meta["creationTimestamp"])
    return {"cells": [stored.key.name, print_age((now - created).total_seconds())], "object": partial}


_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_TWO_UNITS_BELOW = {"d": 8, "h": 8, "m": 10}


def print_age(seconds: float) -> str:
    """An age as `kubectl` shows it: two units while the first is small, "119s" rather than "1m59s"."""
    left = max(int(seconds), 0)
    if left < 120:
        return f"{left}s"
    for (unit, size), (smaller, smaller_size) in itertools.pairwise(_UNITS):
        count, rest = divmod(left, size)
        if count < (1 if unit == "m" else 2 if unit == "d" else 3):
            continue
        if count < _TWO_UNITS_BELOW[unit] and rest >= smaller_size:
            return f"{count}{unit}{rest // smaller_size}{smaller}"
        return f"{count}{unit}"
    return f"{left}s"


def response(table: Mapping[str, Any], *, code: int = 200) -> Response:
    """The answer that carries it."""
    return Response(status=code, headers={"content-type": JSON}, body=msgspec.json.encode(table))
