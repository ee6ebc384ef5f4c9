"""Reading an object once that comes twice: as the answer to a write, and as the watch's echo of that write."""

from __future__ import annotations

import attrs
import msgspec

from reconcilekit.kube.objects import RawObject, parse_object
from reconcilekit.kube.resource import Resource

CAPACITY = 128
"""Objects that wait for their echo: several times the writes that a client has under way."""

MAX_SIZE = 16 * 1024
"""Bytes of an object that is worth keeping: with `CAPACITY`, some MB at the most, decoded metadata included."""


class RecentObjects:
    """Objects by the bytes they came in, of late, each until it comes again.

    kube-apiserver encodes one version of an object the same for everybody, so equal bytes are the same object, and
    whichever comes first, answer or echo, is the only one that is read.

    Args:
        field_manager: whose `owned_fields` to keep.
    """

    def __init__(self, *, field_manager: str | None) -> None:
        self._field_manager = field_manager
        self._objects: dict[bytes, tuple[Resource, RawObject, dict[str, str] | None]] = {}

    def __repr__(self) -> str:
        return f"<RecentObjects objects={len(self._objects)}>"

    def parse(self, raw: bytes | msgspec.Raw, resource: Resource) -> RawObject:
        """As `parse_object`; what was handed out before is handed out again, with labels of its own.

        Raises:
            UndecodableObjectError: see `parse_object`.
        """
        key = bytes(raw).rstrip()  # an answer ends with a newline, an event's object doesn't
        known = self._objects.pop(key, None)
        if known is not None and known[0] == resource:
            return _with_labels(known[1], known[2])
        parsed = parse_object(raw, field_manager=self._field_manager, resource=resource)
        if len(key) <= MAX_SIZE:
            if len(self._objects) >= CAPACITY:
                del self._objects[next(iter(self._objects))]
            labels = parsed.meta.labels
            self._objects[key] = (resource, parsed, None if labels is None else dict(labels))
        return parsed


def _with_labels(obj: RawObject, labels: dict[str, str] | None) -> RawObject:
    # The one part of it that a caller could change, and the cache selects by it.
    return obj if labels is None else attrs.evolve(obj, meta=msgspec.structs.replace(obj.meta, labels=labels))
