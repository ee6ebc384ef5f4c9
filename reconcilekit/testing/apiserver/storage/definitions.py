"""What a definition's change does to the objects that are there: they are read by it, and not written.

As in etcd, what was written stays: a field that one schema drops is there again with a schema that has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver.kinds.resources import Registry, ResourceType
from reconcilekit.testing.apiserver.storage.storage import Storage


def define(definition: Mapping[str, Any], registry: Registry, storage: Storage) -> None:
    """Serve a definition, and read its objects anew where the schema that they are read by is another one."""
    before = _stored_as(definition, registry)
    registry.define(definition)
    after = _stored_as(definition, registry)
    if after is None or after.custom is None:
        return
    # Where another version is stored from now on, the objects are read by the one that they are stored in until they
    # are written.
    if before is None or (before.version == after.version and before.openapi != after.openapi):
        storage.reread(after, after.custom.as_read)


def _stored_as(definition: Mapping[str, Any], registry: Registry) -> ResourceType | None:
    """The kind in the version that its objects are stored in, None where that isn't served."""
    group, plural = definition["spec"]["group"], definition["spec"]["names"]["plural"]
    for version in registry.versions(group):
        served = registry.find(group, version, plural)
        if served is not None and served.custom is not None and served.custom.is_storage:
            return served
    return None
