"""CronJobs: Jobs at their times, on virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing import Housekeeping, Workloads
from tests.testing.apiserver.conftest import Caller

BATCH = "/apis/batch/v1/namespaces/default"
PLAYED = Housekeeping(workloads=Workloads(completes_after=5.0))
SLOW = Housekeeping(workloads=Workloads(completes_after=150.0))


def cron_job(schedule: str = "* * * * *", **spec: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "c", "image": "busybox"}], "restartPolicy": "Never"}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"template": {"spec": pod}}}
    return {"metadata": {"name": "tick"}, "spec": {"schedule": schedule, "jobTemplate": template, **spec}}


async def jobs(call: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await call("GET", f"{BATCH}/jobs")).body["items"]
    return found


async def status(call: Caller) -> dict[str, Any]:
    found: dict[str, Any] = (await call("GET", f"{BATCH}/cronjobs/tick")).body.get("status") or {}
    return found


async def reasons(call: Caller) -> set[str]:
    events = (await call("GET", "/api/v1/namespaces/default/events")).body["items"]
    return {event["reason"] for event in events if event["involvedObject"]["kind"] == "CronJob"}


def test_a_job_is_made_each_minute_and_the_latest_three_are_kept(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        assert (await call("POST", f"{BATCH}/cronjobs", cron_job())).status == 201
        assert await jobs(call) == []
        await call.clock.sleep(61)
        (first,) = await jobs(call)
        minute = 28928161  # 2025-01-01T00:01Z
        assert first["metadata"]["name"] == f"tick-{minute}"
        assert first["metadata"]["labels"]["app"] == "x"
        told = first["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
        assert told == "2025-01-01T00:01:00Z"
        assert first["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
        known = await status(call)
        assert [each["name"] for each in known["active"]] == [first["metadata"]["name"]]
        assert known["lastScheduleTime"] == "2025-01-01T00:01:00Z"
        await call.clock.sleep(10)
        known = await status(call)
        assert "active" not in known
        assert known["lastSuccessfulTime"] >= "2025-01-01T00:01:05Z"
        await call.clock.sleep(600)
        assert len(await jobs(call)) == 3
        assert await reasons(call) == {"SuccessfulCreate", "SawCompletedJob", "SuccessfulDelete"}
        await call("DELETE", f"{BATCH}/cronjobs/tick")
        await call.clock.sleep(120)
        assert await jobs(call) == [], "they go with their owner, and no more are made"

    on_server(scenario, housekeeping=PLAYED)


def test_a_suspended_one_waits(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{BATCH}/cronjobs", cron_job(suspend=True, startingDeadlineSeconds=90))
        await call.clock.sleep(600)
        assert await jobs(call) == []
        await call("PATCH", f"{BATCH}/cronjobs/tick", {"spec": {"suspend": False}}, patch="merge")
        await call.clock.sleep(1)
        assert [job["metadata"]["name"] for job in await jobs(call)] == ["tick-28928170"], "the latest that was missed"

    on_server(scenario, housekeeping=PLAYED)


def test_what_is_to_be_done_about_one_that_still_runs(on_server: Any) -> None:
    async def scenario(call: Caller) -> list[str]:
        await call("POST", f"{BATCH}/cronjobs", cron_job(concurrencyPolicy=policy))
        await call.clock.sleep(121)
        return [job["metadata"]["name"][-2:] for job in await jobs(call)]

    seen = {}
    for policy in ("Allow", "Forbid", "Replace"):
        seen[policy] = on_server(scenario, housekeeping=SLOW)
    assert seen == {"Allow": ["61", "62"], "Forbid": ["61"], "Replace": ["62"]}


def test_wrong_schedules_are_refused(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        for spec, told in (
            ({"schedule": "61 * * * *"}, 'spec.schedule: Invalid value: "61 * * * *": end of range (61) above'),
            ({"timeZone": "Nowhere/Here"}, 'spec.timeZone: Invalid value: "Nowhere/Here": unknown time zone Nowhere'),
            ({"schedule": "TZ=UTC * * * * *"}, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
            ({"concurrencyPolicy": "Maybe"}, 'Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Repl'),
            ({"startingDeadlineSeconds": -1}, "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than"),
        ):
            answer = await call("POST", f"{BATCH}/cronjobs", cron_job(**spec))
            assert (answer.status, told in answer.body["message"]) == (422, True), answer.body["message"]

    on_server(scenario)


@pytest.mark.parametrize(("deadline", "is_made"), [(2**63 - 1, False), (2**62 + 60, True), (9 * 10**9, True)])
def test_a_deadline_turns_over_in_64_bits(on_server: Any, deadline: int, is_made: bool) -> None:
    async def scenario(call: Caller) -> None:
        assert (await call("POST", f"{BATCH}/cronjobs", cron_job(startingDeadlineSeconds=deadline))).status == 201
        await call.clock.sleep(61)
        assert bool(await jobs(call)) == is_made

    on_server(scenario, housekeeping=PLAYED)
