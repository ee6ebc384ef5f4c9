"""Finalizers of custom objects need no domain, and the server says that they had better have one."""

from __future__ import annotations

from typing import Any

from tests.testing.apiserver.conftest import Caller

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
MAPS = "/api/v1/namespaces/default/configmaps"


def warned(answer: Any) -> list[str]:
    return [part.split('"', 1)[1] for part in answer.headers.get("warning", "").split("299 - ") if part]


def test_a_finalizer_without_a_domain_is_taken_with_a_warning(on_server: Any, widgets: str) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "finalizers": ["cleanup"]}}

        created = await call("POST", widgets, body)
        more = {"metadata": {"finalizers": ["cleanup", "cleanup.example.com"]}}
        changed = await call("PATCH", f"{widgets}/w", more, patch="merge")

        assert (created.status, changed.status) == (201, 200)
        quoted = '\\"cleanup\\"'
        assert created.headers["warning"] == (
            f'299 - "metadata.finalizers: {quoted}: prefer a domain-qualified finalizer name to avoid accidental '
            'conflicts with other finalizer writers"'
        )
        (warning,) = warned(changed)
        assert "finalizer name including a path (/) to avoid" in warning

    on_server(scenario)


def test_built_in_kinds_differ_in_that(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        body = {"metadata": {"name": "a", "finalizers": ["cleanup"]}}

        assert (await call("POST", LEASES, {**body, "spec": {}})).status == 201
        refused = await call("POST", MAPS, body)
        assert (refused.status, "neither a standard finalizer name" in refused.message) == (422, True)

    on_server(scenario)
