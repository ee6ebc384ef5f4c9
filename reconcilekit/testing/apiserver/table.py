"""The Table that `kubectl get` prints: names and ages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver.status import JSON
from reconcilekit.testing.apiserver.storage import Stored

_COLUMNS = [
    {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0},
    {"name": "Created At", "type": "date", "format": "", "description": "", "priority": 0},
]


def of_objects(objects: Iterable[Stored], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A Table with a row for each object."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(metadata),
        "columnDefinitions": _COLUMNS,
        "rows": [_row(stored) for stored in objects],
    }


def _row(stored: Stored) -> dict[str, Any]:
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": stored.meta}
    return {"cells": [stored.key.name, stored.meta["creationTimestamp"]], "object": partial}


def response(table: Mapping[str, Any], *, code: int = 200) -> Response:
    """The answer that carries it."""
    return Response(status=code, headers={"content-type": JSON}, body=msgspec.json.encode(table))
