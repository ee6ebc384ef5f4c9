"""Reading an object once that comes twice: as the answer to a write, and as the watch's echo of that write."""

from __future__ import annotations

import msgspec

from reconcilekit.kube.objects import RawObject, parse_object
from reconcilekit.kube.resource import Resource

CAPACITY = 128
"""Objects that wait for their echo: several times the writes that a client has under way."""

MAX_SIZE = 16 * 1024
"""Bytes of an object that is worth keeping: with `CAPACITY`, two of MB at the most."""


class RecentObjects:
    """Objects by the bytes they came in, of late, each until it comes again.

    kube-apiserver encodes one version of an object the same for everybody, so equal bytes are the same object, and
    whichever comes first, answer or echo, is the only one that is read.

    Args:
        field_manager: whose `owned_fields` to keep.
    """

    def __init__(self, *, field_manager: str | None) -> None:
        self._field_manager = field_manager
        self._objects: dict[bytes, tuple[Resource, RawObject]] = {}

    def __repr__(self) -> str:
        return f"<RecentObjects objects={len(self._objects)}>"

    def parse(self, raw: bytes | msgspec.Raw, resource: Resource) -> RawObject:
        """As `parse_object`; the result may have been handed out before: it is never changed.

        Raises:
            UndecodableObjectError: see `parse_object`.
        """
        key = bytes(raw).rstrip()  # an answer ends with a newline, an event's object doesn't
        known = self._objects.pop(key, None)
        if known is not None and known[0] == resource:
            return known[1]
        parsed = parse_object(raw, field_manager=self._field_manager, resource=resource)
        if len(key) <= MAX_SIZE:
            if len(self._objects) >= CAPACITY:
                del self._objects[next(iter(self._objects))]
            self._objects[key] = (resource, parsed)
        return parsed
