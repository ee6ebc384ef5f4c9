"""How often one hears of the same: Events that repeat count up, similar ones are told in one, and floods are held back.

The rules are those of client-go's `record.EventCorrelator`, which the real controllers have before their Events.
"""

from __future__ import annotations

import collections
from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

import attrs

SIMILAR = 10
"""Messages about one object for one reason from which on they are told in one Event."""

SIMILAR_WITHIN = 600.0
"""Seconds without a similar one after which they count anew."""

BURST = 25
"""Events of one component about one object that it may have at once."""

REFILL = 300.0
"""Seconds until it may have one more."""

REMEMBERED = 4096
"""Objects and messages that are kept in mind; the longest unheard of go first."""

COMBINED = "(combined from similar events): "

_Told = TypeVar("_Told")


@attrs.define
class Line:
    """One Event there is, or will be.

    Attributes:
        name: its own.
        first: when it was told first.
        count: how often it was told.
    """

    name: str
    first: str
    count: int = 0


@attrs.define
class _Similar:
    messages: dict[str, None]
    latest: float


@attrs.define
class _Bucket:
    tokens: float
    filled: float


class _Memory(Generic[_Told]):
    """What was told, by key."""

    def __init__(self) -> None:
        self._known: collections.OrderedDict[Hashable, _Told] = collections.OrderedDict()

    def get(self, key: Hashable) -> _Told | None:
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def put(self, key: Hashable, told: _Told) -> _Told:
        self._known[key] = told
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return told


class Correlator:
    """What becomes of each Event that somebody wants to tell."""

    def __init__(self) -> None:
        self._similar: _Memory[_Similar] = _Memory()
        self._lines: _Memory[Line] = _Memory()
        self._buckets: _Memory[_Bucket] = _Memory()

    def correlate(self, event: Mapping[str, Any], *, name: str, now: float) -> tuple[dict[str, Any], Line] | None:
        """The Event as it is to be written, and its line; None where there were too many.

        Args:
            event: what is to be told.
            name: the Event's, if it is a new one.
            now: monotonic seconds.
        """
        about = _about(event)
        part = event["involvedObject"].get("fieldPath", "")
        key: Hashable = (about, part, event["reason"], event["type"], event["message"])
        group = (about, event["reason"], event["type"])
        told = dict(event)
        if self._is_one_of_many(group, event["message"], now):
            key = group
            # The real one is made anew, and without these.
            told |= {"message": COMBINED + event["message"], "reportingComponent": "", "reportingInstance": ""}
        line = self._lines.get(key) or self._lines.put(key, Line(name, event["firstTimestamp"]))
        line.count += 1
        told |= {"count": line.count, "firstTimestamp": line.first}
        return (told, line) if self._has_room(about, now) else None

    def _is_one_of_many(self, group: Hashable, message: str, now: float) -> bool:
        similar = self._similar.get(group)
        if similar is None or now - similar.latest > SIMILAR_WITHIN:
            similar = self._similar.put(group, _Similar({}, now))
        similar.latest = now
        similar.messages[message] = None
        if len(similar.messages) < SIMILAR:
            return False
        # Any may go, so that no more than these are kept; Go takes one by chance.
        similar.messages.popitem()
        return True

    def _has_room(self, about: Hashable, now: float) -> bool:
        bucket = self._buckets.get(about) or self._buckets.put(about, _Bucket(BURST, now))
        bucket.tokens = min(bucket.tokens + (now - bucket.filled) / REFILL, BURST)
        bucket.filled = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _about(event: Mapping[str, Any]) -> Hashable:
    involved, source = event["involvedObject"], event["source"]
    told = (involved.get(part, "") for part in ("kind", "namespace", "name", "uid", "apiVersion"))
    return (source.get("component", ""), source.get("host", ""), *told)
