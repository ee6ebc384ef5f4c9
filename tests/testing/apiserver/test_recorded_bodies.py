"""Every failure that was recorded from a real kube-apiserver and can be made here is answered as it was there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconcilekit.testing import Fault

RECORDED = Path(__file__).parents[2] / "data" / "status-bodies.jsonl"
BY_CASE = {line["case"]: line for line in map(msgspec.json.decode, RECORDED.read_bytes().splitlines())}

MAPS = "/api/v1/namespaces/sb/configmaps"
X = f"{MAPS}/x"


def config_map(name: str = "x", /, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **more}


def applied(value: str) -> dict[str, Any]:
    return config_map("sa", data={"a": value})


def with_metadata(**metadata: Any) -> dict[str, Any]:
    return config_map() | {"metadata": {"name": "x", **metadata}}


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "s"},
    "spec": {"clusterIP": "10.0.0.5", "clusterIPs": ["10.0.0.5"], "ports": [{"port": 80}]},
}
CONTAINER = {"name": "c", "image": "i", "env": [{"name": "X", "value": "x" * 1_700_000}]}
LARGE_POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "big"}, "spec": {"containers": [CONTAINER]}}

# case -> method, path, body, keyword arguments of the call
CASES: dict[str, tuple[str, str, Any, dict[str, str]]] = {
    "bad json": ("POST", MAPS, b'{"apiVersion": ', {}),
    "wrong kind in body": ("POST", MAPS, config_map() | {"kind": "Secret"}, {}),
    "wrong type of field": ("POST", MAPS, config_map("n", data={"a": 1}), {}),
    "unknown field, strict": ("POST", MAPS, config_map("n", dataa={}), {"fieldValidation": "Strict"}),
    "object not found": ("GET", f"{MAPS}/nope", None, {}),
    "delete of what is gone": ("DELETE", f"{MAPS}/nope", None, {}),
    "unknown resource in a known group": ("GET", "/api/v1/namespaces/sb/widgets", None, {}),
    "unknown group": ("GET", "/apis/nope.example.com/v1/widgets", None, {}),
    "namespace missing": ("POST", "/api/v1/namespaces/nope/configmaps", config_map(), {}),
    "method not allowed": ("POST", X, config_map(), {}),
    "not acceptable": ("GET", X, None, {"accept": "image/png"}),
    "unsupported media type": ("PATCH", X, {}, {"content_type": "text/csv"}),
    "already exists": ("POST", MAPS, config_map(), {}),
    "conflict: stale resourceVersion": ("PUT", X, with_metadata(resourceVersion="1"), {}),
    "conflict: uid precondition on delete": ("DELETE", X, {"preconditions": {"uid": "0000"}}, {}),
    "conflict: uid in an update": ("PUT", X, with_metadata(uid="0000"), {}),
    "conflict: server-side apply": (
        "PATCH", f"{MAPS}/sa", applied("2"), {"patch": "apply", "fieldManager": "m2"},
    ),
    "apply without a field manager": ("PATCH", f"{MAPS}/sa", applied("2"), {"patch": "apply"}),
    "JSON patch: test fails": ("PATCH", X, [{"op": "test", "path": "/data/a", "value": "9"}], {"patch": "json"}),
    "JSON patch: path missing": ("PATCH", X, [{"op": "remove", "path": "/data/q"}], {"patch": "json"}),
    "invalid name": ("POST", MAPS, config_map("Bad_Name"), {}),
    "immutable field": (
        "PATCH", "/api/v1/namespaces/sb/services/s", {"spec": {"clusterIP": "10.0.0.77"}}, {"patch": "merge"},
    ),
    "too large, over 3 MB": ("POST", MAPS, config_map("big", data={"a": "x" * 3_200_000}), {}),
    "too large for a ConfigMap (1 MiB of data)": ("POST", MAPS, config_map("big", data={"a": "x" * 1_100_000}), {}),
    "too large for etcd (1.5 MiB)": (
        "POST", "/api/v1/namespaces/sb/pods", LARGE_POD, {},
    ),
    "annotations too long": ("POST", MAPS, with_metadata(name="big", annotations={"a": "x" * 300_000}), {}),
    "namespace is terminating": ("POST", "/api/v1/namespaces/going/configmaps", config_map("q"), {}),
    "list: resourceVersion too large": ("GET", MAPS, None, {"resourceVersion": "99999999"}),
    "list: bad resourceVersion": ("GET", MAPS, None, {"resourceVersion": "abc"}),
    "list: bad continue token": ("GET", MAPS, None, {"limit": "1", "continue": "abc"}),
    "watch: resourceVersion long gone": (
        "GET", MAPS, None, {"watch": "1", "resourceVersion": "1", "timeoutSeconds": "3"},
    ),
    "watch: resourceVersion too large": (
        "GET", MAPS, None, {"watch": "1", "resourceVersion": "99999999", "timeoutSeconds": "3"},
    ),
    "sendInitialEvents with a resourceVersionMatch missing": (
        "GET", MAPS, None, {"watch": "1", "sendInitialEvents": "true", "timeoutSeconds": "2"},
    ),
    "timeout parameter too short": ("POST", MAPS, config_map("n"), {"timeout": "1us"}),
    "invalid label selector": ("GET", MAPS, None, {"labelSelector": "a===b"}),
    "unsupported field selector": ("GET", MAPS, None, {"fieldSelector": "data.a=1"}),
}  # fmt: skip

# What only policies, quotas, webhooks, other users or a broken etcd provoke is made by fault rules.
FAULTS: dict[str, Fault] = {
    case: Fault(
        status=BY_CASE[case]["status"],
        message=BY_CASE[case]["body"]["message"],
        reason=BY_CASE[case]["body"].get("reason", ""),
        details=BY_CASE[case]["body"].get("details"),
        retry_after=int(after) if (after := BY_CASE[case]["retry_after"]) else None,
    )
    for case in (
        "quota exceeded", "rbac", "eviction against a disruption budget", "webhook unreachable",
        "admission policy denies", "etcd paused: create",
    )
} | {
    "too many requests in flight": Fault(
        status=429, body="Too many requests, please try again later.\n", retry_after=1
    ),
    "aggregated API down": Fault(status=503, body="service unavailable\n"),
    "etcd gone: create": Fault(status=504, body=BY_CASE["etcd gone: create"]["body"]),
}  # fmt: skip


async def prepare(call: Any) -> None:
    """The state in which the recordings were made."""
    for namespace in ("sb", "going"):
        metadata = {"name": namespace, "finalizers": ["example.com/hold"] if namespace == "going" else []}
        await call("POST", "/api/v1/namespaces", {"metadata": metadata})
    assert (await call("DELETE", "/api/v1/namespaces/going")).status == 200
    await call("POST", MAPS, config_map(data={"a": "1"}))
    await call("POST", "/api/v1/namespaces/sb/services", SERVICE)
    assert (await call("PATCH", f"{MAPS}/sa", applied("1"), patch="apply", fieldManager="m1")).status == 201


def comparable(body: Any) -> str:
    """The body without what differs from server to server: uids and revisions."""
    text = body if isinstance(body, str) else msgspec.json.encode(body).decode()
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uid>", text)
    return re.sub(r"(current: |version: 1 \()\d+", r"\1<revision>", text)


def assert_as_recorded(case: str, answer: Any) -> None:
    recorded = BY_CASE[case]
    assert answer.status == recorded["status"]
    assert answer.headers.get("retry-after") == recorded.get("retry_after")
    if "content_type" in recorded:
        assert answer.headers["content-type"] == recorded["content_type"]
    if "..." not in recorded["body"]:
        expected = recorded["body"]
        if isinstance(expected, dict):
            expected = {name: value for name, value in expected.items() if value is not None}
        assert comparable(answer.body) == comparable(expected)


@pytest.mark.parametrize("case", CASES)
def test_a_failure_is_worded_as_the_real_server_words_it(case: str, on_server: Any) -> None:
    method, path, body, options = CASES[case]

    async def scenario(call: Any) -> None:
        await prepare(call)
        started = call.clock.monotonic()
        answer = await call(method, path, body, **options)
        assert_as_recorded(case, answer)
        assert call.clock.monotonic() - started == pytest.approx(BY_CASE[case]["after"], abs=0.2)

    on_server(scenario)


def test_a_wrong_token_is_refused_as_recorded(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.token = "wrong"
        assert_as_recorded("bad token", await call("GET", MAPS))
        call.token = "right"
        assert (await call("GET", MAPS)).status == 200

    on_server(scenario, tokens={"me": "right"})


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_answers_as_recorded(case: str, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await prepare(call)
        call.server.faults.add(FAULTS[case])
        assert_as_recorded(case, await call("POST", MAPS, config_map("new")))
        assert (await call("POST", MAPS, config_map("new"))).status == 201

    on_server(scenario)
