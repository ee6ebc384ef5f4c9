"""The order of pushes, nonces and refusals, on a scripted stream."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.gateway.xds.resources import ResourceType
from examples.gateway.xds.session import Request, Response, Session
from tests.examples.gateway.xds.modelled import ModelEnvoy, encoded
from tests.examples.gateway.xds.published import Entries, cluster, listener, routes


def world(*clusters: str, port: int = 1, name: str = "http", **rules: str) -> dict[str, dict[str, Any]]:
    """A listener on `port`, its routes, and these clusters; the routes' clusters by default."""
    entries = {**listener(name, port, route="r"), **routes("r", **rules)}
    for one in clusters or tuple(rules.values()):
        entries.update(cluster(one, 1000))
    return entries


def envoy_with(*worlds: Entries, refuses: frozenset[str] = frozenset()) -> ModelEnvoy:
    documents = {
        one.digest: entries[one.key]
        for entries in worlds
        for kind in encoded(entries).values()
        for one in kind.values()
    }
    return ModelEnvoy(Session(live={}), documents, refuses)


def aim(envoy: ModelEnvoy, entries: Entries, generation: int = 1) -> None:
    envoy.incoming.extend(envoy.session.aim(encoded(entries), generation=generation))


def settle(envoy: ModelEnvoy, entries: Entries, generation: int = 1) -> list[str]:
    """Head there and let both ends run; what was pushed, in order."""
    envoy.log.clear()
    aim(envoy, entries, generation)
    envoy.run()
    return list(envoy.log)


class TestOrder:
    def test_clusters_and_their_endpoints_come_before_listeners_and_their_routes(self) -> None:
        first = world(a="blue")
        envoy = envoy_with(first)
        envoy.start()

        assert settle(envoy, first) == ["cluster blue", "endpoint blue", "listener http", "route r"]
        assert envoy.session.is_settled

    def test_the_old_cluster_goes_when_no_route_leads_to_it(self) -> None:
        first, second = world(a="blue"), world(a="green")
        envoy = envoy_with(first, second)
        envoy.start()
        settle(envoy, first)

        assert settle(envoy, second, 2) == ["cluster blue green", "endpoint green", "route r", "cluster green"]

    def test_an_old_listener_goes_after_the_new_one_serves(self) -> None:
        first, second = world(a="blue"), world(a="blue", name="web", port=2)
        envoy = envoy_with(first, second)
        envoy.start()
        settle(envoy, first)

        assert settle(envoy, second, 2) == ["listener http web", "route r", "listener web"]

    def test_an_old_listener_whose_address_is_taken_goes_at_once(self) -> None:
        first, second = world(a="blue"), world(a="blue", name="web")
        envoy = envoy_with(first, second)
        envoy.start()
        settle(envoy, first)

        assert settle(envoy, second, 2) == ["listener web", "route r"]

    def test_nothing_is_pushed_that_did_not_change(self) -> None:
        first = world("blue", "green", a="blue")
        second = {**first, **routes("r", a="green")}
        envoy = envoy_with(first, second)
        envoy.start()
        settle(envoy, first)

        assert settle(envoy, first, 2) == []
        assert envoy.session.is_settled
        assert settle(envoy, second, 3) == ["route r"]

    def test_a_changed_cluster_gets_its_endpoints_again(self) -> None:
        first = world(a="blue")
        second = {**first, "cluster/blue": {**first["cluster/blue"], "connectTimeout": "2s"}}
        envoy = envoy_with(first, second)
        envoy.start()
        settle(envoy, first)

        assert settle(envoy, second, 2) == ["cluster blue", "endpoint blue"]
        assert envoy.session.is_settled

    def test_an_empty_scope_is_pushed_too(self) -> None:
        envoy = envoy_with()
        envoy.start()

        assert settle(envoy, {}) == ["cluster", "listener"]
        assert envoy.session.is_settled

    def test_nothing_is_pushed_before_it_is_subscribed(self) -> None:
        session = Session(live={})

        assert session.aim(encoded(world(a="blue")), generation=1) == []
        assert not session.is_settled


class TestAnswers:
    def test_an_old_nonce_is_ignored(self) -> None:
        session = Session(live={})
        session.aim(encoded(world(a="blue")), generation=1)
        (pushed,) = session.handle(Request(kind=ResourceType.CLUSTER))

        assert session.handle(Request(kind=ResourceType.CLUSTER, nonce="77")) == []
        assert session.handle(Request(kind=ResourceType.CLUSTER, nonce="77", error="late")) == []
        assert session.refusal is None
        assert pushed.nonce == "1"

    def test_only_what_is_subscribed_by_name_is_sent(self) -> None:
        session = Session(live={})
        session.aim(encoded(world("blue", "green", a="blue")), generation=1)
        session.handle(Request(kind=ResourceType.CLUSTER))

        (pushed,) = session.handle(Request(kind=ResourceType.ENDPOINT, names=frozenset({"green", "unheard-of"})))

        assert [one.name for one in pushed.resources] == ["green"]

    def test_a_name_that_was_dropped_and_is_wanted_again_is_sent_again(self) -> None:
        session = Session(live={})
        session.aim(encoded(world("blue", "green", a="blue")), generation=1)
        session.handle(Request(kind=ResourceType.CLUSTER))
        both = frozenset({"blue", "green"})
        (pushed,) = session.handle(Request(kind=ResourceType.ENDPOINT, names=both))
        session.handle(Request(kind=ResourceType.ENDPOINT, names=frozenset({"blue"}), nonce=pushed.nonce))

        (again,) = session.handle(Request(kind=ResourceType.ENDPOINT, names=both, nonce=pushed.nonce))

        assert [one.name for one in again.resources] == ["green"]

    def test_a_refusal_ends_the_push_and_names_its_suspects(self) -> None:
        first, second = world(a="blue"), {**world(a="blue"), **listener("web", 2, route="r")}
        envoy = envoy_with(first, second)
        envoy.refuses = frozenset({encoded(second)[ResourceType.LISTENER]["web"].digest})
        envoy.start()
        settle(envoy, first)

        settle(envoy, second, 2)

        assert envoy.session.refusal is not None
        assert envoy.session.refusal.reason == "Envoy refused listener: no good: ['web']"
        assert envoy.session.refusal.suspects == {"listener/web"}
        assert not envoy.session.is_settled

    def test_after_a_refusal_the_same_content_is_sent_again_under_a_fresh_version(self) -> None:
        first, second = world(a="blue"), {**world(a="blue"), **listener("web", 2, route="r")}
        envoy = envoy_with(first, second)
        envoy.refuses = frozenset({encoded(second)[ResourceType.LISTENER]["web"].digest})
        envoy.start()
        settle(envoy, first)
        settle(envoy, second, 2)

        pushed, _routes = envoy.session.aim(encoded(first), generation=3)

        assert [one.name for one in pushed.resources] == ["http"]
        assert pushed.version.endswith(".3")

    def test_a_push_with_the_same_content_has_the_same_hash(self) -> None:
        def first_push(generation: int) -> Response:
            session = Session(live={})
            session.aim(encoded(world(a="blue")), generation=generation)
            return session.handle(Request(kind=ResourceType.CLUSTER))[0]

        assert first_push(1).version.split(".")[0] == first_push(2).version.split(".")[0]


class TestNextStream:
    def test_what_the_last_stream_left_is_kept_until_it_is_replaced(self) -> None:
        first, second = world(a="blue"), world(a="green")
        envoy = envoy_with(first, second)
        envoy.start()
        settle(envoy, first)

        again = ModelEnvoy(Session(live=envoy.session.live), envoy.documents)
        again.start()

        assert settle(again, second, 2) == [
            "cluster blue green",
            "endpoint blue green",
            "listener http",
            "route r",
            "route r",
            "cluster green",
        ]


NAMES = ("c0", "c1", "c2")


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Whole snapshots: every route leads to a cluster, every listener to its routes and secret."""
    present = draw(st.sets(st.sampled_from(NAMES), min_size=1))
    entries: dict[str, dict[str, Any]] = {}
    for name in sorted(present):
        entries.update(cluster(name, draw(st.integers(1, 2))))
        entries[f"cluster/{name}"]["connectTimeout"] = draw(st.sampled_from(("1s", "2s")))
    for number in draw(st.sets(st.integers(1, 3))):
        entries.update(listener(f"l{number}", number, route=f"r{number}"))
        entries.update(routes(f"r{number}", a=draw(st.sampled_from(sorted(present)))))
        entries[f"listener/l{number}"]["statPrefix"] = draw(st.sampled_from(("x", "y")))
    return entries


def interleave(envoy: ModelEnvoy, data: st.DataObject) -> None:
    """Let both ends run in any order; no moment may have a hole."""
    while envoy.incoming or envoy.outgoing:
        first, second = (
            (envoy.step_envoy, envoy.step_server) if data.draw(st.booleans()) else (envoy.step_server, envoy.step_envoy)
        )
        if not first():
            second()
        assert envoy.hole() == ""


@given(st.data())
def test_whatever_the_interleaving_no_hole_is_ever_served(data: st.DataObject) -> None:
    sequence = data.draw(st.lists(worlds(), min_size=1, max_size=4))
    envoy = envoy_with(*sequence)
    envoy.start()
    for generation, entries in enumerate(sequence):
        aim(envoy, entries, generation)
        interleave(envoy, data)
        assert envoy.session.is_settled
        target = encoded(entries)
        assert envoy.served() == {
            kind.value: {name: one.digest for name, one in target[kind].items()}
            for kind in (ResourceType.LISTENER, ResourceType.CLUSTER, ResourceType.ROUTE)
        }


@given(st.data())
def test_after_any_refusal_the_last_good_state_is_whole_again(data: st.DataObject) -> None:
    good, bad = data.draw(worlds()), data.draw(worlds())
    candidates = sorted({one.digest for kind in encoded(bad).values() for one in kind.values()})
    envoy = envoy_with(good, bad)
    envoy.start()
    settle(envoy, good, 1)
    known = {one.digest for kind in encoded(good).values() for one in kind.values()}
    envoy.refuses = frozenset({data.draw(st.sampled_from(candidates))}) - known
    aim(envoy, bad, 2)
    interleave(envoy, data)

    aim(envoy, good, 3)
    interleave(envoy, data)

    assert envoy.session.is_settled
    assert envoy.served()["listener"] == {n: one.digest for n, one in encoded(good)[ResourceType.LISTENER].items()}
    assert envoy.served()["cluster"] == {n: one.digest for n, one in encoded(good)[ResourceType.CLUSTER].items()}


def test_the_model_sees_a_hole() -> None:
    first, second = world(a="blue"), world(a="green")
    envoy = envoy_with(first, second)
    envoy.start()
    settle(envoy, first)

    envoy.clusters.clear()

    assert envoy.hole() == "r of http leads to blue, which isn't there"


@pytest.mark.parametrize("kind", list(ResourceType))
def test_every_type_has_a_url(kind: ResourceType) -> None:
    assert kind.url.startswith("type.googleapis.com/envoy.")
