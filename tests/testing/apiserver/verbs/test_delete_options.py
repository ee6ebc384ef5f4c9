"""What a DELETE is told by its query."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"
UNSAFE = "ignoreStoreReadErrorWithClusterBreakingPotential"


@pytest.mark.parametrize("policy", ["", "foreground"])
def test_a_policy_that_is_told_is_one(on_server: Any, policy: str) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("DELETE", f"{MAPS}/none", propagationPolicy=policy)

        assert answer.status == 422
        told = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
        assert answer.message == f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: {told}'

    on_server(scenario)


@pytest.mark.parametrize("body", [b"null", {}, {"kind": None}, {"preconditions": None}])
def test_a_body_may_say_nothing(on_server: Any, body: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", MAPS, {"metadata": {"name": "a"}})

        assert (await call("DELETE", f"{MAPS}/a", body)).status == 200

    on_server(scenario)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"dryRun": "x"}, "json: cannot unmarshal string into Go struct field DeleteOptions.dryRun of type []string"),
        ({"kind": "X"}, 'no kind "X" is registered for version "meta.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"'),
        ({"apiVersion": "a/b/c"}, "unexpected GroupVersion string: a/b/c"),
    ],
)
def test_a_body_that_is_none_of_them_is_refused(on_server: Any, body: dict[str, Any], why: str) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("DELETE", f"{MAPS}/a", body)

        assert (answer.status, answer.message) == (400, why)

    on_server(scenario)


@pytest.mark.parametrize("told", [{"resourceVersion": "1"}, {"uid": "other"}])
def test_a_query_has_preconditions(on_server: Any, told: dict[str, str]) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", MAPS, {"metadata": {"name": "a"}})

        assert (await call("DELETE", f"{MAPS}/a", **told)).status == 409
        assert (await call("DELETE", f"{MAPS}/a", {}, **told)).status == 200

    on_server(scenario)


def test_what_can_be_read_is_not_deleted_as_if_it_could_not(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", MAPS, {"metadata": {"name": "a"}})
        options = {UNSAFE: True}
        single = await call("DELETE", f"{MAPS}/a", options)
        several = await call("DELETE", MAPS, options)
        namespace = await call("DELETE", "/api/v1/namespaces/default", options)
        together = await call("DELETE", f"{MAPS}/a", {**options, "gracePeriodSeconds": 0})

        assert (single.status, several.status, namespace.status, together.status) == (409, 422, 500, 422)
        assert single.message == (
            'Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, '
            "Key: /registry/configmaps/default/a, ResourceVersion: 0, "
            "AdditionalErrorMsg: unsafe deletion is not allowed because the object is decodable from storage"
        )
        assert several.message.endswith("is not allowed with DELETECOLLECTION, try again after removing the option")
        assert together.message.endswith("Invalid value: true: cannot be set together with .gracePeriodSeconds")

    on_server(scenario)


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ({}, ["a"]),
        ({"limit": "2"}, ["a"]),
        ({"limit": "-1"}, ["a", "b"]),
        ({"resourceVersionMatch": "NotOlderThan"}, ["a", "b"]),
    ],
)
def test_a_collection_is_deleted_as_it_stood(on_server: Any, told: dict[str, str], names: list[str]) -> None:
    async def scenario(call: Caller) -> None:
        made = await call("POST", MAPS, {"metadata": {"name": "a"}})
        await call("POST", MAPS, {"metadata": {"name": "b"}})
        version = made.body["metadata"]["resourceVersion"]
        gone = await call("DELETE", MAPS, {}, resourceVersion=version, **told)

        assert [item["metadata"]["name"] for item in gone.body["items"]] == names

    on_server(scenario)


def test_a_collection_of_long_ago_is_not_deleted(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", MAPS, {"metadata": {"name": "a"}})

        assert (await call("DELETE", MAPS, resourceVersion="1")).status == 410
        assert (await call("GET", f"{MAPS}/a")).status == 200

    on_server(scenario)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", MAPS, "limit"),
        ("GET", MAPS, "timeoutSeconds"),
        ("DELETE", MAPS, "limit"),
        ("DELETE", MAPS, "gracePeriodSeconds"),
        ("DELETE", f"{MAPS}/a", "gracePeriodSeconds"),
    ],
)
def test_an_empty_number_is_none(on_server: Any, method: str, path: str, name: str) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call(method, path, **{name: ""})

        assert (answer.status, answer.message) == (400, 'strconv.ParseInt: parsing "": invalid syntax')

    on_server(scenario)
