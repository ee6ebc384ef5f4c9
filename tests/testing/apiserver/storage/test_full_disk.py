"""A server whose folder can't be written to for a moment: it says so, goes on, and loses nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest

from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing import ApiServer, Housekeeping, VirtualClock, run_virtual
from reconcilekit.testing.apiserver.status import StatusError
from reconcilekit.testing.apiserver.storage import folder as folders
from reconcilekit.testing.apiserver.storage.folder import DataFolder, UnusableFolderError

PLACE = "/api/v1/namespaces/default/configmaps"

CREATES = 400
"""More than are written of the first objects' snapshot, at one with each create: a second one is begun and whole."""


@attrs.define
class Disk:
    """Refuses the calls of the system whose numbers are named."""

    real: Callable[..., Any]
    refused: set[int] = attrs.field(factory=set)
    calls: int = 0

    def __call__(self, *told: Any, **more: Any) -> Any:
        self.calls += 1
        if self.calls in self.refused:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.real(*told, **more)

    def refuse_next(self, number: int = 1) -> None:
        self.refused |= set(range(self.calls + 1, self.calls + 1 + number))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def small_journals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MIN_JOURNAL", 2000)
    monkeypatch.setattr(folders, "SLICE", 1)


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(os.fsync)
    monkeypatch.setattr("reconcilekit.testing.apiserver.storage.folder.os.fsync", disk)
    return disk


async def create(server: ApiServer, name: str) -> int:
    request = Request(method="POST", path=PLACE, body=msgspec.json.encode({"metadata": {"name": name}}))
    answer = await server.transport().send(request)
    assert isinstance(answer, Response)
    return answer.status


def snapshots(data: Path) -> list[Path]:
    return list(data.glob("snapshot-??????"))


def names(server: ApiServer) -> set[str]:
    collection = server.snapshot().storage.collections["", "configmaps"]
    return {stored.key.name for stored in collection.objects.values()}


def names_after_restart(data: Path) -> set[str]:
    server = ApiServer(clock=VirtualClock(), data=data)
    try:
        return names(server)
    finally:
        server.close()


# A snapshot is synced, and then the folder that it was renamed in.
@pytest.mark.parametrize("step", ["snapshot", "folder"])
@pytest.mark.usefixtures("small_journals")
def test_a_snapshot_that_cant_be_synced_costs_nothing(data: Path, syncs: Disk, step: str) -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=data)
        syncs.refused = {syncs.calls + (1 if step == "snapshot" else 2)}
        for number in range(CREATES):
            assert await create(server, f"c{number}") == 201
            assert snapshots(data)
        assert syncs.calls > max(syncs.refused)
        server.close()

    run_virtual(main)
    assert names_after_restart(data) >= {f"c{number}" for number in range(CREATES)}
    assert len(list(data.glob("snapshot-*"))) == 1


@pytest.mark.parametrize("refused", range(1, 7))
@pytest.mark.usefixtures("small_journals")
def test_no_file_that_cant_be_opened_costs_anything(data: Path, monkeypatch: pytest.MonkeyPatch, refused: int) -> None:
    disk = Disk(Path.open)

    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=data)
        monkeypatch.setattr(Path, "open", lambda *told, **more: disk(*told, **more))
        disk.refuse_next(refused)
        for number in range(CREATES):
            assert await create(server, f"c{number}") == 201
        assert disk.calls > refused
        server.close()

    run_virtual(main)
    assert names_after_restart(data) == {f"c{number}" for number in range(CREATES)}


@pytest.mark.usefixtures("small_journals")
def test_half_a_line_that_cant_be_cut_off_is_cut_off_before_the_next(data: Path) -> None:
    @attrs.define
    class Jammed:
        """Takes ten bytes, and lets nothing be cut off."""

        file: Any
        name: str = "journal"

        def write(self, line: bytes) -> int:
            return int(self.file.write(line[:10]))

        def truncate(self, size: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=data)
        folder: Any = server._folder
        real, folder._journal = folder._journal, Jammed(folder._journal)
        assert await create(server, "a") == 500
        assert await create(server, "b") == 500
        folder._journal = real
        assert await create(server, "c") == 201
        server.close()

    run_virtual(main)
    assert names_after_restart(data) == {"c"}


@pytest.mark.parametrize("how", ["restore", "rewind"])
@pytest.mark.parametrize("refused", [1, 2])
def test_a_way_back_that_cant_be_kept_isnt_gone(data: Path, syncs: Disk, how: str, refused: int) -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=data)
        start = server.snapshot()
        await create(server, "a")
        there = server.revision
        syncs.refused = {syncs.calls + refused}
        with pytest.raises(UnusableFolderError, match="keep the server's state: No space left on device; make room"):
            server.restore(start) if how == "restore" else server.rewind(start.storage.revision)
        assert (server.revision, names(server)) == (there, {"a"})
        await create(server, "b")
        server.close()

    run_virtual(main)
    assert names_after_restart(data) == {"a", "b"}


@pytest.mark.parametrize("options", [{"housekeeping": Housekeeping.cluster()}, {"authorization": "RBAC"}])
def test_a_server_that_cant_write_at_its_start_gives_the_folder_free(
    data: Path, monkeypatch: pytest.MonkeyPatch, options: Any
) -> None:
    ApiServer(clock=VirtualClock(), data=data).close()
    with monkeypatch.context() as patch:
        patch.setattr(DataFolder, "append", refuse)
        with pytest.raises(StatusError, match="no room"):
            ApiServer(clock=VirtualClock(), data=data, **options)
    ApiServer(clock=VirtualClock(), data=data, **options).close()


def refuse(folder: DataFolder, event: object) -> None:
    raise StatusError(500, "no room")


def test_a_folder_whose_last_sync_fails_is_free_all_the_same(data: Path, syncs: Disk) -> None:
    server = ApiServer(clock=VirtualClock(), data=data)
    syncs.refuse_next()
    with pytest.raises(OSError, match="No space left"):
        server.close()
    DataFolder(data).close()
