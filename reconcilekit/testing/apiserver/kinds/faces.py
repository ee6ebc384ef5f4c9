"""Kinds that are the same storage in two faces: Events have two groups, and autoscalers two versions.

What is stored has one form; the other face is made when it is read, and unmade when it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from reconcilekit.testing.apiserver.kinds import autoscalers

Transform = Callable[[dict[str, Any]], dict[str, Any]]

EVENTS = ("events.k8s.io", "events")

STORED_AS: Mapping[tuple[str, str], tuple[str, str]] = {EVENTS: ("", "events")}
"""Group and plural of what a face is stored as."""

_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_STORED_NAMES = {face: stored for stored, face in _NAMES.items()}

_ALWAYS: Mapping[str, Any] = {
    "source": {},
    "firstTimestamp": None,
    "lastTimestamp": None,
    "eventTime": None,
    "reportingComponent": "",
    "reportingInstance": "",
}
"""What the core group's Event has even where it is empty."""


def event_shown(content: Mapping[str, Any]) -> dict[str, Any]:
    """An Event as events.k8s.io has it."""
    whole = {**_ALWAYS, **content}
    shown = {_NAMES.get(name, name): value for name, value in whole.items()}
    if "apiVersion" in shown:
        shown["apiVersion"] = "events.k8s.io/v1"
    for name in ("reportingController", "reportingInstance"):
        if not shown[name]:
            del shown[name]
    return shown


def event_stored(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An Event of events.k8s.io as the core group has it."""
    stored = {_STORED_NAMES.get(name, name): value for name, value in obj.items()}
    if "apiVersion" in stored:
        stored["apiVersion"] = "v1"
    return stored


def event_filled(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The same, whole: with what is there even where it is empty."""
    return {**_ALWAYS, **event_stored(obj)}


@attrs.frozen(kw_only=True)
class Face:
    """How a kind is shown that is stored as another.

    Attributes:
        behind: group, version and plural of what is stored.
        shown: an object as this kind has it.
        stored: an object of this kind as it is stored.
        filled: the same, whole.
    """

    behind: tuple[str, str, str]
    shown: Callable[[Mapping[str, Any]], dict[str, Any]]
    stored: Callable[[Mapping[str, Any]], dict[str, Any]]
    filled: Callable[[Mapping[str, Any]], dict[str, Any]]

    def transforming(self, transform: Transform) -> Transform:
        """What a patch of this kind makes of what is stored."""
        return lambda live: self.stored(transform(self.shown(live)))


FACES: Mapping[tuple[str, str, str], Face] = {
    (EVENTS[0], "v1", EVENTS[1]): Face(
        behind=("", "v1", "events"), shown=event_shown, stored=event_stored, filled=event_filled
    ),
    ("autoscaling", "v1", "horizontalpodautoscalers"): Face(
        behind=("autoscaling", "v2", "horizontalpodautoscalers"),
        shown=autoscalers.shown,
        stored=autoscalers.stored,
        filled=autoscalers.stored,
    ),
}
"""By group, version and plural."""
