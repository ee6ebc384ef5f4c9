"""Objects whose definition gets another schema: read by it, never written, and the same after every way back."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest

from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, VirtualClock, custom_kind, run_virtual
from reconcilekit.testing.apiserver.storage import folder as folders

WIDGET = Resource("example.com/v1", "Widget")
OTHER = Resource("example.com/v1", "Other")
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PLACE = "/apis/example.com/v1/namespaces/default/widgets"
TEXT = {"type": "string"}


async def ask(server: ApiServer, method: str, path: str, body: object = None) -> Any:
    headers = {"content-type": "application/merge-patch+json" if method == "PATCH" else "application/json"}
    encoded = None if body is None else msgspec.json.encode(body)
    answer = await server.transport().send(Request(method=method, path=path, body=encoded, headers=headers))
    assert answer.status < 300, answer.body
    return msgspec.json.decode(answer.body)


def definition(kind: Resource = WIDGET, **properties: Any) -> dict[str, Any]:
    made = custom_kind(kind)
    spec = {"type": "object", "properties": properties}
    made["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    return made


async def redefine(server: ApiServer, **properties: Any) -> None:
    versions = definition(**properties)["spec"]["versions"]
    await ask(server, "PATCH", f"{DEFINITIONS}/widgets.example.com", {"spec": {"versions": versions}})


async def spec(server: ApiServer, name: str = "x") -> Any:
    return (await ask(server, "GET", f"{PLACE}/{name}")).get("spec")


async def begin(server: ApiServer) -> None:
    """A widget, and then a schema without one of its fields, and with a default for another."""
    await ask(server, "POST", DEFINITIONS, definition(a=TEXT, b=TEXT))
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "spec": {"a": "1", "b": "2"}}
    await ask(server, "POST", PLACE, {**widget, "metadata": {"name": "x"}})


async def change(server: ApiServer) -> None:
    await redefine(server, a=TEXT, c={**TEXT, "default": "new"})


BEFORE = {"a": "1", "b": "2"}
AFTER = {"a": "1", "c": "new"}


def test_a_rewind_to_before_a_schema_brings_back_what_it_dropped(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        server = call.server
        await begin(server)
        there = server.revision
        await change(server)
        assert await spec(server) == AFTER
        await redefine(server, a=TEXT)
        server.rewind(there)
        assert await spec(server) == BEFORE
        assert server.changes()[-1].after["spec"] == BEFORE

    on_server(scenario)


def test_a_schema_that_has_the_field_again_shows_it_again(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        server = call.server
        await begin(server)
        version = (await ask(server, "GET", f"{PLACE}/x"))["metadata"]["resourceVersion"]
        await change(server)
        await redefine(server, a=TEXT, b=TEXT)
        found = await ask(server, "GET", f"{PLACE}/x")
        assert (found["spec"], found["metadata"]["resourceVersion"]) == (BEFORE, version)
        # What is written again is written as it was read.
        await change(server)
        await ask(server, "PATCH", f"{PLACE}/x", {"metadata": {"labels": {"k": "v"}}})
        await redefine(server, a=TEXT, b=TEXT, c=TEXT)
        assert await spec(server) == AFTER

    on_server(scenario)


@pytest.mark.parametrize("has_new_snapshot", [False, True])
def test_a_server_that_is_started_again_reads_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_new_snapshot: bool
) -> None:
    async def first(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=tmp_path)
        await begin(server)
        await change(server)
        if has_new_snapshot:
            monkeypatch.setattr(folders, "MIN_JOURNAL", 0)
            for number in range(20):
                await ask(server, "POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": f"c{number}"}})
            assert not (tmp_path / "snapshot-000001").exists()
        assert await spec(server) == AFTER
        server.close()

    async def second(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=tmp_path)
        assert await spec(server) == AFTER
        await redefine(server, a=TEXT, b=TEXT)
        assert await spec(server) == BEFORE
        server.close()

    run_virtual(first)
    run_virtual(second)


def test_a_definition_without_another_schema_costs_its_objects_nothing(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        server = call.server
        await begin(server)
        await ask(server, "POST", DEFINITIONS, definition(OTHER))
        for number in range(300):
            await ask(
                server,
                "POST",
                PLACE,
                {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": f"w{number}"}},
            )
        label = {"metadata": {"labels": {"k": "v"}}}
        for name in ("others", "widgets"):
            patch = functools.partial(ask, server, "PATCH", f"{DEFINITIONS}/{name}.example.com", label)
            assert await reads(patch) == 0
        assert await reads(functools.partial(change, server)) == 301

    on_server(scenario)


async def reads(action: Callable[[], Any]) -> int:
    """How many objects are read anew meanwhile."""
    counted = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal counted
        counted += event == "call" and frame.f_code.co_name == "as_read"

    sys.setprofile(count)
    try:
        await action()
    finally:
        sys.setprofile(None)
    return counted
