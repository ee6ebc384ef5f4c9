"""The three controllers together: what is published when, and what the statuses say."""

from __future__ import annotations

import pytest

from examples.gateway.controllers import scope_of
from examples.gateway.kinds import CONTROLLER_NAME, GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, SECRET
from reconcilekit import ObjectKey
from reconcilekit.state import Publication
from reconcilekit.testing.apiserver import Fault

from .world import (
    CONTROLLER,
    INTERNAL,
    PUBLIC,
    SETTLED,
    SILENT,
    World,
    certificate,
    check_whole,
    encoded,
    route,
    rules_to,
    service,
    simulate,
    timeless,
    virtual_hosts,
)

GOOD = {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"}
THEIRS = {
    "controllerName": "example.com/another-controller",
    "parentRef": {"name": "public", "namespace": "edge", "group": "gateway.networking.k8s.io"},
    "conditions": [{"type": "Theirs", "status": "Unknown", "lastTransitionTime": "2024-05-05T05:05:05Z", "extra": [1]}],
}


def test_everything_applied_is_published_once_and_whole() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            for gateway in (PUBLIC, INTERNAL):
                (publication,) = world.publications(gateway)
                check_whole(publication)
            hosts = {host["name"]: host["domains"] for host in virtual_hosts(world.published())}
            assert {domain for domains in hosts.values() for domain in domains} >= {
                "shop.example.com",
                "shop.admin.example.com",
                "*",
            }
            assert set(world.published().listeners) == {"tcp-10080", "tcp-10443"}
            assert set(world.published(INTERNAL).clusters) == {"payments/ledger/8080", "shop/store/80"}
            assert world.parents("store") == {"public": GOOD, "internal": GOOD}
            assert world.parents("cart") == {"public": GOOD}
            assert world.parents("ledger") == {"internal": GOOD}

    simulate(main)


def test_nothing_is_published_before_every_gateway_had_its_run() -> None:
    """The first publication of one Gateway waits for the other, whose run fails for a while."""

    async def main(world: World) -> None:
        world.server.faults.add(Fault(path="*/gateways/internal/status", user_agent=CONTROLLER, count=12))
        async with world.controllers(settle=0.05):
            assert world.state.snapshot().waiting_for == {"gateway:edge/internal"}
            assert world.publications(PUBLIC) == []
            assert world.gateway_condition("Programmed")[:2] == ("Unknown", "Pending")
            await world.settle(60)
            assert [len(world.publications(gateway)) for gateway in (PUBLIC, INTERNAL)] == [1, 1]
            assert world.gateway_condition("Programmed")[:2] == ("True", "Programmed")

    simulate(main)


def test_programmed_waits_for_the_ack_and_comes_by_a_second_commit() -> None:
    async def main(world: World) -> None:
        world.envoys.verdict = lambda publication: SILENT
        held: list[Publication] = []

        def remember(publication: Publication) -> str:
            held.append(publication)
            return SILENT

        world.envoys.verdict = remember
        async with world.controllers():
            assert world.gateway_condition("Programmed") == ("Unknown", "Pending", "waiting for Envoy to take it")
            assert world.listener_condition("https-shop", "Programmed") == ("Unknown", "Pending")
            path = "PUT /apis/gateway.networking.k8s.io/v1/namespaces/edge/gateways/public/status"
            assert world.writes().count(path) == 1

            next(each for each in held if each.scope == scope_of(PUBLIC)).ack()
            await world.settle()

            assert world.gateway_condition("Programmed") == ("True", "Programmed", "")
            assert world.listener_condition("https-shop", "Programmed") == ("True", "Programmed")
            assert world.gateway_condition("Programmed", "internal")[0] == "Unknown"
            assert world.writes().count(path) == 2

    simulate(main)


def test_a_refusal_is_told_with_envoys_words_and_the_last_good_state_stays() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            good = world.published()
            world.envoys.verdict = lambda publication: (
                "bad cluster" if "cluster/shop/other/80" in publication.entries else ""
            )
            await world.create(*service("other"))
            await world.patch(HTTP_ROUTE, "cart", {"spec": {"rules": rules_to("other")}})
            await world.settle()

            status, reason, message = world.gateway_condition("Programmed")
            assert (status, reason) == ("False", "Invalid")
            assert "bad cluster" in message
            assert world.published().entries() == good.entries()
            for publication in world.publications():
                check_whole(publication)
            assert world.gateway_condition("Programmed", "internal")[0] == "True"

            await world.patch(HTTP_ROUTE, "cart", {"spec": {"rules": rules_to("cart")}})
            await world.settle()

            assert world.gateway_condition("Programmed") == ("True", "Programmed", "")
            assert "shop/cart/80" in world.published().clusters

    simulate(main)


def test_a_refused_secret_is_put_back_alone() -> None:
    """What is refused costs only what it names: a route that changes together with it comes through."""

    async def main(world: World) -> None:
        async with world.controllers():
            (name,) = (name for name in world.published().secrets if "shop" in name)
            old = world.published().secrets[name]
            world.envoys.verdict = lambda publication: (
                "bad key" if publication.entries[f"secret/{name}"].value != old else ""
            )
            other = certificate("other.example.com")
            data = {"tls.crt": encoded(other.certificate), "tls.key": encoded(other.private_key)}
            await world.patch(SECRET, "shop-certificate", {"data": data})
            await world.create(*service("other"))
            await world.patch(HTTP_ROUTE, "cart", {"spec": {"rules": rules_to("other")}})
            await world.settle()

            assert "bad key" in world.gateway_condition("Programmed")[2]
            assert world.published().secrets[name] == old
            assert "shop/other/80" in world.published().clusters
            for publication in world.publications():
                check_whole(publication)

    simulate(main)


def test_a_change_of_a_route_does_not_unprogram_its_gateway() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            before = world.get(GATEWAY, "public", namespace="edge")["status"]
            await world.create(*service("other"))
            await world.patch(HTTP_ROUTE, "cart", {"spec": {"rules": rules_to("other")}})
            await world.settle()

            assert world.get(GATEWAY, "public", namespace="edge")["status"] == before
            assert "shop/other/80" in world.published().clusters

    simulate(main)


def test_a_changed_gateway_is_pending_until_envoy_has_taken_that_generation() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            world.envoys.verdict = lambda publication: SILENT
            listeners = world.get(GATEWAY, "internal", namespace="edge")["spec"]["listeners"]
            another = {"name": "another", "port": 10082, "protocol": "HTTP"}
            await world.patch(GATEWAY, "internal", {"spec": {"listeners": [*listeners, another]}}, namespace="edge")
            await world.settle()

            assert world.gateway_condition("Programmed", "internal")[:2] == ("Unknown", "Pending")
            assert world.gateway_condition("Programmed")[0] == "True"

    simulate(main)


def test_a_restart_writes_and_changes_nothing() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            pass
        before, requests = world.outcome(), len(world.server.requests)
        async with world.controllers():
            assert world.writes(since=requests) == []
            assert world.outcome() == before
            assert world.publications()[0] == world.publications()[-1]

    simulate(main)


def test_a_route_forgets_a_gateway_that_vanished_while_nobody_looked() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            pass
        await world.delete(GATEWAY, "internal", namespace="edge")
        async with world.controllers():
            assert world.parents("store") == {"public": GOOD}
            assert world.parents("ledger") == {}

    simulate(main)


def test_a_routes_status_has_one_writer_and_leaves_other_controllers_entries_as_they_are() -> None:
    async def main(world: World) -> None:
        second = {**THEIRS, "controllerName": "example.com/a-third"}
        stored = world.get(HTTP_ROUTE, "store")
        await world.user.update_status(HTTP_ROUTE, {**stored, "status": {"parents": [THEIRS, second]}})
        async with world.controllers():
            parents = world.get(HTTP_ROUTE, "store")["status"]["parents"]
            assert parents[:2] == [THEIRS, second]
            assert [(p["controllerName"], p["parentRef"]["name"]) for p in parents[2:]] == [
                (CONTROLLER_NAME, "public"),
                (CONTROLLER_NAME, "internal"),
            ]

            await world.patch(HTTP_ROUTE, "store", {"spec": {"rules": rules_to("nowhere")}})
            await world.settle()

            parents = world.get(HTTP_ROUTE, "store")["status"]["parents"]
            assert parents[:2] == [THEIRS, second]
            generation = world.get(HTTP_ROUTE, "store")["metadata"]["generation"]
            observed = {c["observedGeneration"] for p in parents[2:] for c in p["conditions"]}
            assert (generation, observed) == (2, {2})

            writes = [r for r in world.server.requests if "/httproutes/" in r.path and r.method != "GET"]
            by_agent = {(r.user_agent, r.method, r.path.rpartition("/")[2]) for r in writes}
            assert by_agent == {
                (CONTROLLER, "PUT", "status"),
                ("kubectl", "PUT", "status"),
                ("kubectl", "PATCH", "store"),
            }
            routes = {report.key for report in world.reports if report.controller == "http-route"}
            assert {r.path.split("/")[-2] for r in writes if r.user_agent == CONTROLLER} == {key.name for key in routes}
            assert sum(r.writes for r in world.reports if r.controller == "http-route") == len(
                [r for r in writes if r.user_agent == CONTROLLER]
            )

    simulate(main)


def test_a_route_that_moves_away_loses_that_parents_entry_and_keeps_the_others() -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            before = world.get(HTTP_ROUTE, "store")["status"]["parents"]
            await world.patch(
                HTTP_ROUTE, "store", {"spec": {"parentRefs": [{"name": "internal", "namespace": "edge"}]}}
            )
            await world.settle()

            parents = world.get(HTTP_ROUTE, "store")["status"]["parents"]
            assert [p["parentRef"]["name"] for p in parents] == ["internal"]
            times = {c["lastTransitionTime"] for p in before for c in p["conditions"]}
            assert {c["lastTransitionTime"] for p in parents for c in p["conditions"]} == times
            assert not any(
                route.get("name") == "shop/store/0"
                for host in virtual_hosts(world.published())
                for route in host["routes"]
            )
            assert "shop/store/80" in world.published(INTERNAL).clusters

    simulate(main)


def test_another_controllers_class_and_gateways_are_left_alone() -> None:
    async def main(world: World) -> None:
        foreign_class = {
            "apiVersion": GATEWAY_CLASS.api_version,
            "kind": GATEWAY_CLASS.kind,
            "metadata": {"name": "foreign"},
            "spec": {"controllerName": "example.com/another-controller"},
        }
        foreign = {
            "apiVersion": GATEWAY.api_version,
            "kind": GATEWAY.kind,
            "metadata": {"name": "foreign", "namespace": "edge"},
            "spec": {
                "gatewayClassName": "foreign",
                "listeners": [{"name": "http", "port": 10099, "protocol": "HTTP"}],
            },
        }
        theirs = route("theirs", "store", parentRefs=[{"name": "foreign", "namespace": "edge"}])
        await world.create(foreign_class, foreign, theirs)
        untouched = [
            world.get(GATEWAY_CLASS, "foreign", namespace=""),
            world.get(GATEWAY, "foreign", namespace="edge"),
            world.get(HTTP_ROUTE, "theirs"),
        ]
        async with world.controllers():
            assert untouched == [
                world.get(GATEWAY_CLASS, "foreign", namespace=""),
                world.get(GATEWAY, "foreign", namespace="edge"),
                world.get(HTTP_ROUTE, "theirs"),
            ]
            assert world.publications(ObjectKey("edge", "foreign")) == []
            accepted = world.get(GATEWAY_CLASS, "reconcilekit", namespace="")["status"]["conditions"]
            assert [(c["type"], c["status"], c["observedGeneration"]) for c in accepted] == [("Accepted", "True", 1)]

            await world.patch(GATEWAY, "foreign", {"spec": {"gatewayClassName": "reconcilekit"}}, namespace="edge")
            await world.settle()
            assert set(world.published(ObjectKey("edge", "foreign")).listeners) == {"tcp-10099"}

    simulate(main)


@pytest.mark.parametrize("how", ["Gateway deleted", "class deleted", "class changes hands"])
def test_a_gateway_that_is_no_longer_ours_takes_its_entries_with_it(how: str) -> None:
    async def main(world: World) -> None:
        async with world.controllers():
            gateways = {PUBLIC, INTERNAL}
            if how == "Gateway deleted":
                await world.delete(GATEWAY, "internal", namespace="edge")
                gateways = {INTERNAL}
            elif how == "class deleted":
                await world.delete(GATEWAY_CLASS, "reconcilekit", namespace="")
            else:
                await world.patch(
                    GATEWAY_CLASS, "reconcilekit", {"spec": {"controllerName": "example.com/other"}}, namespace=""
                )
            await world.settle()

            for gateway in gateways:
                assert dict(world.state.snapshot()[scope_of(gateway)]) == {}
                assert world.published(gateway).entries() == {}
            assert ("internal" in world.parents("store")) is False
            assert ("public" in world.parents("store")) is (how == "Gateway deleted")

    simulate(main)


def test_one_seed_gives_the_same_publications_and_requests() -> None:
    def run(seed: int) -> tuple[object, ...]:
        async def main(world: World) -> tuple[object, ...]:
            for plural in ("httproutes", "services", "endpointslices", "tokenpolicies", "secrets", "gateways"):
                world.server.lag(plural, lambda: world.clock.random.uniform(0, 0.5))
            world.server.faults.add(Fault(user_agent=CONTROLLER, count=None, probability=0.1))
            async with world.controllers():
                await world.create(*service("other"), route("new", "other"))
                await world.settle(60)
                requests = [(r.at, r.method, r.path, r.status) for r in world.server.requests]
                return requests, world.publications(PUBLIC), world.publications(INTERNAL), world.outcome()

        return simulate(main, seed=seed)

    first = run(1)

    assert first == run(1)
    assert first[0] != run(2)[0]
    assert timeless(first[-1]) == run(2)[-1]


def test_the_settling_time_is_enough() -> None:
    """Nothing is under way any more after `SETTLED` seconds; the other tests rest on it."""

    async def main(world: World) -> None:
        async with world.controllers():
            requests, runs = len(world.server.requests), len(world.reports)
            await world.settle(4 * SETTLED)
            assert (len(world.server.requests), len(world.reports)) == (requests, runs)

    simulate(main)
