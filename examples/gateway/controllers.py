"""Three controllers: GatewayClass, Gateway, HTTPRoute.

A Gateway is one key, one scope of the StateStore and one Envoy node. Its reconcile translates all that its Envoy needs
into one snapshot and, in the same commit, the verdicts on the routes that it saw. A route's status has one writer, its
own controller, which reads those verdicts; so what a route says of itself is what the published snapshot did with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, cast

from examples.gateway.kinds import CONTROLLER_NAME, GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, READ_BY_TRANSLATION
from examples.gateway.model import Object, parse_metadata, parse_parent_refs
from examples.gateway.reads import INDEXES
from examples.gateway.rendering import DataPlane
from examples.gateway.snapshot import InconsistentSnapshotError, Snapshot, check
from examples.gateway.statuses import Programming, Stage, gateway_class_conditions, gateway_status, route_parents
from examples.gateway.translate import Translation, is_managed, translate
from examples.gateway.verdicts import RouteVerdict
from reconcilekit import Context, Manager, ObjectKey, Reconciler, StateStore
from reconcilekit.kube.objects import RawObject
from reconcilekit.state import Candidate, ScopeOptions, ScopeSnapshot, Veto

TIMESTAMP = "%Y-%m-%dT%H:%M:%SZ"
"""How the API writes times."""

GATEWAY_SCOPES = "gateway/"
"""What the names of the scopes begin with that Envoys subscribe to."""

DataPlanes = Callable[[ObjectKey], DataPlane]
"""Where each Gateway's Envoy listens."""


class GatewayClassReconciler(Reconciler):
    """Accepts the classes that name this controller."""

    primary = GATEWAY_CLASS
    ready_condition = "Accepted"

    def reconcile(self, ctx: Context) -> None:
        """Say whether the class can be honoured; other controllers' classes are theirs."""
        gateway_class = ctx.primary
        if gateway_class is None or gateway_class["spec"].get("controllerName") != CONTROLLER_NAME:
            return
        for condition in gateway_class_conditions(gateway_class):
            status: bool | Literal["Unknown"] = "Unknown" if condition.is_true is None else condition.is_true
            ctx.condition(condition.type, status, reason=condition.reason, message=condition.message)


class GatewayReconciler(Reconciler):
    """Publishes one whole snapshot for each Gateway's Envoy.

    Args:
        data_planes: where each Gateway's Envoy listens; by default as the Gateway's ports say, on loopback.
    """

    primary = GATEWAY
    reads = (GATEWAY_CLASS, *READ_BY_TRANSLATION)
    ready_condition = "Accepted"
    publishes = True

    def __init__(self, data_planes: DataPlanes = lambda key: DataPlane()) -> None:
        self._data_planes = data_planes

    def reconcile(self, ctx: Context) -> None:
        """Translate, check, and stage the snapshot with its verdicts; the commit publishes all of it or nothing."""
        gateway = ctx.primary
        if gateway is None or not is_managed(gateway, ctx):
            return
        data_plane = self._data_planes(ctx.key)
        translation = translate(gateway, ctx, data_plane=data_plane)
        check(translation.snapshot)
        entries = translation.snapshot.entries()
        ctx.state(scope_of(ctx.key)).update(entries)
        for route, verdicts in _by_route(translation).items():
            ctx.state(verdicts_scope(route))[str(ctx.key)] = verdicts
        programming = _programming(gateway, ctx.read_state(scope_of(ctx.key)), entries)
        status = gateway_status(
            gateway, translation, programming, data_plane=data_plane, now=ctx.now.strftime(TIMESTAMP)
        )
        ctx.status.update(status)


class HTTPRouteReconciler(Reconciler):
    """Writes down what became of a route at each of its Gateways, and leaves other controllers' entries alone."""

    primary = HTTP_ROUTE
    ready_condition = None

    def reconcile(self, ctx: Context) -> None:
        """Collect the verdicts that the Gateways published together with their snapshots."""
        route = ctx.primary
        if route is None:
            return
        published = ctx.read_state(verdicts_scope(ctx.key))
        if published.is_held:
            return  # After a restart what stands there was true; some Gateway hasn't said yet whether it still is.
        verdicts = [verdict for value in published.values() for verdict in _as_verdicts(value)]
        order = {parent: position for position, parent in enumerate(parse_parent_refs(route))}
        named = sorted((v for v in verdicts if v.parent in order), key=lambda verdict: order[verdict.parent])
        previous = (route.get("status") or {}).get("parents")
        parents = route_parents(previous, named, now=ctx.now.strftime(TIMESTAMP))
        if parents != (previous or []):
            ctx.status["parents"] = parents


def add_controllers(manager: Manager, *, data_planes: DataPlanes = lambda key: DataPlane()) -> Manager:
    """Add the three controllers and the indexes that they select by."""
    for (resource, name), function in INDEXES.items():
        manager.index(resource, name, _over_raw(function))
    manager.add(GatewayClassReconciler())
    manager.add(GatewayReconciler(data_planes))
    manager.add(HTTPRouteReconciler())
    return manager


def gateway_state() -> StateStore:
    """A StateStore for these controllers: what it makes of a snapshot that Envoy refused in part is whole, too."""
    return StateStore(options=ScopeOptions(validators=(veto_holes,)))


def veto_holes(candidate: Candidate) -> Iterable[Veto]:
    """Refuse a mix of old and new entries of a Gateway in which something refers to what isn't there.

    Envoy would take it and answer 503 (`snapshot.check`).
    """
    if candidate.scope.startswith(GATEWAY_SCOPES):
        try:
            check(Snapshot.from_entries(cast("Mapping[str, dict[str, Any]]", candidate.values)))
        except InconsistentSnapshotError as error:
            yield Veto(entry=error.offender, message=str(error))


def scope_of(gateway: ObjectKey) -> str:
    """The scope of the StateStore that a Gateway's Envoy subscribes to, and its node id."""
    return f"{GATEWAY_SCOPES}{gateway}"


def verdicts_scope(route: ObjectKey) -> str:
    """The scope with what became of a route, one entry a Gateway."""
    return f"verdicts/{route}"


def _by_route(translation: Translation) -> Mapping[ObjectKey, tuple[RouteVerdict, ...]]:
    found: dict[ObjectKey, tuple[RouteVerdict, ...]] = {}
    for verdict in translation.routes:
        found[verdict.route] = (*found.get(verdict.route, ()), verdict)
    return found


def _as_verdicts(value: object) -> Iterable[RouteVerdict]:
    assert isinstance(value, tuple)
    return value


def _programming(gateway: Object, published: ScopeSnapshot, entries: Mapping[str, object]) -> Programming:
    """What Envoy says of these entries, as far as it has been asked."""
    verdict = published.verdict()
    if verdict.is_nacked:
        return Programming(Stage.REFUSED, verdict.reason)
    if verdict.is_acked and dict(published) == dict(entries):
        return Programming(Stage.TAKEN)
    # A change of a route doesn't unprogram the Gateway: that generation of it is served all the while.
    return Programming(Stage.TAKEN if _is_programmed(gateway) else Stage.PENDING)


def _is_programmed(gateway: Object) -> bool:
    generation = parse_metadata(gateway).generation
    return any(
        condition.get("type") == "Programmed"
        and condition.get("status") == "True"
        and condition.get("observedGeneration") == generation
        for condition in (gateway.get("status") or {}).get("conditions") or []
    )


def _over_raw(function: Callable[[Object], Iterable[str]]) -> Callable[[RawObject], Iterable[str]]:
    return lambda raw: function(raw.decode())
