"""Kinds that are the same storage in two faces: an Event of events.k8s.io is an Event of the core group.

What is stored has the core group's form; the other face is made when it is read, and unmade when it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
