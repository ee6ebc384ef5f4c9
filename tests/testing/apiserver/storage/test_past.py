"""The change log, snapshots, rewinds and forks: any sequence equals a naive model, at the cost that is promised."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, Change, CompactedError, VirtualClock, run_virtual
from reconcilekit.testing.apiserver import Snapshot
from tests.calls import no_collection
from tests.memory import peak_bytes

CONFIG_MAP = Resource("v1", "ConfigMap")
SECRET = Resource("v1", "Secret")
WIDGET = Resource("example.com/v1", "Widget")
NAMESPACES = Request(method="GET", path="/api/v1/namespaces")
PLACE = "/api/v1/namespaces/default"


def told(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.type, str(change.key)) for change in changes]


def test_the_change_log_tells_what_every_object_was_and_became(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        start = call.server.revision
        await call("POST", f"{PLACE}/configmaps", {"metadata": {"name": "a"}, "data": {"n": "1"}})
        await call("PATCH", f"{PLACE}/configmaps/a", {"data": {"n": "2"}}, patch="merge")
        await call("POST", f"{PLACE}/secrets", {"metadata": {"name": "s"}})
        await call("DELETE", f"{PLACE}/configmaps/a")
        added, changed, secret, gone = call.server.changes(after=start)
        assert [c.revision for c in (added, changed, secret, gone)] == [start + n for n in (1, 2, 3, 4)]
        assert told([added, changed, secret, gone]) == [
            ("ADDED", "default/a"),
            ("MODIFIED", "default/a"),
            ("ADDED", "default/s"),
            ("DELETED", "default/a"),
        ]
        assert (added.resource, secret.resource) == (CONFIG_MAP, SECRET)
        assert added.before is None
        assert added.after == changed.before
        assert changed.after is not None
        assert changed.after["data"] == {"n": "2"}
        assert changed.after["kind"] == "ConfigMap"
        assert gone.before == changed.after
        assert gone.after is None
        assert str(gone) == f"{start + 4} DELETED ConfigMap default/a"
        changed.after["data"]["n"] = "changed by the reader"
        assert changed.after["data"] == {"n": "2"}

    on_server(scenario)


def test_without_a_revision_it_tells_all_that_is_known(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        assert ("ADDED", "default") in told(call.server.changes())
        call.server.compact()
        await call("POST", f"{PLACE}/configmaps", {"metadata": {"name": "a"}})
        assert told(call.server.changes()) == [("ADDED", "default/a")]

    on_server(scenario)


def test_what_is_compacted_is_refused_with_what_is_known(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        for number in range(6):
            await call("POST", f"{PLACE}/configmaps", {"metadata": {"name": f"c{number}"}})
        oldest = call.server.revision - 4
        with pytest.raises(CompactedError, match=f"knows its past from revision {oldest} on") as caught:
            call.server.changes(after=oldest - 1)
        assert (caught.value.revision, caught.value.oldest) == (oldest - 1, oldest)
        with pytest.raises(CompactedError):
            call.server.rewind(oldest - 1)
        assert len(call.server.changes(after=oldest)) == 4
        call.server.rewind(oldest)
        assert [o["metadata"]["name"] for o in call.server.objects(CONFIG_MAP)] == ["c0", "c1"]

    on_server(scenario, watch_history=4)


def test_the_future_cant_be_rewound_to(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        with pytest.raises(ValueError, match="is in the future"):
            call.server.rewind(call.server.revision + 1)

    on_server(scenario)


def test_a_rewind_takes_kinds_along(on_server: Callable[..., Any], widgets: str) -> None:
    async def scenario(call: Any) -> None:
        before = call.server.revision
        await call.define_widgets()
        defined = call.server.revision
        widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
        assert (await call("POST", widgets, widget)).status == 201
        await call("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com")
        assert (await call("GET", widgets)).status == 404
        call.server.rewind(defined + 1)
        assert [o["metadata"]["name"] for o in call.server.objects(WIDGET)] == ["w"]
        call.server.rewind(before + 1)
        assert (await call("GET", widgets)).status == 404, "the definition wasn't established yet"
        call.server.rewind(before)
        assert (await call("GET", widgets)).status == 404
        assert call.server.revision == before

    on_server(scenario)


def test_an_object_with_finalizers_comes_back_with_them(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        body = {"metadata": {"name": "a", "finalizers": ["example.com/x"]}}
        await call("POST", f"{PLACE}/configmaps", body)
        await call("DELETE", f"{PLACE}/configmaps/a")
        (held,) = call.server.objects(CONFIG_MAP)
        there = call.server.revision
        await call("PATCH", f"{PLACE}/configmaps/a", {"metadata": {"finalizers": None}}, patch="merge")
        assert call.server.objects(CONFIG_MAP) == []
        call.server.rewind(there)
        assert call.server.objects(CONFIG_MAP) == [held]

    on_server(scenario)


def test_a_rewind_closes_the_watches_or_leaves_them_silent(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        there = call.server.revision
        await call("POST", f"{PLACE}/configmaps", {"metadata": {"name": "a"}})
        silent = await call.watch(f"{PLACE}/configmaps", resourceVersion=str(there), timeoutSeconds="60")
        call.server.rewind(there, watches="silent")
        await call("POST", f"{PLACE}/configmaps", {"metadata": {"name": "again"}})
        closed = await call.watch(f"{PLACE}/secrets")
        call.server.rewind(there)
        assert await call.events(closed) == []
        names = [event["object"]["metadata"]["name"] for event in await call.events(silent)]
        assert names == ["a", "again"]

    on_server(scenario)


def test_a_fork_goes_its_own_way_with_the_same_options_and_past() -> None:
    async def first(clock: VirtualClock) -> ApiServer:
        server = ApiServer(clock=clock, tokens={"me": "secret"}, watch_history=7)
        assert (await server.transport().send(NAMESPACES)).status == 401
        return server

    async def second(clock: VirtualClock) -> None:
        fork = server.fork(clock=clock)
        assert told(fork.changes()) == told(server.changes()) != []
        assert (await fork.transport().send(NAMESPACES)).status == 401
        post = attrs.evolve(NAMESPACES, method="POST", body=b'{"metadata":{"name":"new"}}')
        assert (await fork.transport(token="secret").send(post)).status == 201
        assert fork.revision == server.revision + 1
        assert (len(fork.requests), len(server.requests)) == (2, 1)

    server = run_virtual(first)
    run_virtual(second)


def test_a_fork_with_the_same_random_source_draws_other_uids() -> None:
    async def add(server: ApiServer, name: str) -> None:
        body = msgspec.json.encode({"metadata": {"name": name}})
        assert (await server.transport().send(attrs.evolve(NAMESPACES, method="POST", body=body))).status == 201

    async def first(clock: VirtualClock) -> ApiServer:
        server = ApiServer(clock=clock)
        await add(server, "a")
        return server

    async def second(clock: VirtualClock) -> None:
        fork = server.fork(clock=clock)
        for number in range(5):
            await add(fork, f"b{number}")
        uids = [o["metadata"]["uid"] for o in fork.objects(Resource("v1", "Namespace"))]
        assert len(set(uids)) == len(uids) > 6

    server = run_virtual(first, seed=0)
    run_virtual(second, seed=0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "delete", "snapshot", "restore", "fork", "rewind"]),
        st.integers(0, 3),
        st.integers(0, 5),
    ),
    max_size=25,
)


@attrs.define
class Model:
    """What a server should hold, kept the naive way: a copy of everything for each revision."""

    past: dict[int, dict[str, str]]

    @property
    def now(self) -> int:
        return max(self.past)

    def write(self, revision: int, name: str, value: str | None) -> None:
        objects = dict(self.past[self.now])
        if value is None:
            objects.pop(name)
        else:
            objects[name] = value
        self.past[revision] = objects

    def copy(self) -> Model:
        return Model(dict(self.past))


async def ask(server: ApiServer, method: str, path: str, body: object = None, **query: str) -> Any:
    media_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    headers = {"content-type": media_type}
    encoded = None if body is None else msgspec.json.encode(body)
    request = Request(method=method, path=path, body=encoded, headers=headers, query=query)
    answer = await server.transport().send(request)
    assert answer.status < 300, answer.body
    return msgspec.json.decode(answer.body)


class Play:
    """Servers beside their models; the snapshots are of any of them."""

    def __init__(self, server: ApiServer) -> None:
        self.servers = [server]
        self.models = [Model({server.revision: {}})]
        self.snapshots: list[tuple[Snapshot, Model]] = []

    async def step(self, what: str, which: int, number: int) -> None:
        index = which % len(self.servers)
        server, model = self.servers[index], self.models[index]
        name, kind = f"c{number % 3}", ("configmaps", "secrets")[number % 2]
        label = f"{kind}/{name}"
        if what == "put" and label not in model.past[model.now]:
            await ask(server, "POST", f"{PLACE}/{kind}", {"metadata": {"name": name, "labels": {"n": str(number)}}})
            model.write(server.revision, label, str(number))
        elif what == "put":
            patch = {"metadata": {"labels": {"n": f"{number}.{server.revision}"}}}
            changed = await ask(server, "PATCH", f"{PLACE}/{label}", patch)
            model.write(server.revision, label, changed["metadata"]["labels"]["n"])
        elif what == "delete" and label in model.past[model.now]:
            await ask(server, "DELETE", f"{PLACE}/{label}")
            model.write(server.revision, label, None)
        elif what == "snapshot":
            self.snapshots.append((server.snapshot(), model.copy()))
        elif what == "restore" and self.snapshots:
            snapshot, past = self.snapshots[number % len(self.snapshots)]
            server.restore(snapshot)
            self.models[index] = past.copy()
        elif what == "fork":
            self.servers.append(server.fork())
            self.models.append(model.copy())
        elif what == "rewind":
            revision = sorted(model.past)[number % len(model.past)]
            server.rewind(revision)
            model.past = {r: objects for r, objects in model.past.items() if r <= revision}

    async def check(self) -> None:
        for server, model in zip(self.servers, self.models, strict=True):
            assert server.revision == model.now
            assert labels(server) == model.past[model.now]
            start = min(model.past)
            assert [change.revision for change in server.changes(after=start)] == sorted(model.past)[1:]
            for revision, objects in model.past.items():
                found = {}
                for kind in ("configmaps", "secrets"):
                    page = await ask(
                        server, "GET", f"{PLACE}/{kind}", resourceVersion=str(revision), resourceVersionMatch="Exact"
                    )
                    for item in page["items"]:
                        found[f"{kind}/{item['metadata']['name']}"] = item["metadata"]["labels"]["n"]
                assert found == objects


def labels(server: ApiServer) -> dict[str, str]:
    return {
        f"{kind.kind.lower()}s/{o['metadata']['name']}": o["metadata"]["labels"]["n"]
        for kind in (CONFIG_MAP, SECRET)
        for o in server.objects(kind)
    }


@given(STEPS)
def test_any_sequence_of_writes_snapshots_restores_rewinds_and_forks_equals_a_naive_model(
    steps: list[tuple[str, int, int]],
) -> None:
    async def main(clock: VirtualClock) -> None:
        play = Play(ApiServer(clock=clock))
        for step in steps:
            await play.step(*step)
        await play.check()

    run_virtual(main)


async def filled(call: Any, count: int) -> ApiServer:
    for number in range(count):
        await call("POST", f"{PLACE}/configmaps", {"metadata": {"name": f"c{number:05}"}})
    server: ApiServer = call.server
    return server


def test_snapshots_restores_and_forks_allocate_the_same_few_bytes_whatever_the_size(
    on_server: Callable[..., Any],
) -> None:
    async def scenario(call: Any, count: int) -> dict[str, int]:
        server = await filled(call, count)
        snapshot = server.snapshot()
        return {
            "snapshot": peak_bytes(server.snapshot),
            "restore": peak_bytes(lambda: server.restore(snapshot)),
            "fork": peak_bytes(server.fork),
        }

    _, small, large = (on_server(lambda call, n=n: scenario(call, n)) for n in (5, 5, 1500))
    assert large["snapshot"] == small["snapshot"] < 1000
    # What is remade, such as watches and counters, differs by a few of the allocator's steps.
    assert large["restore"] < small["restore"] + 1000 < 5000
    assert large["fork"] < small["fork"] + 5000
    assert small["fork"] < peak_bytes(lambda: dict.fromkeys(range(1500)))


def test_a_rewind_and_the_first_write_after_a_snapshot_cost_by_what_changed(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        server = await filled(call, 3000)
        whole = peak_bytes(lambda: dict.fromkeys(range(3000)))
        there = server.revision
        snapshot = server.snapshot()
        with no_collection():
            tracemalloc.start()
            await call("PATCH", f"{PLACE}/configmaps/c01000", {"metadata": {"labels": {"a": "b"}}}, patch="merge")
            size = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert size < whole / 2
        assert peak_bytes(lambda: server.rewind(there)) < 5000
        assert server.objects(CONFIG_MAP) == server.fork().objects(CONFIG_MAP)
        server.restore(snapshot)

    on_server(scenario)
