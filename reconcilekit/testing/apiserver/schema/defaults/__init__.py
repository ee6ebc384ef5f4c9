"""What Kubernetes fills in where a built-in kind's object says nothing, as far as Go says it and OpenAPI doesn't.

Each function gets a struct that was just read, by itself and with its inner structs done, and fills it in in place.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconcilekit.testing.apiserver.schema.defaults import core, extensions, others, pods, workloads
from reconcilekit.testing.apiserver.schema.defaults.filling import Fill

DEFAULTS: Mapping[str, Fill] = {
    **core.DEFAULTS,
    **pods.DEFAULTS,
    **workloads.DEFAULTS,
    **others.DEFAULTS,
    **extensions.DEFAULTS,
}
"""By a struct's name in OpenAPI."""

__all__ = ["DEFAULTS", "Fill"]
