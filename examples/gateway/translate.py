"""From one Gateway and what it can see to one snapshot for its Envoy, and a verdict on everything that it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from examples.gateway.assembly import PlannedRoute, assemble
from examples.gateway.attachment import Attachments, attach
from examples.gateway.backends import Backends
from examples.gateway.fields import Fields
from examples.gateway.kinds import CONTROLLER_NAME, GATEWAY_CLASS, HTTP_ROUTE
from examples.gateway.listeners import JudgedListener, judge_listeners
from examples.gateway.model import (
    Gateway,
    HTTPRoute,
    Object,
    ParentRef,
    describe,
    parse_gateway,
    parse_http_route,
    parse_metadata,
    parse_parent_refs,
)
from examples.gateway.reads import PARENT_GATEWAY, Reads, RememberedReads
from examples.gateway.rendering import DataPlane
from examples.gateway.routing import plan_route, unaccepted
from examples.gateway.snapshot import Snapshot
from examples.gateway.verdicts import (
    Condition,
    GatewayVerdict,
    ListenerVerdict,
    Problem,
    Reason,
    RouteVerdict,
)
from reconcilekit.errors import ConfigError


@attrs.frozen(kw_only=True)
class Translation:
    """What a Gateway comes to.

    Attributes:
        snapshot: for its Envoy; see `examples.gateway.snapshot.check`.
        gateway: the verdict on the Gateway itself.
        listeners: the verdicts on its listeners, in its order.
        routes: the verdicts on the routes that name it, the oldest first, one per parent reference.
    """

    snapshot: Snapshot
    gateway: GatewayVerdict
    listeners: tuple[ListenerVerdict, ...]
    routes: tuple[RouteVerdict, ...]


def is_managed(gateway: Object, reads: Reads) -> bool:
    """True where a Gateway's class exists and is ours.

    Args:
        gateway: the Gateway.
        reads: where its GatewayClass is looked up.

    Raises:
        ConfigError: the Gateway or its class has a wrong shape.
    """
    gateway_class = reads.get(GATEWAY_CLASS, parse_gateway(gateway).class_name, namespace="")
    if gateway_class is None:
        return False
    spec = Fields(gateway_class, subject=describe(gateway_class)).fields("spec")
    return spec.text("controllerName", default="") == CONTROLLER_NAME


def translate(gateway: Object, reads: Reads, *, data_plane: DataPlane | None = None) -> Translation:
    """Translate one Gateway; the same objects give the same translation, in whatever order they are found.

    What is wrong with a listener, a route or what they refer to touches only what names it, and is told in its verdict.

    Args:
        gateway: the Gateway, known to be ours: see `is_managed`.
        reads: everything else is looked up here, each thing once.
        data_plane: where its Envoy listens; `DataPlane()` by default.

    Raises:
        ConfigError: the Gateway itself has a wrong shape, so nobody can tell what it asks for.
    """
    data_plane = data_plane or DataPlane()
    reads = RememberedReads(reads)
    parsed = parse_gateway(gateway)
    judged = judge_listeners(parsed, reads, data_plane=data_plane)
    routes = _plan_routes(parsed, reads)
    return Translation(
        snapshot=assemble(judged, routes, data_plane=data_plane),
        gateway=_judge_gateway(parsed, judged, data_plane),
        listeners=tuple(entry.verdict(attached_routes=_count(routes, entry.listener.name)) for entry in judged),
        routes=tuple(verdict for route in routes for verdict in _route_verdicts(route)),
    )


def _plan_routes(gateway: Gateway, reads: Reads) -> list[PlannedRoute]:
    backends = Backends(reads)
    found = reads.select(HTTP_ROUTE, index=(PARENT_GATEWAY, str(gateway.meta.key)))
    planned = [_plan(route, gateway, reads, backends) for route in found]
    return sorted(planned, key=lambda route: route.meta.seniority)


def _plan(obj: Object, gateway: Gateway, reads: Reads, backends: Backends) -> PlannedRoute:
    meta = parse_metadata(obj)
    parents = [
        parent for parent in parse_parent_refs(obj) if parent.names(gateway.meta.key, from_namespace=meta.key.namespace)
    ]
    try:
        route = parse_http_route(obj)
    except ConfigError as error:
        plan = unaccepted(error.message)
        return PlannedRoute(meta=meta, plan=plan, parents=tuple((parent, {}) for parent in parents))
    return PlannedRoute(
        meta=meta,
        plan=plan_route(route, reads=reads, backends=backends),
        parents=tuple((parent, _attach(route, parent, gateway, reads)) for parent in parents),
    )


def _attach(route: HTTPRoute, parent: ParentRef, gateway: Gateway, reads: Reads) -> Attachments | Problem:
    return attach(route, parent, gateway.listeners, gateway_namespace=gateway.meta.key.namespace, reads=reads)


def _count(routes: Iterable[PlannedRoute], listener: str) -> int:
    return sum(1 for route in routes if route.plan.accepted.is_true and route.hostnames_at(listener))


def _route_verdicts(route: PlannedRoute) -> Iterable[RouteVerdict]:
    for parent, attachments in route.parents:
        accepted = route.plan.accepted
        if isinstance(attachments, Problem) and accepted.is_true:
            accepted = Condition("Accepted", False, attachments.reason, attachments.message)
        conditions = (accepted, route.plan.resolved_refs, route.plan.partially_invalid)
        yield RouteVerdict(
            route=route.meta.key,
            parent=parent,
            generation=route.meta.generation,
            conditions=tuple(condition for condition in conditions if condition is not None),
        )


def _judge_gateway(gateway: Gateway, judged: Sequence[JudgedListener], data_plane: DataPlane) -> GatewayVerdict:
    unserved = [entry.listener.name for entry in judged if not entry.is_served]
    foreign = [address for address in gateway.addresses if address != data_plane.address]
    address_problem = None
    if foreign:
        address_problem = Problem(
            Reason.ADDRESS_NOT_USABLE, f"addresses {foreign} can't be bound; this data plane has {data_plane.address}"
        )
    if not unserved and judged:
        accepted = Condition("Accepted", True, Reason.ACCEPTED)
    else:
        message = f"listeners that aren't served: {', '.join(unserved)}" if unserved else "it has no listeners"
        accepted = Condition("Accepted", len(unserved) < len(judged), Reason.LISTENERS_NOT_VALID, message)
    return GatewayVerdict(accepted=accepted, address_problem=address_problem)
