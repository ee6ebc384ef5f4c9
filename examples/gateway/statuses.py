"""Verdicts as the Gateway API's status objects.

What a translation can't know comes as an argument: whether Envoy has taken the snapshot, what the status said before,
and the time. A condition's lastTransitionTime moves only when its status flips.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final

import attrs

from examples.gateway.fields import Fields
from examples.gateway.kinds import CONTROLLER_NAME, GATEWAY_GROUP
from examples.gateway.model import Object, describe
from examples.gateway.rendering import DataPlane
from examples.gateway.translate import Translation
from examples.gateway.verdicts import Condition, ListenerVerdict, Reason, RouteVerdict


class Stage(enum.Enum):
    """How far a snapshot has come."""

    PENDING = "pending"
    """Published or about to be; no Envoy has answered yet."""

    TAKEN = "taken"
    """Envoy has acknowledged it."""

    REFUSED = "refused"
    """Envoy has refused it; the last one it took is served."""


@attrs.frozen
class Programming:
    """What Envoy says of the snapshot, with its own words where it refused it."""

    stage: Stage
    message: str = ""


PENDING: Final = Programming(Stage.PENDING)


def gateway_class_conditions(gateway_class: Object) -> tuple[Condition, ...]:
    """Accepted, for a GatewayClass with our controllerName.

    Raises:
        ConfigError: the GatewayClass has a wrong shape.
    """
    spec = Fields(gateway_class, subject=describe(gateway_class)).fields("spec")
    if spec.has("parametersRef"):
        message = "spec.parametersRef isn't supported; remove it"
        return (Condition("Accepted", False, Reason.INVALID_PARAMETERS, message),)
    return (Condition("Accepted", True, Reason.ACCEPTED),)


def gateway_conditions(translation: Translation, programming: Programming) -> tuple[Condition, ...]:
    """Accepted and Programmed of a Gateway.

    Args:
        translation: the Gateway's.
        programming: what Envoy says of its snapshot.
    """
    problem = translation.gateway.address_problem
    if problem is not None:
        programmed = Condition("Programmed", False, problem.reason, problem.message)
    elif not any(listener.is_served for listener in translation.listeners):
        programmed = Condition("Programmed", False, Reason.INVALID, "no listener can be served")
    else:
        programmed = _programmed(programming)
    return (translation.gateway.accepted, programmed)


def listener_conditions(verdict: ListenerVerdict, programming: Programming) -> tuple[Condition, ...]:
    """Accepted, Conflicted, ResolvedRefs and Programmed of a listener.

    Args:
        verdict: the listener's.
        programming: what Envoy says of the Gateway's snapshot.
    """
    if verdict.is_served:
        return (*verdict.conditions, _programmed(programming))
    causes = (condition.message for condition in verdict.conditions if condition.message)
    return (*verdict.conditions, Condition("Programmed", False, Reason.INVALID, next(causes, "")))


def gateway_status(
    gateway: Object, translation: Translation, programming: Programming, *, data_plane: DataPlane, now: str
) -> dict[str, Any]:
    """The whole status of a Gateway; conditions of other writers stay.

    Args:
        gateway: as it was translated, with the status it has.
        translation: its translation.
        programming: what Envoy says of the snapshot.
        data_plane: whose address it gets.
        now: RFC 3339 with seconds, for conditions that flip.
    """
    previous = gateway.get("status") or {}
    generation = gateway["metadata"].get("generation", 0)
    before = {listener.get("name"): listener for listener in previous.get("listeners") or []}
    return {
        **previous,
        "addresses": [{"type": "IPAddress", "value": data_plane.address}],
        "conditions": merge_conditions(
            previous.get("conditions"),
            gateway_conditions(translation, programming),
            generation=generation,
            now=now,
        ),
        "listeners": [
            {
                "name": verdict.name,
                "supportedKinds": [{"group": GATEWAY_GROUP, "kind": kind} for kind in verdict.supported_kinds],
                "attachedRoutes": verdict.attached_routes,
                "conditions": merge_conditions(
                    before.get(verdict.name, {}).get("conditions"),
                    listener_conditions(verdict, programming),
                    generation=generation,
                    now=now,
                ),
            }
            for verdict in {verdict.name: verdict for verdict in translation.listeners}.values()
        ],
    }


def route_parents(previous: Sequence[Object] | None, verdicts: Sequence[RouteVerdict], *, now: str) -> list[Object]:
    """A route's `status.parents`: other controllers' entries as they are, then ours, without those of former parents.

    Args:
        previous: the entries that the route has.
        verdicts: ours, from all the Gateways that the route names, in the order of its parentRefs.
        now: RFC 3339 with seconds, for conditions that flip.
    """
    others = [entry for entry in previous or [] if entry.get("controllerName") != CONTROLLER_NAME]
    own = [entry for entry in previous or [] if entry.get("controllerName") == CONTROLLER_NAME]
    return [*others, *(_parent(verdict, own, now) for verdict in verdicts)]


def merge_conditions(
    previous: Sequence[Object] | None, wanted: Sequence[Condition], *, generation: int, now: str
) -> list[Object]:
    """Conditions as the API has them; those of types that aren't wanted here stay where they are.

    Args:
        previous: the conditions that the object has.
        wanted: what they are to say.
        generation: the object's generation that this is about.
        now: RFC 3339 with seconds, for conditions that flip.
    """
    before = {condition.get("type"): condition for condition in previous or []}
    types = {condition.type for condition in wanted}
    kept = [condition for condition in previous or [] if condition.get("type") not in types]
    return [*kept, *(_render(condition, before.get(condition.type), generation, now) for condition in wanted)]


def _parent(verdict: RouteVerdict, own: Sequence[Object], now: str) -> Object:
    reference = verdict.parent.to_object()
    before = next((entry.get("conditions") for entry in own if entry.get("parentRef") == reference), None)
    types = {condition.type for condition in verdict.conditions}
    # PartiallyInvalid has to go when it no longer holds.
    relevant = [condition for condition in before or [] if condition.get("type") in types]
    return {
        "controllerName": CONTROLLER_NAME,
        "parentRef": reference,
        "conditions": merge_conditions(relevant, verdict.conditions, generation=verdict.generation, now=now),
    }


def _programmed(programming: Programming) -> Condition:
    match programming.stage:
        case Stage.TAKEN:
            return Condition("Programmed", True, Reason.PROGRAMMED)
        case Stage.REFUSED:
            return Condition("Programmed", False, Reason.INVALID, f"Envoy refused it: {programming.message}")
        case Stage.PENDING:
            return Condition("Programmed", None, Reason.PENDING, "waiting for Envoy to take it")


_STATUSES: Final = {True: "True", False: "False", None: "Unknown"}


def _render(condition: Condition, before: Object | None, generation: int, now: str) -> Object:
    status = _STATUSES[condition.is_true]
    has_flipped = before is None or before.get("status") != status
    return {
        "type": condition.type,
        "status": status,
        "reason": str(condition.reason),
        "message": condition.message,
        "observedGeneration": generation,
        "lastTransitionTime": now if before is None or has_flipped else before.get("lastTransitionTime", now),
    }
