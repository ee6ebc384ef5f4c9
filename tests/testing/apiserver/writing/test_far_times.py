"""Times and periods that are far beyond what anybody reckons with."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

PODS = "/api/v1/namespaces/default/pods"
EVENTS = "/api/v1/namespaces/default/events"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
SPEC = {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}
POD = {"metadata": {"name": "p"}, "spec": SPEC}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("0001-01-01T00:00:00+01:00", "0000-12-31T23:00:00Z"),
        ("9999-12-31T23:59:59-01:00", "10000-01-01T00:59:59Z"),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_times_of_all_years_are_stored_and_shown(on_server: Any, sent: str, stored: str | None) -> None:
    async def scenario(call: Caller) -> None:
        event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}, "lastTimestamp": sent}
        assert (await call("POST", EVENTS, event)).body["lastTimestamp"] == stored
        as_table = await call("GET", EVENTS, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
        as_protobuf = await call.server.transport().send(
            call.request("GET", EVENTS, accept="application/vnd.kubernetes.protobuf")
        )
        assert (as_table.status, as_protobuf.status) == (200, 200)

        pod = {**POD, "metadata": {"name": "p", "creationTimestamp": sent}}
        assert (await call("POST", PODS, pod)).status == 201
        started = await call("PATCH", f"{PODS}/p/status", {"status": {"startTime": sent}}, patch="merge")
        assert started.body["status"]["startTime"] == stored

    on_server(scenario)


def test_a_micro_time_is_kept_to_the_micro_in_all_years(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        spec = {"renewTime": "9999-12-31T23:59:59.000001-01:00"}
        answer = await call("POST", LEASES, {"metadata": {"name": "l"}, "spec": spec})
        assert answer.body["spec"]["renewTime"] == "10000-01-01T00:59:59.000001Z"

    on_server(scenario)


@pytest.mark.parametrize(
    ("grace", "ends"),
    [(2**63 - 1, "2024-12-31T23:59:59Z"), (2**62, "2025-01-01T00:00:00Z"), (99_999_999_999, "2271-02-08T11:53:50Z")],
)
def test_a_grace_period_turns_over_in_64_bits(on_server: Any, grace: int, ends: str) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", PODS, {**POD, "spec": SPEC | {"terminationGracePeriodSeconds": grace}})

        marked = (await call("DELETE", f"{PODS}/p")).body["metadata"]
        assert (marked["deletionGracePeriodSeconds"], marked["deletionTimestamp"]) == (grace, ends)

    on_server(scenario)


def test_a_shorter_grace_period_doesnt_end_in_the_past(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", PODS, POD)
        await call("DELETE", f"{PODS}/p", gracePeriodSeconds="60")
        await call.clock.sleep(30)

        marked = (await call("DELETE", f"{PODS}/p", gracePeriodSeconds="10")).body["metadata"]
        assert (marked["deletionGracePeriodSeconds"], marked["deletionTimestamp"]) == (1, "2025-01-01T00:00:30Z")

    on_server(scenario)
