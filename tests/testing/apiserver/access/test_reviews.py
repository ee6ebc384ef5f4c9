"""Reviews of who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing.apiserver.access.users import ADMIN, User

JANE = User("jane")
API = "/apis/authorization.k8s.io/v1"
READ = {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}


def resource(verb: str, **more: str) -> dict[str, Any]:
    return {"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": "default", **more}}


def test_access_is_reviewed_for_others_and_for_oneself(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        await ask.allow({"kind": "User", "name": "jane"}, READ)
        jane: dict[str, Any] = {"user": "jane"}
        for path, spec, user in (
            (f"{API}/subjectaccessreviews", jane, ADMIN),
            (f"{API}/namespaces/default/localsubjectaccessreviews", jane, ADMIN),
            (f"{API}/selfsubjectaccessreviews", {}, JANE),
        ):
            for verb, is_allowed in (("list", True), ("delete", False)):
                body = {"metadata": {"namespace": "default"} if "local" in path else {}, "spec": spec | resource(verb)}
                reply = await ask("POST", path, body, user=user)
                assert reply.status == 201, reply
                assert reply.body["status"]["allowed"] is is_allowed
                if is_allowed:
                    assert reply.body["status"]["reason"].startswith('RBAC: allowed by RoleBinding "r')
        spec = {
            "user": "x",
            "groups": ["system:authenticated"],
            "nonResourceAttributes": {"verb": "get", "path": "/api"},
        }
        told = await ask.admin("POST", f"{API}/subjectaccessreviews", {"spec": spec})
        name, group = '"system:discovery"', '"system:authenticated"'
        assert told["status"] == {
            "allowed": True,
            "reason": f"RBAC: allowed by ClusterRoleBinding {name} of ClusterRole {name} to Group {group}",
        }

    play(scenario, authorization="RBAC")


def test_rules_are_listed(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        await ask.allow({"kind": "User", "name": "jane"}, READ)
        reply = await ask("POST", f"{API}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}, user=JANE)
        assert READ in reply.body["status"]["resourceRules"]
        assert reply.body["status"]["incomplete"] is False
        reply = await ask("POST", f"{API}/selfsubjectrulesreviews", {"spec": {"namespace": "other"}}, user=JANE)
        assert READ not in reply.body["status"]["resourceRules"]
        reply = await ask("POST", f"{API}/selfsubjectrulesreviews", {"spec": {}}, user=JANE)
        assert (reply.status, reply.message) == (400, "no namespace on request")

    play(scenario, authorization="RBAC")


ONE_OF = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
NOBODY = 'spec.user: Invalid value: "": at least one of user or group must be specified'
BOTH = {"user": "a", "resourceAttributes": {}, "nonResourceAttributes": {"verb": "get", "path": "/"}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, f"[spec: Invalid value: null: {ONE_OF}, {NOBODY}]"),
        (BOTH, f'spec: Invalid value: {{"Path":"/","Verb":"get"}}: {ONE_OF}'),
    ],
)
def test_refused_reviews_are_worded_as_the_real_ones(play: Any, spec: dict[str, Any], message: str) -> None:
    async def scenario(ask: Any) -> None:
        reply = await ask("POST", f"{API}/subjectaccessreviews", {"spec": spec})
        assert (reply.status, reply.message) == (422, f'.authorization.k8s.io "" is invalid: {message}')

    play(scenario)


def test_everything_is_allowed_while_authorization_is_off(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        told = await ask("POST", f"{API}/selfsubjectaccessreviews", {"spec": resource("delete")})
        assert told.body["status"] == {"allowed": True}

    play(scenario)
