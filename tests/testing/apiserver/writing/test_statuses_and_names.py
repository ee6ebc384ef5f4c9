"""Deployments' statuses, Namespaces' finalizers and deletions, names that are taken, versions that are told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
NAMESPACES = "/api/v1/namespaces"
MAPS = "/api/v1/namespaces/default/configmaps"
OTHER = "33333333-3333-4333-8333-333333333333"
_EMPTY_KEY = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'


def deployment(**pod: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}], **pod}}
    return {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template}}


def test_a_deployment_counts_no_more_than_it_has(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", DEPLOYMENTS, deployment())
        reported = {"status": {"replicas": 1, "readyReplicas": 2}}

        answer = await call("PATCH", f"{DEPLOYMENTS}/d/status", reported, patch="merge")

        assert answer.status == 422
        assert "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas" in answer.message

    on_server(scenario)


def test_a_toleration_of_everything_exists(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("POST", DEPLOYMENTS, deployment(tolerations=[{"operator": "Bogus"}]))

        told = [cause["message"] for cause in answer.body["details"]["causes"]]
        assert told == [
            f'Invalid value: "Bogus": {_EMPTY_KEY}',
            'Unsupported value: "Bogus": supported values: "Equal", "Exists"',
        ]

    on_server(scenario)


def test_a_variable_that_hides_another_is_warned_of(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        values = ("1", "$(E)2", "3")
        variables = [{"name": "E", "value": value} for value in values]
        made = deployment(containers=[{"name": "c", "image": "i", "env": variables}])

        answer = await call("POST", DEPLOYMENTS, made)
        again = await call("PATCH", f"{DEPLOYMENTS}/d", {"metadata": {"labels": {"a": "b"}}}, patch="merge")

        assert 'env[2]: hides previous definition of \\"E\\"' in answer.headers["warning"]
        assert "env[1]" not in answer.headers["warning"]
        assert "warning" not in again.headers

    on_server(scenario)


def test_a_namespace_s_finalizers_have_names(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("POST", NAMESPACES, {"metadata": {"name": "n"}, "spec": {"finalizers": ["x"]}})

        assert answer.status == 422
        assert answer.message == (
            'Namespace "n" is invalid: spec.finalizers: Invalid value: "x": name is neither a standard finalizer name '
            "nor is it fully qualified"
        )

    on_server(scenario)


def test_a_namespace_s_deletion_words_its_preconditions_itself(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        uid = (await call("POST", NAMESPACES, {"metadata": {"name": "n"}})).body["metadata"]["uid"]

        answer = await call("DELETE", f"{NAMESPACES}/n", {"preconditions": {"uid": OTHER}})

        assert answer.body["details"]["kind"] == "namespaces"
        assert answer.message == (
            'Operation cannot be fulfilled on namespaces "n": Precondition failed: UID in precondition: '
            f"{OTHER}, UID in object meta: {uid}"
        )

    on_server(scenario)


def test_a_taken_name_with_another_to_generate_may_be_tried_again(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        maps = "/api/v1/namespaces/default/configmaps"
        await call("POST", maps, {"metadata": {"name": "a"}})

        answer = await call("POST", maps, {"metadata": {"name": "a", "generateName": "b-"}})

        assert answer.body["details"]["retryAfterSeconds"] == 1
        assert answer.message.endswith("the server was not able to generate a unique name for the object")

    on_server(scenario)


def test_a_version_of_a_new_object_is_refused_last_and_shown_by_a_dry_run(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        maps = "/api/v1/namespaces/default/configmaps"
        told = {"metadata": {"name": "a", "resourceVersion": "5"}}

        refused = await call("POST", maps, told)
        wrong = await call("POST", maps, {**told, "data": {"bad key!": "x"}})
        tried = await call("POST", maps, told, dryRun="All")

        assert (refused.status, wrong.status) == (500, 422)
        assert tried.body["metadata"]["resourceVersion"] == "5"

    on_server(scenario)


def test_a_missing_name_is_told_with_all_else_that_is_missing(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("POST", DEPLOYMENTS, {"kind": "Deployment"})

        assert [(cause["field"], cause["message"]) for cause in answer.body["details"]["causes"]] == [
            ("metadata.name", "Required value: name or generateName is required"),
            ("spec.selector", "Required value"),
            (
                "spec.template.metadata.labels",
                "Invalid value: null: `selector` does not match template `labels`",
            ),
            ("spec.template.spec.containers", "Required value"),
        ]

    on_server(scenario)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ([], ["kubernetes"]),
        (["e.com/f"], ["e.com/f", "kubernetes"]),
        (["kubernetes", "e.com/f"], ["kubernetes", "e.com/f"]),
    ],
)
def test_a_new_namespace_has_the_finalizer_of_its_content(on_server: Any, told: list[str], kept: list[str]) -> None:
    async def scenario(call: Caller) -> None:
        made = await call("POST", "/api/v1/namespaces", {"metadata": {"name": "a"}, "spec": {"finalizers": told}})
        assert made.body["spec"] == {"finalizers": kept}

    on_server(scenario)


@pytest.mark.parametrize("told", ["0", "00", "7", "x"])
def test_a_dry_run_of_a_create_shows_the_version_that_it_was_told(on_server: Any, told: str) -> None:
    async def scenario(call: Caller) -> None:
        body = {"metadata": {"name": "a", "resourceVersion": told}}
        shown = await call("POST", MAPS, body, dryRun="All")
        assert (shown.status, shown.version) == (201, told)
        made = await call("POST", MAPS, body)
        assert made.status == (500 if told == "7" else 201)

    on_server(scenario)
