"""The change log as tests read it."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.testing.apiserver.storage.versions import Event, EventType, Stored


class CompactedError(LookupError):
    """What is asked for lies further back than anything is known.

    Attributes:
        revision: that was asked for.
        oldest: the oldest revision that can be gone back to.
    """

    def __init__(self, revision: int, oldest: int) -> None:
        super().__init__(
            f"revision {revision} is compacted: this server knows its past from revision {oldest} on; take a "
            "snapshot in time, or raise watch_history and watch_history_bytes"
        )
        self.revision = revision
        self.oldest = oldest


@attrs.frozen
class Change:
    """One change of one object.

    Attributes:
        event: what the log holds of it.
    """

    event: Event = attrs.field(repr=False)

    @property
    def revision(self) -> int:
        """The resourceVersion that it made."""
        return self.event.revision

    @property
    def type(self) -> EventType:
        """ADDED, MODIFIED or DELETED."""
        return self.event.type

    @property
    def key(self) -> ObjectKey:
        """The object that changed."""
        return self.event.key

    @property
    def resource(self) -> Resource:
        """Its kind, in the version that it was written in."""
        return Resource(self.event.served.api_version, self.event.served.kind)

    @property
    def before(self) -> dict[str, Any] | None:
        """A fresh copy of the object as it was, None where there was none."""
        return self._decoded(self.event.before)

    @property
    def after(self) -> dict[str, Any] | None:
        """A fresh copy of the object as it became, None where it went."""
        return self._decoded(self.event.after)

    def _decoded(self, stored: Stored | None) -> dict[str, Any] | None:
        return None if stored is None else msgspec.json.decode(stored.body(self.event.served), type=dict[str, Any])

    def __str__(self) -> str:
        return f"{self.revision} {self.type} {self.event.served.kind} {self.key}"
