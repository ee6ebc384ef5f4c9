"""Which mistake of a request is told first, and what custom kinds' paths answer; as a real kube-apiserver does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

MAPS = "/api/v1/namespaces/default/configmaps"


def test_a_custom_kinds_handler_goes_by_the_method(on_server: Callable[..., Any], widgets: str) -> None:
    async def scenario(call: Any) -> None:
        await call.define_widgets()
        body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}}
        assert (await call("POST", f"{widgets}/other", body)).body["metadata"]["name"] == "a"
        assert (await call("PUT", widgets, {})).message == "name must be provided"
        assert (await call("PATCH", widgets, {}, patch="merge")).message == "name must be provided"
        refused = await call("POST", f"{widgets}/a/status", body)
        assert (refused.status, refused.body["details"]) == (405, {"group": "example.com", "kind": "widgets"})
        assert refused.message == 'create is not supported on resources of kind "widgets.example.com"'
        assert (await call("GET", f"{widgets}/a/log")).message == 'widgets.example.com "a" not found'

    on_server(scenario)


@pytest.mark.parametrize("path", ["namespaces/default/widgetsx", "widgets/a", "namespaces/default/widgets2/a/status"])
def test_paths_of_no_custom_kind_are_nobodys(on_server: Callable[..., Any], path: str) -> None:
    async def scenario(call: Any) -> None:
        await call.define_widgets()
        answer = await call("GET", f"/apis/example.com/v1/{path}")
        assert (answer.status, answer.body) == (404, "404 page not found\n")

    on_server(scenario)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "configmaps", 405),
        ("DELETE", "namespaces/default/configmaps/a", 405),
        ("DELETE", "namespaces/default/configmaps/a/status", 404),
        ("GET", "namespaces/default/status", 404),
        ("GET", "componentstatuses", 404),
    ],
)
def test_paths_that_watch_do_nothing_else(on_server: Callable[..., Any], method: str, path: str, status: int) -> None:
    async def scenario(call: Any) -> None:
        assert (await call(method, f"/api/v1/watch/{path}")).status == status

    on_server(scenario)


def test_custom_kinds_name_an_unknown_field(on_server: Callable[..., Any], widgets: str) -> None:
    async def scenario(call: Any) -> None:
        await call.define_widgets()
        answer = await call("GET", widgets, fieldSelector="spec.x=1")
        assert answer.message == "field label not supported: spec.x"

    on_server(scenario)


def test_selectors_are_read_before_options_are_checked(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        answer = await call("GET", MAPS, labelSelector="=x", resourceVersionMatch="Exact")
        assert (answer.status, answer.message) == (400, "found '=', expected: !, identifier, or 'end of string'")

    on_server(scenario)


def test_a_put_is_read_before_its_object_is_looked_for(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        unreadable = await call("PUT", f"{MAPS}/a", {"metadata": {"name": 3}})
        assert "cannot unmarshal number into Go struct field ObjectMeta.metadata.name" in unreadable.message
        missing = await call("PUT", f"{MAPS}/a", {"metadata": {"name": "a"}, "unknown": 1})
        assert (missing.status, missing.headers["warning"]) == (404, '299 - "unknown field \\"unknown\\""')

    on_server(scenario)


@pytest.mark.parametrize("kind", ["merge", "json", "strategic"])
def test_a_patch_is_read_once_its_object_is_there(on_server: Callable[..., Any], kind: str) -> None:
    async def scenario(call: Any) -> None:
        assert (await call("PATCH", f"{MAPS}/a", b"{", patch=kind)).message == "invalid JSON patch"
        assert (await call("PATCH", f"{MAPS}/a", 3, patch=kind)).status == 404
        assert (await call("POST", MAPS, {"metadata": {"name": "a"}})).status == 201
        assert "cannot unmarshal number" in (await call("PATCH", f"{MAPS}/a", 3, patch=kind)).message

    on_server(scenario)


def test_an_apply_to_a_custom_object_overwrites_times_unread(on_server: Callable[..., Any], widgets: str) -> None:
    async def scenario(call: Any) -> None:
        await call.define_widgets()
        metadata = {"name": "a", "creationTimestamp": "yesterday"}
        body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata}
        created = await call("PATCH", f"{widgets}/a", body, patch="apply", fieldManager="m")
        assert (created.status, created.body["metadata"]["creationTimestamp"]) == (201, "2025-01-01T00:00:00Z")

    on_server(scenario)
