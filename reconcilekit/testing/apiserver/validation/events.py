"""Events, in the form in which the core group has them (pkg/apis/core/validation).

Those of events.k8s.io are stored so, too, and held to more.
"""

from __future__ import annotations

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, as_struct, immutable, invalid, required

_FREE = ("default", "kube-system")
"""Where Events of things without a namespace may be."""

_MOST = {"reportingInstance": 128, "action": 128, "reason": 128, "message": 1024}
_CONTROLLER = "reportingComponent"
_UNSET = ("firstTimestamp", "lastTimestamp", "count")
_FIXED = (
    ("involvedObject", "involvedObject"),
    ("reason", "reason"),
    ("message", "message"),
    ("source", "source"),
    ("firstTimestamp", "firstTimestamp"),
    ("lastTimestamp", "lastTimestamp"),
    ("count", "count"),
    ("type", "type"),
    ("eventTime", "eventTime"),
    ("action", "action"),
    ("related", "related"),
    (_CONTROLLER, "reportingController"),
    ("reportingInstance", "reportingInstance"),
)
"""What may not change of an Event of events.k8s.io, and how it is called there."""

_REFERENCE = ("Kind", "Namespace", "Name", "UID", "APIVersion", "ResourceVersion", "FieldPath")
_STRUCTS = {"involvedObject": _REFERENCE, "related": _REFERENCE, "source": ("Component", "Host")}
_ZEROS = {"count": 0, "firstTimestamp": None, "lastTimestamp": None, "eventTime": None, "related": None}
"""What there is of what isn't told, where that is no empty string."""


def event_causes(event: Obj, old: Obj | None) -> Found:
    """What is wrong with an Event of the core group."""
    yield from _old_causes(event, _CONTROLLER)


def strict_event_causes(event: Obj, old: Obj | None) -> Found:
    """What is wrong with an Event of events.k8s.io."""
    yield from _old_causes(event, "reportingController")
    series = event.get("series")
    if old is not None:
        if series != old.get("series"):
            yield from _series_causes(series)
        for name, called in _FIXED:
            yield from immutable(called, _shown(old, name), _shown(event, name))
        return
    yield from _series_causes(series)
    if event.get("eventTime") is None:
        yield required("eventTime")
    kind = event.get("type", "")
    if kind not in ("Normal", "Warning"):
        yield invalid("type", "", f"has invalid value: {kind}")
    yield from (invalid(name, "", "needs to be unset") for name in _UNSET if event.get(name))
    if any((event.get("source") or {}).values()):
        yield invalid("source", "", "needs to be unset")


def _shown(event: Obj, name: str) -> object:
    value = event.get(name)
    if name in _STRUCTS and (value is not None or name == "source"):
        return as_struct(value or {}, _STRUCTS[name], unset="")
    return _ZEROS.get(name, "") if value is None else value


def _series_causes(series: Obj | None) -> Found:
    if series is None:
        return
    if series.get("count", 0) < 2:
        yield invalid("series.count", "", "should be at least 2")
    if series.get("lastObservedTime") is None:
        yield required("series.lastObservedTime")


def _old_causes(event: Obj, controller: str) -> Found:
    told = (event.get("involvedObject") or {}).get("namespace", "")
    is_new = event.get("eventTime") is not None
    namespace = event["metadata"].get("namespace", "")
    if not (told or namespace in _FREE if is_new else namespace == (told or "default")):
        yield invalid("involvedObject.namespace", told, "does not match event.namespace")
    if is_new:
        yield from _reporter_causes(event, controller)


def _reporter_causes(event: Obj, called: str) -> Found:
    """What is wrong with the fields that only newer Events have."""
    controller = event.get(_CONTROLLER, "")
    if not controller:
        yield required(called)
    yield from (invalid(called, controller, why) for why in names.qualified(controller))
    for field, most in _MOST.items():
        value = event.get(field) or ""
        if not value and field != "message":
            yield required(field)
        if len(value.encode()) > most:
            yield invalid(field, "", f"can have at most {most} characters")
