from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from reconcilekit.state import (
    Candidate,
    Publication,
    ScopeOptions,
    StateChange,
    StateError,
    StateStore,
    VerdictState,
    Veto,
    by_owner,
)

Connect = Callable[..., Any]
Put = Callable[..., None]


def refusing(*bad: object) -> Callable[[set[object]], str | None]:
    def refuses(values: set[object]) -> str | None:
        found = sorted(str(value) for value in values & set(bad))
        return f"bad: {', '.join(found)}" if found else None

    return refuses


def verdict(store: StateStore, *names: str) -> VerdictState:
    return store.snapshot()["x"].verdict(*names).state


def test_without_a_subscriber_everything_stays_pending(store: StateStore, put: Put) -> None:
    put("x", one=1)
    found = store.snapshot()["x"].verdict("one")
    assert (found.is_pending, found.reason) == (True, "no subscriber is connected")


def test_an_ack_is_readable_and_told(store: StateStore, put: Put, connect: Connect) -> None:
    changes: list[StateChange] = []
    store.on_change(changes.append)
    envoy = connect("x")
    put("x", one=1, two=2)
    assert store.snapshot()["x"].verdict().reason == "waiting for 'envoy'"
    assert envoy.last.changed.names == {"one", "two"}
    assert envoy.last.ack()
    assert not envoy.last.ack()  # one answer counts
    assert not envoy.last.nack("too late")
    assert verdict(store) is verdict(store, "one") is VerdictState.ACKED
    assert changes[-1].scopes["x"].verdicts == {"one", "two"}
    assert changes[-1].scopes["x"].entries == frozenset()
    put("x", two=22)
    assert verdict(store, "one") is VerdictState.ACKED
    assert verdict(store, "two") is verdict(store) is VerdictState.PENDING
    assert envoy.last.changed.names == {"two"}
    envoy.last.ack()
    assert changes[-1].scopes["x"].verdicts == {"two"}


def test_removal_is_acked_once_nobody_has_it(store: StateStore, put: Put, connect: Connect) -> None:
    put("x", one=1, two=2)
    envoy = connect("x")
    envoy.last.ack()
    with store.stage(owner="ns/a") as stage:
        del stage["x"]["one"]
    assert verdict(store, "one") is VerdictState.PENDING
    assert set(envoy.last.changed.removed) == {"one"}
    envoy.last.ack()
    assert verdict(store, "one") is VerdictState.ACKED


def test_one_publication_is_in_flight_and_later_ones_coalesce(store: StateStore, put: Put, connect: Connect) -> None:
    envoy = connect("x")
    for value in range(5):
        put("x", one=value)
    assert envoy.contents() == [{"one": 0}]
    envoy.last.ack()
    assert envoy.contents() == [{"one": 0}, {"one": 4}]
    assert envoy.last.version > envoy.offered[0].version
    assert envoy.last.state_version == 5


def test_a_change_taken_back_while_in_flight_is_published_back(store: StateStore, put: Put, connect: Connect) -> None:
    envoy = connect("x")
    put("x", one=1)
    envoy.last.ack()
    put("x", one=2)
    put("x", one=1)
    envoy.last.ack()
    assert envoy.contents() == [{"one": 1}, {"one": 2}, {"one": 1}]
    envoy.last.ack()
    put("x", one=3)
    put("x", one=4)
    put("x", one=3)  # what is in flight is what is wanted: nothing is left to publish
    envoy.last.ack()
    assert len(envoy.offered) == 4
    assert verdict(store) is VerdictState.ACKED


def test_acked_only_when_all_subscribers_have(store: StateStore, put: Put, connect: Connect) -> None:
    put("x", one=1)
    first, second = connect("x", name="first"), connect("x", name="second")
    changes: list[StateChange] = []
    store.on_change(changes.append)
    first.last.ack()
    assert changes == []  # nothing a reader would decide differently on
    assert store.snapshot()["x"].verdict("one").reason == "waiting for 'second'"
    second.subscription.close()
    assert verdict(store) is VerdictState.ACKED
    first.subscription.close()
    first.subscription.close()
    assert verdict(store) is VerdictState.PENDING


def test_a_subscriber_that_never_answers_holds_up_only_itself(store: StateStore, put: Put, connect: Connect) -> None:
    connect("x", name="hung")
    quick = connect("x", name="quick", refuses=refusing("bad"))
    for value in (1, "bad", 3):
        put("x", one=value)
    assert quick.contents()[-1] == {"one": 3}


def test_who_reconnects_gets_the_current_content_whole(store: StateStore, put: Put, connect: Connect) -> None:
    put("x", one=1, two=2)
    envoy = connect("x")
    envoy.last.ack()
    stale = envoy.last
    put("x", one=11)
    in_flight = envoy.last
    envoy.subscription.close()
    assert not in_flight.nack("after the connection was lost")
    again = connect("x")
    assert again.contents() == [{"one": 11, "two": 2}]
    assert again.last.changed.names == {"one", "two"}
    assert again.last.version > in_flight.version > stale.version


def test_a_nack_is_answered_with_the_last_good_content_under_a_fresh_version(
    store: StateStore, put: Put, connect: Connect
) -> None:
    envoy = connect("x", refuses=refusing("bad"))
    put("x", one=1)
    put("x", one="bad")
    assert envoy.contents() == [{"one": 1}, {"one": "bad"}, {"one": 1}]
    assert envoy.last.version == 3
    assert envoy.last.put_back == {"one"}
    snapshot = store.snapshot()["x"]
    assert snapshot["one"] == "bad"  # what is wanted stays wanted
    assert snapshot.published_values["one"] == 1
    assert snapshot.verdict("one").is_nacked
    assert snapshot.verdict().reason == "entry 'one': refused by 'envoy': bad: bad"
    assert snapshot.quarantined["one"].reason == "bad: bad"


def test_only_the_offenders_stay_put_back(store: StateStore, put: Put, connect: Connect) -> None:
    envoy = connect("x", refuses=refusing("bad", "worse"))
    put("x", **{f"r{number}": number for number in range(16)})
    put("x", **{f"r{number}": -number for number in range(16) if number not in (3, 9)}, r3="bad", r9="worse", new=1)
    published = store.snapshot()["x"].published_values
    assert set(store.snapshot()["x"].quarantined) == {"r3", "r9"}
    assert (published["r3"], published["r9"], published["r4"], published["new"]) == (3, 9, -4, 1)
    assert envoy.contents()[-1] == dict(published)
    assert envoy.contents()[2] == envoy.contents()[0]  # first of all the strays of the refused push go
    assert len(envoy.offered) <= 2 + 2 * 2 * 5
    assert verdict(store, "r4") is VerdictState.ACKED


def test_suspects_are_left_out_first_and_nothing_else_moves(store: StateStore, put: Put, connect: Connect) -> None:
    envoy = connect("x")
    put("x", one=1, two=2, three=3)
    envoy.last.ack()
    put("x", one=11, two="bad", three=33)
    envoy.last.nack("two is bad", suspects=["two"])
    assert envoy.contents()[-1] == {"one": 11, "two": 2, "three": 33}
    envoy.last.ack()
    assert set(store.snapshot()["x"].quarantined) == {"two"}
    assert len(envoy.offered) == 3  # it was accepted already: nothing more to offer


def test_a_wrong_suspicion_costs_only_time(store: StateStore, put: Put, connect: Connect) -> None:
    envoy = connect("x")
    put("x", one=1, two=2, three=3)
    envoy.last.ack()
    put("x", one="bad", two=22, three=33)
    envoy.last.nack("?", suspects=["two", "unknown"])
    while not store.snapshot()["x"].quarantined or envoy.contents()[-1]["one"] == "bad":
        assert len(envoy.offered) < 12
        (envoy.last.nack if envoy.contents()[-1]["one"] == "bad" else lambda _: envoy.last.ack())("?")
    envoy.last.ack()
    assert dict(store.snapshot()["x"].published_values) == {"one": 1, "two": 22, "three": 33}


def test_refused_content_is_not_published_again_until_it_changes(store: StateStore, put: Put, connect: Connect) -> None:
    envoy = connect("x", refuses=refusing("bad", "worse"))
    put("x", one=1, two=2)
    put("x", one="bad")
    refused = len(envoy.offered)
    put("x", one="bad")
    assert len(envoy.offered) == refused
    put("x", two=22)
    assert envoy.contents()[-1] == {"one": 1, "two": 22}
    envoy.subscription.close()
    again = connect("x", refuses=refusing("bad", "worse"))
    assert again.contents() == [{"one": 1, "two": 22}]
    put("x", one="worse")
    assert {"one": "worse", "two": 22} in again.contents()
    put("x", one="good")
    assert again.contents()[-1] == {"one": "good", "two": 22}
    assert verdict(store) is VerdictState.ACKED
    assert not store.snapshot()["x"].quarantined


def test_a_first_publication_that_is_refused_is_built_up_from_nothing(
    store: StateStore, put: Put, connect: Connect
) -> None:
    put("x", one=1, two="bad", three=3)
    envoy = connect("x", refuses=refusing("bad"))
    assert envoy.contents()[-1] == {"one": 1, "three": 3}
    put("x", two="bad", one="bad too")
    assert envoy.contents()[-1] == {"one": "bad too", "three": 3}


def test_a_removal_that_is_refused_keeps_what_was_published(store: StateStore, put: Put, connect: Connect) -> None:
    envoy = connect("x")
    put("x", one=1)
    envoy.last.ack()
    store.remove_owner("ns/a")
    envoy.last.nack("one is needed")
    assert envoy.contents() == [{"one": 1}, {}, {"one": 1}]
    envoy.last.ack()
    assert verdict(store, "one") is VerdictState.NACKED
    put("x", owner="ns/b", one=2)
    assert envoy.contents()[-1] == {"one": 2}


def test_units_of_an_owner_are_never_split(store: StateStore, put: Put, connect: Connect) -> None:
    store.scope("x", options=ScopeOptions(unit=by_owner))
    put("x", owner="ns/a", a1=1, a2=1)
    put("x", owner="ns/b", b1=1)
    envoy = connect("x", refuses=refusing("bad"))
    with store.stage(owner="ns/b") as stage:
        stage["x"]["b1"] = 2
        stage["x"]["b2"] = "bad"
        stage["x"]["b3"] = 3
    put("x", owner="ns/a", a1=2)
    assert envoy.contents()[-1] == {"a1": 2, "a2": 1, "b1": 1}
    assert set(store.snapshot()["x"].quarantined) == {"b1", "b2", "b3"}
    put("x", owner="ns/b", b3=33)  # the owner's input changed: all of it is tried again, and refused again
    assert {"a1": 2, "a2": 1, "b1": 2, "b2": "bad", "b3": 33} in envoy.contents()
    assert envoy.contents()[-1] == {"a1": 2, "a2": 1, "b1": 1}
    put("x", owner="ns/b", b2=2)
    assert envoy.contents()[-1] == {"a1": 2, "a2": 1, "b1": 2, "b2": 2, "b3": 33}


def routes_have_clusters(candidate: Candidate) -> list[Veto]:
    """A route's value ends in the name of its cluster; a cluster's starts with its own."""
    values = candidate.values
    return [
        Veto(entry=name, message=f"cluster {str(value)[-2:]!r} is missing")
        for name, value in sorted(values.items())
        if name.startswith("r") and str(value)[-2:] not in {str(values[other])[:2] for other in values}
    ]


VALIDATED = ScopeOptions(validators=(routes_have_clusters,))


def test_no_mix_that_validators_refuse_is_ever_offered(store: StateStore, put: Put, connect: Connect) -> None:
    store.scope("x", options=VALIDATED)
    envoy = connect("x", refuses=refusing("c2 bad"))
    put("x", c1="c1", r1="to c1")
    put("x", c2="c2 bad", r2="to c2", c3="c3", r3="to c3", r1="to c3")
    assert envoy.contents()[-1] == {"c1": "c1", "c3": "c3", "r1": "to c3", "r3": "to c3"}
    for publication in envoy.offered:
        entries = {name: entry.value for name, entry in publication.entries.items()}
        assert not routes_have_clusters(Candidate(scope="x", values=entries, diff=publication.changed))
    snapshot = store.snapshot()["x"]
    assert snapshot.quarantined["r2"].reason == "cluster 'c2' is missing"
    assert snapshot.verdict("c2").reason == "entry 'c2': refused by 'envoy': bad: c2 bad"
    put("x", c2="c2 good")  # what only waited for it goes out with it
    assert envoy.contents()[-1]["r2"] == "to c2"
    assert verdict(store) is VerdictState.ACKED


def test_what_goes_only_together_is_refused_together(store: StateStore, put: Put, connect: Connect) -> None:
    def both_or_none(candidate: Candidate) -> list[Veto]:
        pairs = (("a", "d"), ("b", "c"))
        return [
            Veto(entry=name, message="lonely")
            for pair in pairs
            for name, other in (pair, pair[::-1])
            if name in candidate.values and other not in candidate.values
        ]

    store.scope("x", options=ScopeOptions(validators=(both_or_none,)))
    envoy = connect("x", refuses=refusing("bad"))
    put("x", zero=0)
    put("x", a="bad", b=2, c=3, d=4)
    assert envoy.contents()[-1] == {"zero": 0, "b": 2, "c": 3}
    assert set(store.snapshot()["x"].quarantined) == {"a", "d"}
    assert len(envoy.offered) < 10


def test_what_was_refused_together_is_offered_again_when_any_of_it_changes(store: StateStore, connect: Connect) -> None:
    """Otherwise what was dropped together with the offender would stay for ever, and hold its mended companions."""

    def moves_as_one(candidate: Candidate) -> list[Veto]:
        """The route needs the cluster that it names, and no cluster is without a route."""
        clusters = {str(name) for name in candidate.values if name != "route"}
        wanted = {str(candidate.values["route"])} if "route" in candidate.values else set()
        return [Veto(entry=name, message="lonely") for name in sorted(clusters ^ wanted)] + [
            Veto(entry="route", message="is lonely, too") for _ in [0] if clusters != wanted
        ]

    def publish(**entries: object) -> None:
        with store.stage(owner="ns/a", replace=True) as stage:
            stage["x"].update(entries)

    store.scope("x", options=ScopeOptions(validators=(moves_as_one,)))
    envoy = connect("x", refuses=refusing("bad"))
    publish(old=1, route="old")
    publish(offender="bad", route="offender")
    assert envoy.contents()[-1] == {"old": 1, "route": "old"}
    assert set(store.snapshot()["x"].quarantined) == {"old", "offender", "route"}

    publish(third=3, route="third")

    assert envoy.contents()[-1] == {"third": 3, "route": "third"}
    assert verdict(store) is VerdictState.ACKED


def test_a_search_is_finished_before_newer_content_is_offered(store: StateStore, put: Put, connect: Connect) -> None:
    envoy = connect("x")
    put("x", one=1, two=2)
    envoy.last.ack()
    put("x", one="bad", two=22)
    envoy.last.nack("bad")
    put("x", three=3)
    put("x", one="bad")
    for _ in range(10):
        if envoy.contents()[-1] == {"one": 1, "two": 22, "three": 3}:
            break
        (envoy.last.nack if "bad" in envoy.contents()[-1].values() else lambda _: envoy.last.ack())("bad")
    envoy.last.ack()
    assert set(store.snapshot()["x"].quarantined) == {"one"}


def test_a_subscriber_that_refuses_even_the_last_good_content_is_left_alone(
    store: StateStore, put: Put, connect: Connect
) -> None:
    envoy = connect("x")
    put("x", one=1, two=2)
    envoy.last.ack()
    put("x", one=11, two=22)
    envoy.last.nack("no")
    envoy.last.nack("not even that")
    assert len(envoy.offered) == 3
    assert store.snapshot()["x"].verdict("one").reason == "refused by 'envoy': not even that"
    put("x", one=11)
    assert len(envoy.offered) == 3
    put("x", one=111)
    assert envoy.contents()[-1] == {"one": 111, "two": 22}
    envoy.last.ack()
    assert verdict(store) is VerdictState.ACKED


def test_replicas_that_refuse_each_others_good_content_dont_ping_pong(
    store: StateStore, put: Put, connect: Connect
) -> None:
    first = connect("x", name="first")
    put("x", one="p")
    first.last.ack()
    second = connect("x", name="second", refuses=refusing("p"))
    put("x", one="q")
    first.last.nack("no q")
    assert second.contents() == [{"one": "p"}, {"one": "q"}, {"one": "p"}]
    first.last.ack()
    assert (len(first.offered), len(second.offered)) == (3, 3)
    assert store.snapshot()["x"].verdict("one").reason == "entry 'one': refused by 'first': no q"


def test_an_ack_of_what_was_rolled_back_meanwhile_doesnt_make_it_good(
    store: StateStore, put: Put, connect: Connect
) -> None:
    envoy = connect("x")
    for value in (1, 2, 3):
        put("x", one=value)
        if value < 3:
            envoy.last.ack()
    store.scope("x").rollback(reason="?")
    envoy.last.ack()
    assert envoy.contents()[-1] == {"one": 2}
    envoy.last.ack()
    store.scope("x").rollback(reason="?")
    assert envoy.contents()[-1] == {"one": 1}


def test_what_changed_is_known_beyond_the_history() -> None:
    store = StateStore(history=1)
    offered: list[Publication] = []

    class Envoy:
        name = "envoy"

        def offer(self, publication: Publication) -> None:
            offered.append(publication)

    store.scope("x").subscribe(Envoy())
    for name in ("one", "two", "three", "four"):
        with store.stage() as stage:
            stage["x"][name] = name
    offered[-1].ack()
    assert offered[-1].changed.names == {"two", "three", "four"}


def test_a_refusal_that_passes_quarantines_nothing_that_was_accepted_again(
    store: StateStore, put: Put, connect: Connect
) -> None:
    envoy = connect("x")
    put("x", one=1, two=2, three=3)
    envoy.last.ack()
    put("x", one=11, two=22, three=33)
    envoy.last.nack("out of memory")
    for _ in range(3):
        envoy.last.ack()
    assert set(store.snapshot()["x"].quarantined) == {
        "two"
    }  # with it, the last by name, it was the very content that was refused
    store.scope("x").retry()
    envoy.last.ack()
    assert envoy.contents()[-1] == {"one": 11, "two": 22, "three": 33}


def test_retry_publishes_refused_content_once_more(store: StateStore, put: Put, connect: Connect) -> None:
    envoy = connect("x", refuses=refusing("bad"))
    put("x", one=1, two=2)
    put("x", one="bad", two="bad")
    envoy.refuses = refusing()
    store.scope("x").retry("one")
    assert envoy.contents()[-1] == {"one": "bad", "two": 2}
    store.scope("x").retry()
    assert envoy.contents()[-1] == {"one": "bad", "two": "bad"}


def test_rollback_publishes_the_last_good_content_until_something_changes(
    store: StateStore, put: Put, connect: Connect
) -> None:
    scope = store.scope("x")
    with pytest.raises(StateError, match="no accepted content other than the one published now"):
        scope.rollback(reason="?")
    envoy = connect("x", refuses=refusing())
    put("x", one=1, two=2)
    put("x", one=11)
    put("x", two=22, three=33)
    scope.rollback(reason="errors went up")
    assert envoy.contents()[-1] == {"one": 11, "two": 2}
    assert store.snapshot()["x"].verdict("three").reason == "entry 'three': errors went up"
    scope.rollback(reason="still")
    assert envoy.contents()[-1] == {"one": 1, "two": 2}
    put("x", one=11)
    assert envoy.contents()[-1] == {"one": 1, "two": 2}  # restaged, not changed
    put("x", one=111)
    assert envoy.contents()[-1] == {"one": 111, "two": 2}
    scope.retry()
    assert envoy.contents()[-1] == {"one": 111, "two": 22, "three": 33}
    with pytest.raises(StateError, match="no accepted content of version 2 to roll back to"):
        scope.rollback(reason="?", to=2)


def test_rollback_reaches_back_to_a_version(store: StateStore, put: Put, connect: Connect) -> None:
    envoy = connect("x", refuses=refusing())
    for value in range(1, 5):
        put("x", one=value)
    store.scope("x").rollback(reason="?", to=2)
    assert envoy.contents()[-1] == {"one": 2}


def test_a_subscriber_that_raises_is_logged_and_counts_as_silent(
    store: StateStore, put: Put, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(_: set[object]) -> str | None:
        raise RuntimeError("stream is gone")

    connect("x", refuses=crash)
    with caplog.at_level(logging.ERROR):
        put("x", one=1)
    assert "stream is gone" in caplog.text
    assert verdict(store) is VerdictState.PENDING
