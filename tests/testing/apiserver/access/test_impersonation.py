"""Acting as somebody else."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing.apiserver.access.impersonation import SEPARATOR
from reconcilekit.testing.apiserver.access.users import ADMIN, User

JANE = User("jane")
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
MAPS = "/api/v1/namespaces/default/configmaps"

REFUSED = 'configmaps is forbidden: User "jane" cannot impersonate-on'
SHOWN = '&user.DefaultInfo{Name:"", UID:"", Groups:[]string{"x"}, Extra:map[string][]string(nil)}'


async def info(ask: Any, **headers: str) -> Any:
    reply = await ask("POST", WHOAMI, {}, user=ADMIN, **headers)
    assert reply.status == 201, reply
    return reply.body["status"]["userInfo"]


@pytest.mark.parametrize("authorization", ["AlwaysAllow", "RBAC"])
def test_the_request_is_taken_for_the_other_users(play: Any, authorization: str) -> None:
    async def scenario(ask: Any) -> None:
        assert await info(ask, impersonate_user="joe") == {"username": "joe", "groups": ["system:authenticated"]}
        groups = SEPARATOR.join(("a", "cn=b,ou=c"))
        told = await info(
            ask, impersonate_user="joe", impersonate_group=groups, impersonate_uid="1", impersonate_extra_scopes="s"
        )
        assert told == {
            "username": "joe",
            "uid": "1",
            "groups": ["a", "cn=b,ou=c", "system:authenticated"],
            "extra": {"scopes": ["s"]},
        }
        told = await info(ask, impersonate_user="system:serviceaccount:ns:bot")
        assert told["groups"] == ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"]
        assert (await info(ask, impersonate_user="system:node:n"))["groups"] == ["system:nodes", "system:authenticated"]
        if authorization == "AlwaysAllow":
            # RBAC doesn't let anonymous users ask who they are.
            assert (await info(ask, impersonate_user="system:anonymous"))["groups"] == ["system:unauthenticated"]

    play(scenario, authorization=authorization)


@pytest.mark.parametrize(
    ("user", "mode"),
    [("joe", "user-info"), ("system:serviceaccount:a:b", "serviceaccount"), ("system:node:n", "arbitrary-node")],
)
def test_refusals_tell_of_the_constrained_way(play: Any, user: str, mode: str) -> None:
    async def scenario(ask: Any) -> None:
        reply = await ask("GET", MAPS, user=JANE, impersonate_user=user)
        assert (reply.status, reply.message) == (
            403,
            f'{REFUSED}:{mode}:list resource "configmaps" in API group "" in the namespace "default"',
        )

    play(scenario, authorization="RBAC")


def test_the_old_way_and_the_constrained_one(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        old = {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["joe"]}
        await ask.allow({"kind": "User", "name": "jane"}, old, namespace="")
        reply = await ask("GET", MAPS, user=JANE, impersonate_user="joe")
        assert reply.message.startswith('configmaps is forbidden: User "joe" cannot list')
        assert ask.server.requests[-1].user == "joe"
        assert "jane" in (await ask("GET", MAPS, user=JANE, impersonate_user="joe", impersonate_group="x")).message
        for verb, group, resource in (
            ("impersonate:user-info", "authentication.k8s.io", "users"),
            ("impersonate-on:user-info:list", "", "configmaps"),
        ):
            rule = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
            await ask.allow({"kind": "User", "name": "jack"}, rule, namespace="")
        reply = await ask("GET", MAPS, user=User("jack"), impersonate_user="joe")
        assert reply.message.startswith('configmaps is forbidden: User "joe" cannot list')
        reply = await ask("GET", f"{MAPS}/a", user=User("jack"), impersonate_user="joe")
        assert 'User "jack" cannot impersonate-on:user-info:get' in reply.message

    play(scenario, authorization="RBAC")


INVALID_KEY = (
    'impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "scopes": must be a '
    'domain-prefixed path (such as "acme.io/foo")'
)
AGENT = User(
    "system:serviceaccount:default:agent",
    groups=["system:serviceaccounts"],
    extra={"authentication.kubernetes.io/node-name": ("n1",)},
)


def test_an_agent_on_a_node_acts_as_that_node(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        reply = await ask("GET", MAPS, user=AGENT, impersonate_user="system:node:n1")
        assert f'User "{AGENT.name}" cannot impersonate-on:associated-node:list' in reply.message
        for verb, group, resource in (
            ("impersonate:associated-node", "authentication.k8s.io", "nodes"),
            ("impersonate-on:associated-node:list", "", "configmaps"),
        ):
            rule = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
            await ask.allow({"kind": "User", "name": AGENT.name}, rule, namespace="")
        reply = await ask("GET", MAPS, user=AGENT, impersonate_user="system:node:n1")
        assert reply.message.startswith('configmaps is forbidden: User "system:node:n1" cannot list')
        reply = await ask("GET", MAPS, user=AGENT, impersonate_user="system:node:n2")
        assert "cannot impersonate-on:arbitrary-node:list" in reply.message
        reply = await ask("GET", MAPS, user=AGENT, impersonate_user="system:node:n1", impersonate_uid="7")
        assert 'cannot impersonate resource "users"' in reply.message

    play(scenario, authorization="RBAC")


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"impersonate_group": f"a{SEPARATOR}"}, "impersonating the empty string group is not allowed"),
        ({"impersonate_group": "system:masters"}, "impersonating the system:masters group is not allowed"),
        (
            {"impersonate_extra_scopes": "s"},
            INVALID_KEY,
        ),
        ({"impersonate_extra_a.io%2Fb": ""}, "impersonating the empty string value in extra is not allowed"),
    ],
)
def test_some_things_the_constrained_way_never_takes(play: Any, headers: dict[str, str], why: str) -> None:
    async def scenario(ask: Any) -> None:
        for verb, group, resource in (
            ("impersonate:user-info", "authentication.k8s.io", "*"),
            ("impersonate-on:user-info:list", "", "configmaps"),
        ):
            rule = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
            await ask.allow({"kind": "User", "name": "jane"}, rule, namespace="")
        reply = await ask("GET", MAPS, user=JANE, impersonate_user="joe", **headers)
        assert (reply.status, reply.message.partition("at the cluster scope: ")[2]) == (403, why)

    play(scenario, authorization="RBAC")


def test_many_groups_may_be_allowed_at_once(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        for verb, group, resource, more in (
            ("impersonate:user-info", "authentication.k8s.io", "users", {}),
            ("impersonate:user-info", "authentication.k8s.io", "groups", {"resourceNames": ["*"]}),
            ("impersonate-on:user-info:list", "", "configmaps", {}),
        ):
            rule = {"verbs": [verb], "apiGroups": [group], "resources": [resource], **more}
            await ask.allow({"kind": "User", "name": "jane"}, rule, namespace="")
        for count, who in ((3, "jane"), (4, "joe")):
            groups = SEPARATOR.join("abcd"[:count])
            reply = await ask("GET", MAPS, user=JANE, impersonate_user="joe", impersonate_group=groups)
            assert f'User "{who}" cannot' in reply.message

    play(scenario, authorization="RBAC")


def test_headers_without_a_user_are_a_mistake(play: Any) -> None:
    async def scenario(ask: Any) -> None:
        reply = await ask("GET", MAPS, user=ADMIN, impersonate_group="x")
        assert (reply.status, reply.message) == (
            400,
            f"requested {SHOWN} without impersonating a user name",
        )

    play(scenario)
