"""Faults at every request, and watches that lag: the end is the same, and nothing half-built is ever published."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from typing import Any

import attrs
import pytest

from examples.gateway.demo.mayhem import REQUEST_FAULTS
from examples.gateway.kinds import HTTP_ROUTE, TOKEN_POLICY
from examples.gateway.snapshot import Snapshot, referenced_clusters
from reconcilekit import RunReport, Verdict
from reconcilekit.testing.apiserver import Fault
from tests.worlds import real_world

from .world import (
    CONTROLLER,
    HTTPS_PORT,
    INTERNAL,
    PUBLIC,
    TOKEN,
    Entries,
    World,
    check_whole,
    route,
    rules_to,
    service,
    simulate,
    virtual_hosts,
)

LONG = 120.0
"""Virtual seconds in which every backoff of these tests has ended: the reflectors' longest is 30 s."""

Scenario = Callable[[World], Coroutine[Any, Any, None]]


async def a_change(world: World) -> None:
    """A route moves to a Service made just before, the admin route to a TokenPolicy made just before, one goes."""
    await world.create(*service("other"), token_policy("stricter"))
    await world.patch(HTTP_ROUTE, "cart", {"spec": {"rules": rules_to("other")}})
    await world.patch(HTTP_ROUTE, "admin", {"spec": {"rules": demanding("stricter")}})
    await world.delete(HTTP_ROUTE, "health")


def token_policy(name: str) -> dict[str, Any]:
    return {
        "apiVersion": TOKEN_POLICY.api_version,
        "kind": TOKEN_POLICY.kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"secretRef": {"name": "admin-token"}},
    }


def demanding(policy: str) -> list[dict[str, Any]]:
    extension = {"group": "gateway.reconcilekit.dev", "kind": "TokenPolicy", "name": policy}
    return [{"filters": [{"type": "ExtensionRef", "extensionRef": extension}], **rules_to("store")[0]}]


@attrs.frozen
class Told:
    """What came of a simulation."""

    outcome: dict[str, Any]
    publications: Mapping[str, frozenset[str]]
    requests: int
    hits: int
    reports: list[RunReport]


def tell(fault: Fault | None, *, at: str, seed: int = 0) -> Told:
    """Start or change with this fault of the controllers' requests."""

    async def main(world: World) -> Told:
        def arm() -> None:
            if fault is not None:
                world.server.faults.add(fault)

        if at == "start":
            arm()
        async with world.controllers():
            before = len(world.server.requests)
            if at == "change":
                arm()
                await a_change(world)
            await world.settle(LONG)
            requests = list(world.server.requests)[0 if at == "start" else before :]
            return Told(
                outcome=world.outcome(),
                publications={str(g): contents(world.publications(g)) for g in (PUBLIC, INTERNAL)},
                requests=sum(record.user_agent == CONTROLLER for record in requests),
                hits=len(world.server.faults.log),
                reports=world.reports,
            )

    return simulate(main, seed=seed)


def contents(publications: list[Entries]) -> frozenset[str]:
    return frozenset(json.dumps(publication, sort_keys=True) for publication in publications)


def undisturbed(at: str) -> Told:
    return undisturbed_on(at, is_real=real_world() is not None)


@cache
def undisturbed_on(at: str, *, is_real: bool) -> Told:
    """Each lane has its own: their backends have other addresses."""
    return tell(None, at=at)


def stride() -> int:
    """Every request has its turn on the embedded server; on a real one, where each start takes half a second, some."""
    return 1 if real_world() is None else 8


@pytest.mark.slow
@pytest.mark.parametrize("at", ["start", "change"])
@pytest.mark.parametrize("name", REQUEST_FAULTS)
def test_a_fault_at_any_request_changes_nothing_in_the_end_and_publishes_nothing_half_built(name: str, at: str) -> None:
    clean = undisturbed(at)
    method = REQUEST_FAULTS[name].method
    for index in range(0, clean.requests, stride()):
        fault = attrs.evolve(REQUEST_FAULTS[name], user_agent=CONTROLLER, after_calls=index)
        told = tell(fault, at=at)

        assert told.hits == 1 or method != "*", f"request {index} was never made"
        assert told.outcome == clean.outcome, f"request {index}"
        for gateway, publications in told.publications.items():
            for publication in publications:
                check_whole(json.loads(publication))
            if at == "start":
                assert publications <= clean.publications[gateway], f"request {index}"


@pytest.mark.lanes("embedded")  # it is about the whole exploration
def test_the_exploration_sees_runs_that_failed_and_were_repeated() -> None:
    clean = undisturbed("start")
    failed = [
        report
        for index in range(0, clean.requests, stride())
        for report in tell(Fault(user_agent=CONTROLLER, after_calls=index), at="start").reports
        if report.outcome.verdict is Verdict.TRANSIENT
    ]

    assert {report.controller for report in failed} == {"gateway", "gateway-class", "http-route"}
    assert {report.rule for report in failed} == {"etcd-error"}
    assert all(report.next_delay is not None for report in failed)


@pytest.mark.parametrize("path", ["/api", "/apis", "*/tokenpolicies", "*/httproutes", "*/secrets"])
@pytest.mark.parametrize("status", [500, 503, 403])
def test_a_start_in_which_a_kind_cannot_be_read_publishes_nothing_until_it_can(path: str, status: int) -> None:
    """A discovery that failed is not a kind that is absent; nor is one that is refused an empty one."""
    clean = undisturbed("start")

    async def main(world: World) -> None:
        fault = world.server.faults.add(Fault(path=path, status=status, user_agent=CONTROLLER, count=None))
        async with world.controllers():
            assert world.publications(PUBLIC) == []
            assert world.publications(INTERNAL) == []
            assert "status" not in world.get(HTTP_ROUTE, "admin")

            world.server.faults.remove(fault)
            await world.settle(LONG)

            assert contents(world.publications(PUBLIC)) == clean.publications[str(PUBLIC)]
            assert world.outcome() == clean.outcome

    simulate(main)


@pytest.mark.parametrize("seed", range(12))
def test_no_publication_has_a_hole_however_far_the_watches_lag_behind_each_other(seed: int) -> None:
    async def main(world: World) -> None:
        for plural in ("httproutes", "services", "endpointslices", "tokenpolicies", "secrets"):
            world.server.lag(plural, lambda: world.clock.random.uniform(0, 2.0))
        async with world.controllers():
            last = ""
            for number in range(6):
                last = f"s{number}"
                await world.create(*service(last), token_policy(last))
                await world.patch(HTTP_ROUTE, "store", {"spec": {"rules": rules_to(last)}})
                await world.patch(HTTP_ROUTE, "admin", {"spec": {"rules": demanding(last)}})
                await world.create(route(f"new-{number}", last))
                await world.settle(world.clock.random.uniform(0, 3))
            await world.settle(LONG)

            for gateway in (PUBLIC, INTERNAL):
                for publication in world.publications(gateway):
                    check_whole(publication)
                    check_served(publication)
            for publication in world.publications(PUBLIC):
                check_protected(publication)
            assert f"shop/{last}/80" in world.published().clusters
            assert len(world.publications()) > 3

    simulate(main, seed=seed)


@pytest.mark.parametrize("seed", range(4))
def test_the_admin_route_is_never_open_whatever_happens(seed: int) -> None:
    """Every kind of fault at random, restarts included."""

    async def main(world: World) -> None:
        for fault in REQUEST_FAULTS.values():
            world.server.faults.add(attrs.evolve(fault, user_agent=CONTROLLER, count=None, probability=0.04))
        for plural in ("httproutes", "tokenpolicies", "secrets"):
            world.server.lag(plural, lambda: world.clock.random.uniform(0, 1.0))
        policy = "admin"
        for number in range(3):
            async with world.controllers():
                for step in range(3):
                    old, policy = policy, f"policy-{number}-{step}"
                    await world.create(token_policy(policy))
                    await world.patch(HTTP_ROUTE, "admin", {"spec": {"rules": demanding(policy)}})
                    await world.delete(TOKEN_POLICY, old)
                    await world.settle(world.clock.random.uniform(0, 5))
                if number == 2:
                    world.server.faults.clear()
                    await world.settle(LONG)
        for publication in world.publications():
            check_protected(publication)
        assert "Bearer" in json.dumps(dict(world.published().routes))
        assert len(world.server.faults.log) > 20

    simulate(main, seed=seed)


def check_served(publication: Entries) -> None:
    """No route answers 500: whatever a route refers to was made before it."""
    clusters = {name for c in Snapshot.from_entries(publication).routes.values() for name in referenced_clusters(c)}
    assert clusters
    for host in virtual_hosts(publication):
        statuses = [each["directResponse"]["status"] for each in host["routes"] if "directResponse" in each]
        assert 500 not in statuses


def check_protected(publication: Entries) -> None:
    """Whatever leads to a backend under the admin's host demands the token."""
    snapshot = Snapshot.from_entries(publication)
    configuration = snapshot.routes[f"https/{HTTPS_PORT}/*.admin.example.com"]
    for host in configuration["virtualHosts"]:
        for each in host["routes"]:
            if "route" in each:
                headers = {header["name"]: header["stringMatch"]["exact"] for header in each["match"]["headers"]}
                assert headers["authorization"] == f"Bearer {TOKEN}"
