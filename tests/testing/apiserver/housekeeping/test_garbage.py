"""Objects go when their owners go: at once, before their owner, or not at all, as the request wants it."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from reconcilekit.testing import ApiServer, Housekeeping, VirtualClock, run_virtual
from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"


def owned(name: str, *owners: dict[str, Any], block: bool = True) -> dict[str, Any]:
    """A ConfigMap with owners."""
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }
        for owner in owners
    ]
    return {"metadata": {"name": name, "ownerReferences": references} if owners else {"name": name}}


async def make(call: Caller, name: str, *owners: dict[str, Any], block: bool = True) -> dict[str, Any]:
    created = await call("POST", MAPS, owned(name, *owners, block=block))
    assert created.status == 201
    body: dict[str, Any] = created.body
    return body


async def names(call: Caller) -> list[str]:
    return [item["metadata"]["name"] for item in (await call("GET", MAPS)).body["items"]]


def test_dependents_go_with_their_owner_and_theirs_with_them(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        a = await make(call, "a")
        b = await make(call, "b", a)
        await make(call, "c", b)
        await make(call, "free")

        assert (await call("DELETE", f"{MAPS}/a")).body["status"] == "Success"

        assert await names(call) == ["free"]

    on_server(scenario)


def test_an_object_goes_when_the_last_of_its_owners_has_gone(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        a, b = await make(call, "a"), await make(call, "b")
        await make(call, "c", a, b)

        await call("DELETE", f"{MAPS}/a")

        left = (await call("GET", f"{MAPS}/c")).body["metadata"]["ownerReferences"]
        assert [reference["name"] for reference in left] == ["b"]

        await call("DELETE", f"{MAPS}/b")

        assert await names(call) == []

    on_server(scenario)


def test_in_the_foreground_an_owner_waits_for_those_that_block_it(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        a = await make(call, "a")
        blocking = await make(call, "blocking", a)
        await call("PATCH", f"{MAPS}/blocking", {"metadata": {"finalizers": ["example.com/hold"]}}, patch="merge")
        await make(call, "free", a, block=False)

        answer = await call("DELETE", f"{MAPS}/a", {"propagationPolicy": "Foreground"})

        assert answer.status == 200
        assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]
        assert await names(call) == ["a", "blocking"]
        assert (await call("GET", f"{MAPS}/blocking")).body["metadata"]["uid"] == blocking["metadata"]["uid"]

        await call("PATCH", f"{MAPS}/blocking", {"metadata": {"finalizers": None}}, patch="merge")

        assert await names(call) == []

    on_server(scenario)


def test_an_owner_waits_no_longer_for_what_it_no_longer_owns(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        a = await make(call, "a")
        await make(call, "b", a)
        await call("PATCH", f"{MAPS}/b", {"metadata": {"finalizers": ["example.com/hold"]}}, patch="merge")
        await call("DELETE", f"{MAPS}/a", {"propagationPolicy": "Foreground"})

        await call("PATCH", f"{MAPS}/b", {"metadata": {"ownerReferences": None}}, patch="merge")

        assert await names(call) == ["b"]

    on_server(scenario)


def test_orphans_stay_and_have_no_owner_any_more(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        a, b = await make(call, "a"), await make(call, "b")
        await make(call, "c", a)
        await make(call, "d", a, b)

        answer = await call("DELETE", f"{MAPS}/a", {"propagationPolicy": "Orphan"})

        assert answer.body["metadata"]["finalizers"] == ["orphan"]
        assert await names(call) == ["b", "c", "d"]
        assert "ownerReferences" not in (await call("GET", f"{MAPS}/c")).body["metadata"]
        assert [r["name"] for r in (await call("GET", f"{MAPS}/d")).body["metadata"]["ownerReferences"]] == ["b"]

    on_server(scenario)


def test_a_job_orphans_its_dependents_unless_told_otherwise(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        jobs = "/apis/batch/v1/namespaces/default/jobs"
        pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
        for name in ("old", "new"):
            job = await call("POST", jobs, {"metadata": {"name": name}, "spec": {"template": {"spec": pod}}})
            body = owned(f"of-{name}", job.body)
            body["metadata"]["ownerReferences"][0] |= {"apiVersion": "batch/v1", "kind": "Job"}
            await call("POST", MAPS, body)

        await call("DELETE", f"{jobs}/old")
        await call("DELETE", f"{jobs}/new", {"propagationPolicy": "Background"})

        assert await names(call) == ["of-old"]
        assert (await call("GET", jobs)).body["items"] == []

    on_server(scenario)


def test_an_owner_of_another_uid_is_no_owner(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        a = await make(call, "a")
        stranger = {"metadata": {"name": "a", "uid": "00000000-0000-4000-8000-000000000000"}}

        await make(call, "both", a, stranger)
        await make(call, "lost", stranger)

        assert await names(call) == ["a", "both"]
        left = (await call("GET", f"{MAPS}/both")).body["metadata"]["ownerReferences"]
        assert [reference["uid"] for reference in left] == [a["metadata"]["uid"]]

    on_server(scenario)


def test_an_owner_in_another_namespace_is_no_owner_and_an_event_says_so(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        a = (await call("POST", "/api/v1/namespaces/kube-system/configmaps", {"metadata": {"name": "a"}})).body

        await make(call, "lost", a)

        assert await names(call) == []
        (event,) = (await call("GET", "/api/v1/namespaces/default/events")).body["items"]
        assert event["reason"] == "OwnerRefInvalidNamespace"
        assert event["message"] == (
            f"ownerRef [v1/ConfigMap, namespace: default, name: a, uid: {a['metadata']['uid']}] "
            'does not exist in namespace "default"'
        )
        assert event["involvedObject"]["name"] == "lost"

    on_server(scenario)


def test_an_owner_of_an_unknown_kind_keeps_its_dependents(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        body = owned("kept", {"metadata": {"name": "a", "uid": "1"}})
        body["metadata"]["ownerReferences"][0]["kind"] = "Nonesuch"
        await call("POST", MAPS, body)

        assert await names(call) == ["kept"]

    on_server(scenario)


def test_a_circle_ends_in_the_foreground_too(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        a = await make(call, "a")
        b = await make(call, "b", a)
        await call("PATCH", f"{MAPS}/a", owned("a", b), patch="merge")

        await call("DELETE", f"{MAPS}/a", {"propagationPolicy": "Foreground"})

        assert await names(call) == []

    on_server(scenario)


def test_it_takes_the_time_that_was_set_and_none_when_idle(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        a = await make(call, "a")
        await make(call, "b", a)
        await call("DELETE", f"{MAPS}/a")

        await call.clock.sleep(1.9)
        assert await names(call) == ["b"]
        await call.clock.sleep(0.2)
        assert await names(call) == []

    on_server(scenario, housekeeping=Housekeeping(delay=2.0))


def test_without_it_the_finalizers_of_a_deletion_stay(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        a = await make(call, "a")
        await make(call, "b", a)

        await call("DELETE", f"{MAPS}/a", {"propagationPolicy": "Foreground"})

        assert await names(call) == ["a", "b"]

    on_server(scenario, housekeeping=Housekeeping.none())


@pytest.mark.parametrize("delay", [0.0, 1.0])
def test_a_restored_server_knows_its_owners(on_server: Any, delay: float) -> None:
    async def scenario(call: Caller) -> None:
        a = await make(call, "a")
        await make(call, "b", a)
        await call.clock.sleep(5)
        before = call.server.snapshot()
        await call("DELETE", f"{MAPS}/a")
        await call.clock.sleep(5)
        call.server.restore(before)
        assert await names(call) == ["a", "b"]

        await call("DELETE", f"{MAPS}/a")
        await call.clock.sleep(5)

        assert await names(call) == []

    on_server(scenario, housekeeping=Housekeeping(delay=delay))


NAMES = ["a", "b", "c", "d", "e", "f"]

Step = tuple[str, str, tuple[str, ...]]

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("make"), st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True).map(tuple)),
        st.tuples(st.just("own"), st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True).map(tuple)),
        st.tuples(st.sampled_from(["Background", "Foreground", "Orphan"]), st.sampled_from(NAMES), st.just(())),
    ),
    max_size=30,
)


class Model:
    """Who is there and whom they name: all that garbage collection comes to in the end."""

    def __init__(self) -> None:
        self.owners: dict[str, frozenset[str]] = {}

    def choose(self, name: str, owners: tuple[str, ...]) -> list[str]:
        """Owners that are there; nobody owns itself, for the real one then waits for ever."""
        return [owner for owner in owners if owner in self.owners and owner != name]

    def delete(self, name: str, policy: str) -> None:
        if policy == "Orphan":
            self.owners = {other: named - {name} for other, named in self.owners.items()}
        self.owners.pop(name, None)
        self.collect()

    def collect(self) -> None:
        while lost := [name for name, named in self.owners.items() if named and not named & self.owners.keys()]:
            for name in lost:
                del self.owners[name]
        self.owners = {name: named & self.owners.keys() for name, named in self.owners.items()}


async def play(call: Caller, model: Model, step: Step) -> None:
    action, name, owners = step
    if action in ("make", "own"):
        chosen = model.choose(name, owners)
        bodies = [(await call("GET", f"{MAPS}/{owner}")).body for owner in chosen]
        if action == "make" and name not in model.owners:
            await make(call, name, *bodies)
            model.owners[name] = frozenset(chosen)
        elif action == "own" and name in model.owners:
            references = owned(name, *bodies)["metadata"].get("ownerReferences")
            await call("PATCH", f"{MAPS}/{name}", {"metadata": {"ownerReferences": references}}, patch="merge")
            model.owners[name] = frozenset(chosen)
    elif name in model.owners:
        await call("DELETE", f"{MAPS}/{name}", {"propagationPolicy": action})
        model.delete(name, action)


async def what_is_there(call: Caller) -> dict[str, frozenset[str]]:
    items = (await call("GET", MAPS)).body["items"]
    return {
        item["metadata"]["name"]: frozenset(
            reference["name"] for reference in item["metadata"].get("ownerReferences", ())
        )
        for item in items
    }


@pytest.mark.parametrize("delay", [0.0, 0.5])
@hypothesis.given(steps=STEPS)
def test_any_graph_and_any_deletions_leave_what_the_model_leaves(delay: float, steps: list[Step]) -> None:
    async def main(clock: VirtualClock) -> None:
        call = Caller(ApiServer(clock=clock, housekeeping=Housekeeping(delay=delay)), clock)
        model = Model()
        for step in steps:
            await play(call, model, step)
            await clock.sleep(20 * delay)
            assert await what_is_there(call) == model.owners

    run_virtual(main)
