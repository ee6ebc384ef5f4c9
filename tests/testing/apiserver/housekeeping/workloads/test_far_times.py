"""Times in statuses that somebody else wrote, far away or none at all: controllers go on."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from reconcilekit.testing import Housekeeping, Workloads
from tests.testing.apiserver.conftest import Caller

CORE = "/api/v1/namespaces/default"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
CRON_JOBS = "/apis/batch/v1/namespaces/default/cronjobs"
PLAYED = Housekeeping(workloads=Workloads(ready_after=1.0))
POD = {"containers": [{"name": "c", "image": "i"}]}
ONCE = {"spec": {**POD, "restartPolicy": "Never"}}
LABELS = {"matchLabels": {"a": "b"}}


@pytest.mark.parametrize("time", [None, "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_controllers_go_on(on_server: Any, caplog: pytest.LogCaptureFixture, time: str | None) -> None:
    async def scenario(call: Caller) -> None:
        async def told(path: str, spec: dict[str, Any], status: dict[str, Any]) -> None:
            assert (await call("POST", path, {"metadata": {"name": "x"}, "spec": spec})).status == 201
            await call.clock.sleep(2)
            answer = await call("PATCH", f"{path}/x/status", {"status": status}, patch="merge")
            assert answer.status == 200, answer.body
            await call.clock.sleep(2)

        await call("POST", f"{CORE}/pods", {"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": POD})
        await told(BUDGETS, {"selector": LABELS, "minAvailable": 0}, {"disruptedPods": {"p": time}})
        progressing = {"type": "Progressing", "status": "True", "lastUpdateTime": time, "lastTransitionTime": time}
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {**POD, "nodeName": "none"}}
        spec = {"replicas": 2, "selector": LABELS, "template": template}
        await told(DEPLOYMENTS, spec, {"conditions": [progressing]})
        ended = {"type": "FailureTarget", "status": "True", "lastTransitionTime": time}
        status = {"conditions": [ended, {**ended, "type": "Failed"}], "startTime": "2025-01-01T00:00:00Z", "active": 0}
        spec = {"ttlSecondsAfterFinished": 1, "suspend": True, "template": ONCE}
        await told(JOBS, spec, {**status, "conditions": status["conditions"]})
        spec = {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": ONCE}}}
        await told(CRON_JOBS, spec, {"lastScheduleTime": time})
        await call.clock.sleep(200)

    with caplog.at_level(logging.ERROR):
        on_server(scenario, housekeeping=PLAYED)
    assert [record.getMessage() for record in caplog.records] == []
