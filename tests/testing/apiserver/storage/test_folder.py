"""A server kept in a folder: stopped, killed at any byte, damaged, compacted, and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest

from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import CUSTOM_RESOURCE_DEFINITION, ApiServer, VirtualClock, custom_kind, run_virtual
from reconcilekit.testing.apiserver.storage import folder as folders
from reconcilekit.testing.apiserver.storage.folder import FolderInUseError, UnusableFolderError
from reconcilekit.testing.apiserver.storage.records import DamagedDataError, encode, header

CONFIG_MAP = Resource("v1", "ConfigMap")
WIDGET = Resource("example.com/v1", "Widget")
PLACE = "/api/v1/namespaces/default/configmaps"


async def ask(server: ApiServer, method: str, path: str, body: object = None, **query: str) -> Any:
    headers = {"content-type": "application/merge-patch+json" if method == "PATCH" else "application/json"}
    encoded = None if body is None else msgspec.json.encode(body)
    answer = await server.transport().send(
        Request(method=method, path=path, body=encoded, headers=headers, query=query)
    )
    assert answer.status < 300, answer.body
    return msgspec.json.decode(answer.body)


async def live(server: ApiServer) -> None:
    """Something of everything: kinds that come and go, objects, changes, deletions, a last finalizer."""
    await ask(server, "POST", PLACE, {"metadata": {"name": "a", "finalizers": ["x.example.com/y"]}, "data": {"n": "1"}})
    await ask(server, "PATCH", f"{PLACE}/a", {"data": {"n": "zwei ☃"}})
    client = server.client("test")
    await client.create(CUSTOM_RESOURCE_DEFINITION, custom_kind(WIDGET))
    await client.create(WIDGET, {"metadata": {"name": "w", "namespace": "default"}, "spec": {"size": 3}})
    await ask(server, "DELETE", f"{PLACE}/a")
    await ask(server, "PATCH", f"{PLACE}/a", {"metadata": {"finalizers": None}})
    await ask(server, "DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com")
    await client.create(CUSTOM_RESOURCE_DEFINITION, custom_kind(WIDGET))
    await client.create(WIDGET, {"metadata": {"name": "again", "namespace": "default"}, "spec": {"size": 4}})


State = dict[str, bytes]


def state(server: ApiServer) -> State:
    """Everything, by path."""
    found: State = {"revision": str(server.revision).encode()}
    for change in server.fork().snapshot().storage.collections.items():
        (group, plural), collection = change
        for key, stored in collection.objects.items():
            found[f"{group}/{plural}/{key}"] = stored.encoded()
    return found


def run(data: Path, action: Callable[[ApiServer], Any] | None = None, **options: Any) -> State:
    """One life of a server on the folder; its state at the end."""

    async def main(clock: VirtualClock) -> State:
        server = ApiServer(clock=clock, data=data, **options)
        try:
            if action is not None:
                await action(server)
            return state(server)
        finally:
            server.close()

    return run_virtual(main)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_server_goes_on_where_it_stopped(data: Path) -> None:
    before = run(data, live)
    assert run(data) == before
    assert run(data) == before

    async def goes_on(server: ApiServer) -> None:
        made = await ask(server, "POST", PLACE, {"metadata": {"name": "next"}})
        assert int(made["metadata"]["resourceVersion"]) == int(before["revision"]) + 1
        assert server.objects(WIDGET)[0]["spec"] == {"size": 4}

    after = run(data, goes_on)
    assert before.items() - after.items() == {("revision", before["revision"])}
    assert run(data) == after


def test_a_watch_goes_on_where_its_server_stopped(data: Path) -> None:
    there: list[str] = []

    async def first(server: ApiServer) -> None:
        there.append(str(server.revision))
        await live(server)

    async def second(server: ApiServer) -> None:
        request = Request(
            method="GET", path=PLACE, query={"watch": "1", "resourceVersion": there[0], "timeoutSeconds": "1"}
        )
        stream = await server.transport().open(request)
        lines = b"".join([chunk async for chunk in stream]).splitlines()
        types = [msgspec.json.decode(line)["type"] for line in lines]
        assert (types[0], types[-1], len(types)) == ("ADDED", "DELETED", 4)

    run(data, first)
    run(data, second)


def journal_of(data: Path) -> Path:
    return max(data.glob("journal-*"))


def test_a_server_killed_at_any_byte_comes_back_with_a_prefix_of_its_history(data: Path, tmp_path: Path) -> None:
    states: list[State] = []

    async def watched(server: ApiServer) -> None:
        start = server.snapshot()
        await live(server)
        states.extend(history(server, start))

    whole = run(data, watched)
    assert states[-1] == whole
    content = journal_of(data).read_bytes()
    ends = [0, *(at + 1 for at, byte in enumerate(content) if byte == 10)]
    copy = tmp_path / "copy"
    for size in sampled(range(len(content) + 1), ends):
        shutil.copytree(data, copy)
        journal_of(copy).write_bytes(content[:size])
        complete = sum(end <= size for end in ends[2:])
        assert run(copy) == states[complete], size
        assert run(copy) == states[complete], size
        shutil.rmtree(copy)


def sampled(sizes: range, ends: list[int]) -> Iterator[int]:
    """Every size near the end of a line, and some of those between."""
    near = {end + delta for end in ends for delta in (-2, -1, 0, 1, 9)}
    return (size for size in sizes if size in near or size % 97 == 0)


def history(server: ApiServer, start: Any) -> Iterator[State]:
    """The state after each revision, by rewinding a fork."""
    for revision in range(start.storage.revision, server.revision + 1):
        fork = server.fork()
        fork.rewind(revision)
        yield state(fork)


def test_a_last_line_that_doesnt_check_out_is_left_away(data: Path) -> None:
    run(data, live)
    journal = journal_of(data)
    content = journal.read_bytes()
    start = content.rindex(b"\n", 0, -1) + 1
    journal.write_bytes(content[:start] + content[start:].replace(b'"size":4', b'"size":5'))
    assert "example.com/widgets/default/again" not in run(data)
    assert journal.read_bytes() == content[:start]


def test_every_damaged_byte_in_the_middle_is_refused_with_its_place(data: Path) -> None:
    run(data, live)
    journal = journal_of(data)
    content = journal.read_bytes()
    lines = content.splitlines(keepends=True)
    for number in range(len(lines) - 1):
        start = sum(map(len, lines[:number]))
        for at in (start, start + 8, start + len(lines[number]) // 2, start + len(lines[number]) - 1):
            damaged = bytearray(content)
            damaged[at] ^= 1
            journal.write_bytes(damaged)
            with pytest.raises(DamagedDataError, match="put the folder back from a copy") as caught:
                run(data)
            assert (caught.value.path, caught.value.offset) == (journal, start)
            assert str(caught.value).startswith(f"{journal}, byte {start}: ")
    journal.write_bytes(content)
    run(data)


def test_a_missing_line_is_refused(data: Path) -> None:
    run(data, live)
    journal = journal_of(data)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:2] + lines[3:]))
    with pytest.raises(DamagedDataError, match=r"revision \d+ stands where \d+ should"):
        run(data)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "its end is missing"),
        (header("snapshot"), "its end is missing"),
        (header("snapshot") + encode(b'{"revision":300,"count":7}'), "0 objects of 7"),
        (header("journal"), "this is no snapshot of reconcilekit.testing.apiserver"),
        (encode(b'{"format":"other"}'), "this is no snapshot"),
        (header("snapshot").replace(b'"version":1', b'"version":2'), "doesn't match its checksum"),
        (
            encode(b'{"format":"reconcilekit.testing.apiserver","what":"snapshot","version":9}'),
            "written in version 9 of the format, and this server reads 1",
        ),
        (b"\x89PNG", "doesn't match its checksum"),
    ],
)
def test_a_snapshot_that_isnt_whole_is_refused(data: Path, content: bytes, why: str) -> None:
    data.mkdir()
    (data / "snapshot-000001").write_bytes(content)
    with pytest.raises(DamagedDataError, match=why):
        run(data)


def test_journals_without_their_snapshot_are_refused(data: Path) -> None:
    run(data, live)
    min(data.glob("snapshot-*")).unlink()
    with pytest.raises(DamagedDataError, match="its snapshot is missing"):
        run(data)


def test_two_servers_dont_share_a_folder(data: Path) -> None:
    async def first(server: ApiServer) -> None:
        with pytest.raises(FolderInUseError, match=f"is in use by process {os.getpid()}: stop that server, or choose"):
            ApiServer(clock=VirtualClock(), data=data)

    run(data, first)
    run(data)


async def busy(server: ApiServer) -> None:
    """Enough changes of the same objects to make a small journal too long again and again."""
    for number in range(120):
        name = f"c{number % 7}"
        if number < 7:
            await ask(server, "POST", PLACE, {"metadata": {"name": name}})
        else:
            await ask(server, "PATCH", f"{PLACE}/{name}", {"data": {"n": str(number)}})


def test_a_long_journal_becomes_a_snapshot_while_changes_go_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MIN_JOURNAL", 4000)
    monkeypatch.setattr(folders, "SLICE", 1)
    before = run(data, busy)
    files = sorted(path.name for path in data.iterdir())
    assert "snapshot-000001" not in files
    assert sum(path.stat().st_size for path in data.iterdir()) < 60_000
    assert run(data) == before


def test_a_server_killed_while_it_writes_a_snapshot_loses_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MIN_JOURNAL", 4000)
    monkeypatch.setattr(folders, "SLICE", 1)
    copies = data.with_name("copies")

    async def killed(server: ApiServer) -> None:
        for number in range(60):
            await ask(server, "POST", PLACE, {"metadata": {"name": f"c{number:02}"}})
            copy = copies / str(number)
            shutil.copytree(data, copy)
            expected.append(state(server))

    expected: list[State] = []
    run(data, killed)
    halves = [copy for copy in copies.iterdir() if list(copy.glob("*.part"))]
    assert halves
    for number, wanted in enumerate(expected):
        assert run(copies / str(number)) == wanted


def test_a_restored_server_keeps_what_it_was_restored_to(data: Path) -> None:
    async def restored(server: ApiServer) -> None:
        start = server.snapshot()
        await live(server)
        server.restore(start)
        await ask(server, "POST", PLACE, {"metadata": {"name": "other"}})
        there = server.revision
        await ask(server, "POST", PLACE, {"metadata": {"name": "gone"}})
        server.rewind(there)

    before = run(data, restored)
    assert "/configmaps/default/other" in before
    assert "/configmaps/default/gone" not in before
    assert run(data) == before


def test_a_change_that_cant_be_kept_isnt_made(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(server: ApiServer) -> None:
        revision = server.revision
        folder: Any = server._folder
        real = folder._journal
        folder._journal = Full(real)
        request = Request(method="POST", path=PLACE, body=b'{"metadata":{"name":"a"}}')
        answer = await server.transport().send(request)
        assert answer.status == 500
        assert "the change can't be kept in" in answer.body.decode()
        assert server.revision == revision
        folder._journal = real
        await ask(server, "POST", PLACE, {"metadata": {"name": "b"}})

    before = run(data, full)
    assert run(data) == before


def test_a_closed_server_takes_no_change_that_it_wouldnt_keep(data: Path) -> None:
    async def closed(server: ApiServer) -> None:
        start = server.snapshot()
        server.close()
        request = Request(method="POST", path=PLACE, body=b'{"metadata":{"name":"a"}}')
        answer = await server.transport().send(request)
        assert answer.status == 500
        assert f"can't be kept in {data}: the server was closed" in answer.body.decode()
        with pytest.raises(UnusableFolderError, match="the server was closed"):
            server.restore(start)

    before = run(data, closed)
    assert run(data) == before


@attrs.define
class Full:
    """A disk with room for ten bytes more."""

    file: Any
    name: str = "journal"

    def write(self, line: bytes) -> int:
        return int(self.file.write(line[:10]))

    def truncate(self, size: int) -> None:
        self.file.truncate(size)


KILLED = """
import asyncio, os, signal, sys
from reconcilekit.clock import SystemClock
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer

async def main():
    server = ApiServer(clock=SystemClock(), data=sys.argv[1])
    for number in range(20):
        body = b'{"metadata":{"name":"c%02d"}}' % number
        answer = await server.handle(Request(method="POST", path="/api/v1/namespaces/default/configmaps", body=body))
        assert answer.status == 201
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_a_killed_server_loses_nothing_that_it_answered(data: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(data)], check=False, timeout=100)
    assert done.returncode == -signal.SIGKILL
    found = run(data)
    assert [key for key in found if "configmaps" in key and "/c" in key.removeprefix("/configmaps")] != []
    assert len([key for key in found if key.startswith("/configmaps/default/c")]) == 20
