"""Controllers go on: before there is a loop, in another one, and after a write that the server couldn't make."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, Housekeeping, VirtualClock, Workloads, run_virtual

POD = Resource("v1", "Pod")
PODS = "/api/v1/namespaces/default/pods"


def pod(name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }


async def ask(server: ApiServer, method: str, path: str, body: object = None) -> Any:
    encoded = None if body is None else msgspec.json.encode(body)
    answer = await server.transport().send(Request(method=method, path=path, body=encoded))
    assert answer.status < 300, answer.body
    return msgspec.json.decode(answer.body)


async def phase(server: ApiServer, name: str) -> str:
    found = await ask(server, "GET", f"{PODS}/{name}")
    return str(found["status"]["phase"])


def server_of(clock: SystemClock, *, ready_after: float = 0.01) -> ApiServer:
    return ApiServer(clock=clock, housekeeping=Housekeeping(workloads=Workloads(ready_after=ready_after)))


def test_what_was_loaded_before_the_loop_is_looked_after_at_the_first_request(tmp_path: Path) -> None:
    path = tmp_path / "pod.json"
    path.write_bytes(msgspec.json.encode(pod("p")))
    clock = SystemClock()
    server = server_of(clock)
    server.load(path)

    async def later() -> str:
        await clock.sleep(0.05)
        return await phase(server, "p")

    assert asyncio.run(later()) == "Running"


def test_a_read_sets_the_timer_that_was_missing(tmp_path: Path) -> None:
    path = tmp_path / "pod.json"
    path.write_bytes(msgspec.json.encode(pod("p")))
    clock = SystemClock()
    server = server_of(clock, ready_after=0.1)
    server.load(path)

    async def watched() -> str:
        query = {"watch": "1", "fieldSelector": "status.phase=Running", "timeoutSeconds": "5"}
        stream = await server.transport().open(Request(method="GET", path=PODS, query=query))
        async for line in stream:
            return str(msgspec.json.decode(line)["object"]["metadata"]["name"])
        return "nothing"

    assert asyncio.run(watched()) == "p"


def test_a_server_goes_on_in_another_loop() -> None:
    clock = SystemClock()
    server = server_of(clock)

    async def first() -> None:
        await ask(server, "POST", PODS, pod("p"))

    async def second() -> list[str]:
        await ask(server, "POST", PODS, pod("q"))
        await clock.sleep(0.05)
        found = server.objects(POD)
        return [each["status"]["phase"] for each in found]

    asyncio.run(first())
    assert asyncio.run(second()) == ["Running", "Running"]


@attrs.define
class Full:
    """A disk that has no room for the next few lines."""

    file: Any
    refusals: int
    name: str = "journal"

    def write(self, line: bytes) -> int:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self.file.write(line))

    def truncate(self, size: int) -> None:
        self.file.truncate(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> Any:
        return self.file.__enter__()

    def __exit__(self, *error: object) -> None:
        self.file.close()


@pytest.mark.parametrize("refusals", range(1, 8))
def test_a_controller_whose_write_fails_tries_again(tmp_path: Path, refusals: int) -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=tmp_path, housekeeping=Housekeeping(workloads=Workloads()))
        for name in "abc":
            await ask(server, "POST", PODS, pod(name))
        folder: Any = server._folder
        folder._journal = full = Full(folder._journal, refusals)
        await clock.sleep(3600)
        assert full.refusals == 0
        assert [await phase(server, name) for name in "abc"] == ["Running"] * 3
        server.close()

    run_virtual(main)


def test_a_chore_that_breaks_stops_no_other() -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, housekeeping=Housekeeping(workloads=Workloads()))
        for name in "ab":
            await ask(server, "POST", PODS, pod(name))
        housekeeper = server._cluster._housekeeper
        first = next(iter(housekeeper._agenda.times)).chore
        real, broken = type(first).look_at, list[object]()

        def look_at(self: Any, item: Any) -> Any:
            if not broken:
                broken.append(item)
                raise ValueError("a bug")
            return real(self, item)

        problems: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context["exception"]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(first), "look_at", look_at)
            await clock.sleep(3600)
        assert sorted([await phase(server, name) for name in "ab"]) == ["Pending", "Running"]
        assert list(map(str, problems)) == ["a bug"]

    run_virtual(main)
