"""Objects as PartialObjectMetadata."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing.apiserver.storage.versions import Stored


def partial(stored: Stored, version: str) -> dict[str, Any]:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}", "metadata": stored.meta}
