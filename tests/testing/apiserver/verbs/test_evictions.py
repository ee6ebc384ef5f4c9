"""Evictions that are dry runs: whoever says so, the Pod and its budget stay as they are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
PODS = "/api/v1/namespaces/default/pods"
DRY: dict[str, Any] = {"dryRun": ["All"]}


async def running_pod(call: Caller) -> None:
    spec = {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}
    await call("POST", PODS, {"metadata": {"name": "p", "labels": {"app": "x"}}, "spec": spec})
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    await call("PATCH", f"{PODS}/p/status", {"status": ready}, patch="merge")
    await call("POST", BUDGETS, {"metadata": {"name": "x"}, "spec": {"selector": {"matchLabels": {"app": "x"}}}})
    counted = {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1}
    answer = await call("PATCH", f"{BUDGETS}/x/status", {"status": {**counted, "expectedPods": 2}}, patch="merge")
    assert answer.status == 200


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ({}, DRY),
        ({}, {**DRY, "gracePeriodSeconds": 5}),
        ({"dryRun": "All"}, None),
        ({"dryRun": "All"}, {"gracePeriodSeconds": 5}),
        ({"dryRun": "All"}, DRY),
    ],
)
def test_a_dry_run_changes_nothing(query: dict[str, str], options: dict[str, Any] | None, on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await running_pod(call)
        before = [(await call("GET", path)).body for path in (f"{PODS}/p", f"{BUDGETS}/x")]
        body: dict[str, Any] = {"metadata": {"name": "p"}}
        if options is not None:
            body["deleteOptions"] = options
        assert (await call("POST", f"{PODS}/p/eviction", body, **query)).status == 201
        assert [(await call("GET", path)).body for path in (f"{PODS}/p", f"{BUDGETS}/x")] == before
        await call("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
        assert "deletionTimestamp" in (await call("GET", f"{PODS}/p")).body["metadata"]

    on_server(scenario)


def test_a_dry_run_is_refused_as_the_eviction_would_be(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await running_pod(call)
        await call("PATCH", f"{BUDGETS}/x/status", {"status": {"disruptionsAllowed": 0}}, patch="merge")
        body: dict[str, Any] = {"metadata": {"name": "p"}, "deleteOptions": DRY}
        assert (await call("POST", f"{PODS}/p/eviction", body)).status == 429

    on_server(scenario)


def test_query_and_body_say_the_same(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await running_pod(call)
        body = {"metadata": {"name": "p"}, "deleteOptions": {"dryRun": ["All", "All"]}}
        answer = await call("POST", f"{PODS}/p/eviction", body, dryRun="All")
        message = "Non-matching dry-run options in request and content: [All] and [All All]"
        assert (answer.status, answer.body["message"]) == (500, message)

    on_server(scenario)
