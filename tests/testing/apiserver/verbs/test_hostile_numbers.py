"""Numbers of any length are answered, and as a real kube-apiserver answers them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping, Workloads
from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"
LONG = "9" * 5_000
ZEROS = "0" * 5_000 + "1"
TOO_LONG = f'strconv.ParseUint: parsing "{LONG}": value out of range'
NO_VERSION = f'resourceVersion: Invalid value: "{LONG}": {TOO_LONG}'
NO_INTEGER = "for 'Gt', 'Lt' operators, the value must be an integer"

NO_VALUE = f'values[0][a]: Invalid value: "{LONG}": must be no more than 63 bytes'


@pytest.mark.parametrize(
    ("path", "query", "code", "message"),
    [
        (MAPS, {"resourceVersion": LONG}, 400, f"invalid resource version: {NO_VERSION}"),
        (f"{MAPS}/a", {"resourceVersion": LONG}, 500, NO_VERSION),
        (MAPS, {"resourceVersion": LONG, "watch": "1"}, 500, NO_VERSION),
        (MAPS, {"resourceVersion": ZEROS}, 200, ""),
        (MAPS, {"limit": LONG}, 400, f'strconv.ParseInt: parsing "{LONG}": value out of range'),
        (MAPS, {"limit": ZEROS}, 200, ""),
        (MAPS, {"limit": "²"}, 400, 'strconv.ParseInt: parsing "²": invalid syntax'),
        (
            MAPS,
            {"labelSelector": f"a>{LONG}"},
            400,
            f'unable to parse requirement: [values[0]: Invalid value: "{LONG}": {NO_INTEGER}, {NO_VALUE}]',
        ),
        (
            MAPS,
            {"labelSelector": "a<9223372036854775808"},
            400,
            f'unable to parse requirement: values[0]: Invalid value: "9223372036854775808": {NO_INTEGER}',
        ),
    ],
)
def test_a_number_in_a_query(on_server: Any, path: str, query: dict[str, str], code: int, message: str) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("GET", path, **query)
        assert (answer.status, answer.body.get("message", "")) == (code, message)

    on_server(scenario)


def test_a_version_in_a_body(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", MAPS, {"metadata": {"name": "a"}})
        refused = await call("PUT", f"{MAPS}/a", {"metadata": {"name": "a", "resourceVersion": LONG}})
        assert (refused.status, refused.message) == (500, TOO_LONG)

    on_server(scenario)


def _deployment(**spec: Any) -> dict[str, Any]:
    limits = spec.pop("limits", {})
    containers = [{"name": "a", "image": "a", "resources": {"limits": limits}}]
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}}
    return {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}}


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"strategy": {"rollingUpdate": {"maxSurge": f"{LONG}%"}}}, 201),
        ({"strategy": {"rollingUpdate": {"maxUnavailable": f"{LONG}%"}}}, 422),
        ({"limits": {"cpu": LONG}}, 201),
        ({"limits": {"cpu": f"1e{LONG}"}}, 400),
        ({"limits": {"cpu": "1e999999999"}}, 400),
        ({"limits": {"cpu": f"1e-{LONG}"}}, 400),
        ({"limits": {"memory": f"{LONG}Ki"}}, 201),
    ],
)
def test_a_number_in_a_text(on_server: Any, spec: dict[str, Any], code: int) -> None:
    async def scenario(call: Caller) -> None:
        begun = time.process_time()
        assert (await call("POST", "/apis/apps/v1/namespaces/default/deployments", _deployment(**spec))).status == code
        assert time.process_time() - begun < 5

    on_server(scenario)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("9" * 30 + "Ki", "9223372036854775807"),
        ("9" * 30, "9" * 30),
        ("1e30", "1e30"),
        ("25e29", "2500e27"),
        ("1e-30", "1e-3"),
        (LONG, LONG),
    ],
)
def test_a_large_quantity(on_server: Any, told: str, kept: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": told}}}

    async def scenario(call: Caller) -> None:
        claims = "/api/v1/namespaces/default/persistentvolumeclaims"
        made = await call("POST", claims, {"metadata": {"name": "a"}, "spec": spec})
        assert made.body["spec"]["resources"] == {"requests": {"storage": kept}}

    on_server(scenario)


def test_a_revision_of_odd_digits_stops_no_controller(on_server: Any) -> None:
    deployments, sets = (f"/apis/apps/v1/namespaces/default/{plural}" for plural in ("deployments", "replicasets"))

    async def scenario(call: Caller) -> None:
        await call("POST", deployments, _deployment())
        await call.clock.sleep(1)
        (made,) = (await call("GET", sets)).body["items"]
        told = {"metadata": {"annotations": {"deployment.kubernetes.io/revision": "²"}}}
        await call("PATCH", f"{sets}/{made['metadata']['name']}", told, patch="merge")
        await call("PATCH", f"{deployments}/d", {"spec": {"replicas": 2}}, patch="merge")
        await call.clock.sleep(1)
        assert (await call("GET", sets)).body["items"][0]["spec"]["replicas"] == 2

    on_server(scenario, housekeeping=Housekeeping(workloads=Workloads()))
