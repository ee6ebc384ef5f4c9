"""Reviews of who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
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


def test_a_refused_review_is_warned_about_all_the_same() -> None:
    async def scenario(clock: VirtualClock) -> Response:
        request = Request(method="POST", path=f"{API}/subjectaccessreviews", body=b'{"spec":{"zz":1}}')
        return await ApiServer(clock=clock).transport().send(request)

    answer = run_virtual(scenario)
    assert (answer.status, answer.headers["warning"]) == (422, r'299 - "unknown field \"spec.zz\""')


def test_everything_is_allowed_while_authorization_is_off(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        told = await ask("POST", f"{API}/selfsubjectaccessreviews", {"spec": resource("delete")})
        assert told.body["status"] == {"allowed": True}

    play(scenario)


def test_a_review_is_read_and_owned_as_any_object(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        path = f"{API}/selfsubjectaccessreviews"
        told = await ask.admin("POST", path, {"spec": {"resourceAttributes": {"verb": "get", "bogus": 7}}})
        assert told["spec"] == {"resourceAttributes": {"verb": "get"}}
        (entry,) = told["metadata"]["managedFields"]
        assert entry["fieldsV1"] == {"f:spec": {"f:resourceAttributes": {".": {}, "f:verb": {}}}}
        spec = {"resourceAttributes": {"verb": "get", "namespace": 7}}
        reply = await ask("POST", path, {"spec": spec}, user=ADMIN)
        assert reply.status == 400
        assert reply.message == (
            'SelfSubjectAccessReview in version "v1" cannot be handled as a SelfSubjectAccessReview: json: cannot '
            "unmarshal number into Go struct field ResourceAttributes.spec.resourceAttributes.namespace of type string"
        )
        reply = await ask("POST", f"{path}?fieldValidation=Strict", {"spec": {}, "x": 1}, user=ADMIN)
        assert reply.message.endswith('strict decoding error: unknown field "x"')
        reply = await ask("POST", path, {"kind": "Pod", "apiVersion": "v1"}, user=ADMIN)
        assert reply.status == 400
        reply = await ask("POST", path, {"metadata": {"labels": {"a": "b"}}, "spec": {"x": 1}}, user=ADMIN)
        assert '"managedFields":[{"manager":' in reply.message
        reply = await ask("POST", path, {}, user=ADMIN, accept="application/json;as=Table;g=meta.k8s.io;v=v1")
        assert reply.status == 406

    play(scenario, authorization="RBAC")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", f"{API}/subjectaccessreviews/x"),
        ("POST", f"{API}/subjectaccessreviews/x"),
        ("POST", f"{API}/namespaces/default/subjectaccessreviews"),
        ("POST", f"{API}/localsubjectaccessreviews"),
    ],
)
def test_a_review_has_one_path(play: Any, method: str, path: str) -> None:
    async def scenario(ask: Any) -> None:
        reply = await ask(method, path, {"spec": {"user": "u", **resource("get")}}, user=ADMIN)
        assert (reply.status, reply.message) == (404, "the server could not find the requested resource")

    play(scenario, authorization="RBAC")


FIELDS, LABELS = "spec.resourceAttributes.fieldSelector", "spec.resourceAttributes.labelSelector"
NEEDED = "requirements or rawSelector is required"
VALUELESS = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
ONE = {"key": "a", "operator": "In", "values": ["b"]}


@pytest.mark.parametrize(
    ("selector", "found", "told"),
    [
        ("fieldSelector", {"rawSelector": "spec.nodeName=x,a!=b,,c==\\,"}, ""),
        ("fieldSelector", {"requirements": [ONE]}, ""),
        ("fieldSelector", {"rawSelector": "foo"}, f"{FIELDS} ignored due to parse error"),
        ("fieldSelector", {"rawSelector": "a=b=c"}, f"{FIELDS} ignored due to parse error"),
        ("fieldSelector", {"requirements": [{**ONE, "operator": "Near"}]}, f"{FIELDS} ignored due to parse error"),
        (
            "fieldSelector",
            {"requirements": [ONE, {"key": "a", "operator": "Exists"}]},
            f"{FIELDS} partially ignored due to parse error",
        ),
        ("labelSelector", {"rawSelector": "a in (b,c),!d"}, ""),
        ("labelSelector", {"rawSelector": "a in (b,c"}, f"{LABELS} ignored due to parse error"),
        ("labelSelector", {"requirements": [{**ONE, "operator": "Near"}]}, f"{LABELS} ignored due to parse error"),
    ],
)
def test_selectors_are_taken_and_passed_over(play: Any, selector: str, found: dict[str, Any], told: str) -> None:
    async def scenario(ask: Any) -> None:
        body = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods", selector: found}}}
        review = await ask.admin("POST", f"{API}/selfsubjectaccessreviews", body)
        assert review["status"] == {"allowed": True, **({"evaluationError": told} if told else {})}

    play(scenario, authorization="RBAC")


@pytest.mark.parametrize(
    ("selector", "found", "told"),
    [
        (
            "fieldSelector",
            {"rawSelector": "a=b", "requirements": [ONE]},
            f'{FIELDS}.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements',
        ),
        (
            "labelSelector",
            {},
            f"{LABELS}.requirements: Required value: when {LABELS} is specified, {NEEDED}",
        ),
        (
            "fieldSelector",
            {"requirements": [{**ONE, "key": ""}]},
            f"{FIELDS}.requirements[0].key: Required value: must be specified",
        ),
        (
            "labelSelector",
            {"requirements": [{**ONE, "operator": "Exists"}]},
            f"{LABELS}.requirements[0].values: {VALUELESS}",
        ),
    ],
)
def test_wrong_selectors_are_refused(play: Any, selector: str, found: dict[str, Any], told: str) -> None:
    async def scenario(ask: Any) -> None:
        body = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods", selector: found}}}
        reply = await ask("POST", f"{API}/selfsubjectaccessreviews", body, user=ADMIN)
        assert (reply.status, reply.message) == (422, f'.authorization.k8s.io "" is invalid: {told}')

    play(scenario, authorization="RBAC")
