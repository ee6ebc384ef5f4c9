"""Whether each kind can be read, as it is told to people and to those who depend on it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime

import attrs

from reconcilekit.kube.resource import ObjectKey


class HealthState(enum.StrEnum):
    """How the cache of a kind fares."""

    STARTING = "starting"
    """Not listed yet."""

    SYNCED = "synced"
    """Whole, and followed by a watch."""

    ABSENT = "absent"
    """Proven not to exist on the server: discovery was complete and had nothing stale."""

    FORBIDDEN = "forbidden"
    """The server refuses to let it be read (403); retried, since permissions are mended without telling anybody."""

    FAILING = "failing"
    """It can't be read for another reason; retried. What was read before is kept."""


_WORST_FIRST = (
    HealthState.FORBIDDEN,
    HealthState.FAILING,
    HealthState.ABSENT,
    HealthState.STARTING,
    HealthState.SYNCED,
)


@attrs.frozen(kw_only=True)
class KindHealth:
    """How the cache of one kind fares.

    Attributes:
        state: the worst of its namespaces' states.
        message: why, for people; "" where there is nothing to say.
        since: when it came into this state, in UTC.
        undecodable: objects whose latest version can't be read; they are skipped, or kept as they last were.
    """

    state: HealthState
    message: str = ""
    since: datetime
    undecodable: tuple[ObjectKey, ...] = ()

    @property
    def is_readable(self) -> bool:
        """True where what is cached is whole and followed, so far as anybody knows."""
        return self.state is HealthState.SYNCED


@attrs.frozen(kw_only=True)
class SegmentHealth:
    """How one namespace's list and watch of a kind fare; the fields are those of `KindHealth`."""

    state: HealthState
    message: str = ""
    since: datetime


def combine(segments: Mapping[str, SegmentHealth], *, undecodable: tuple[ObjectKey, ...] = ()) -> KindHealth:
    """The health of a kind from that of its namespaces (all of them, if it is read by one list, under "")."""
    state = min((segment.state for segment in segments.values()), key=_WORST_FIRST.index)
    worst = {namespace: segment for namespace, segment in segments.items() if segment.state is state}
    messages = [
        f"namespace {namespace}: {segment.message}" if namespace else segment.message
        for namespace, segment in worst.items()
        if segment.message
    ]
    return KindHealth(
        state=state,
        message="; ".join(messages),
        since=min(segment.since for segment in worst.values()),
        undecodable=undecodable,
    )
