"""Events, as the core group has them (pkg/apis/core/validation).

Those of events.k8s.io are stored so, too; what only that group asks for isn't looked at.
"""

from __future__ import annotations

from reconcilekit.testing.apiserver.validation import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, invalid, required

_FREE = ("default", "kube-system")
"""Where Events of things without a namespace may be."""

_MOST = {"reportingInstance": 128, "action": 128, "reason": 128, "message": 1024}
_CONTROLLER = "reportingComponent"


def event_causes(event: Obj, old: Obj | None) -> Found:
    """What is wrong with an Event."""
    told = (event.get("involvedObject") or {}).get("namespace", "")
    is_new = event.get("eventTime") is not None
    namespace = event["metadata"].get("namespace", "")
    if not (told or namespace in _FREE if is_new else namespace == (told or "default")):
        yield invalid("involvedObject.namespace", told, "does not match event.namespace")
    if is_new:
        yield from _reporter_causes(event)


def _reporter_causes(event: Obj) -> Found:
    """What is wrong with the fields that only newer Events have."""
    controller = event.get(_CONTROLLER, "")
    if not controller:
        yield required(_CONTROLLER)
    yield from (invalid(_CONTROLLER, controller, why) for why in names.qualified(controller))
    for field, most in _MOST.items():
        value = event.get(field) or ""
        if not value and field != "message":
            yield required(field)
        if len(value.encode()) > most:
            yield invalid(field, "", f"can have at most {most} characters")
