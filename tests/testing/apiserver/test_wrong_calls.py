"""What the server's own methods say to what can't be meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconcilekit import ObjectKey, Resource
from reconcilekit.testing import ApiServer, VirtualClock, custom_kind

CONFIG_MAP = Resource("v1", "ConfigMap")
NAMESPACE = Resource("v1", "Namespace")


@pytest.fixture
def server() -> ApiServer:
    return ApiServer(clock=VirtualClock())


def test_there_are_two_authorizations() -> None:
    wrong: Any = "rbac"
    with pytest.raises(ValueError, match="authorization='rbac' is none of 'AlwaysAllow', 'RBAC'"):
        ApiServer(clock=VirtualClock(), authorization=wrong)


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("clock", VirtualClock, r"clock=VirtualClock is a class; pass one of them: VirtualClock\(\)"),
        ("housekeeping", "cluster", "housekeeping='cluster' is no Housekeeping"),
        ("tokens", ["a"], r"tokens=\['a'\] is no Mapping"),
        ("start", 3, "start=3 is no Snapshot"),
    ],
)
def test_options_of_another_type_are_named(option: str, value: Any, problem: str) -> None:
    told: dict[str, Any] = {"clock": VirtualClock(), option: value}
    with pytest.raises(TypeError, match=problem):
        ApiServer(**told)


@pytest.mark.parametrize("option", ["watch_history", "watch_history_bytes", "keep_requests"])
def test_bounds_keep_something(option: str) -> None:
    told: dict[str, Any] = {option: 0}
    with pytest.raises(ValueError, match=f"{option}=0 keeps nothing"):
        ApiServer(clock=VirtualClock(), **told)


def test_a_user_is_more_than_a_name(server: ApiServer) -> None:
    jane: Any = "jane"
    with pytest.raises(TypeError, match=r"user='jane' is no User; pass User\('jane'\)"):
        server.transport(user=jane)


@pytest.mark.parametrize("options", [{"authorization": "RBAC"}, {"tokens": {"me": "x"}}, {"anonymous": False}])
def test_a_client_says_who_it_is_where_nobodies_get_nowhere(options: dict[str, Any]) -> None:
    server = ApiServer(clock=VirtualClock(), **options)
    with pytest.raises(ValueError, match="client\\('kubectl'\\) shows no credential") as caught:
        server.client("kubectl")
    assert "pass user=User('kubectl'), an administrator as user=User('kubectl', groups=['system:masters'])" in str(
        caught.value
    )


UNTYPED: dict[str, Any] = {"plural": "configmaps", "key": ObjectKey("default", "a"), "object": {"kind": "Namespace"}}


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (
            lambda server: server.objects(UNTYPED["plural"]),
            'objects: \'configmaps\' is no Resource; pass Resource("example.com/v1", "Kind")',
        ),
        (
            lambda server: server.object(UNTYPED["object"] | {"apiVersion": "v1"}, "a"),
            'object: a dict is no Resource; pass Resource("v1", "Namespace")',
        ),
        (
            lambda server: server.object(CONFIG_MAP, UNTYPED["key"], namespace="default"),
            "object: the name is ObjectKey(namespace='default', name='a'); pass a str",
        ),
        (
            lambda server: server.tell_list_keys(UNTYPED["plural"], {}),
            'tell_list_keys: \'configmaps\' is no Resource; pass Resource("example.com/v1", "Kind")',
        ),
        (
            lambda server: server.client(UNTYPED["key"]),
            "client: the name is ObjectKey(namespace='default', name='a'); pass a str",
        ),
        (
            lambda server: custom_kind(UNTYPED["plural"]),
            'custom_kind: \'configmaps\' is no Resource; pass Resource("example.com/v1", "Kind")',
        ),
    ],
)
def test_arguments_of_another_type_are_named(
    server: ApiServer, call: Callable[[ApiServer], object], problem: str
) -> None:
    with pytest.raises(TypeError) as caught:
        call(server)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda server: server.object(CONFIG_MAP, "a"), "a ConfigMap has a namespace: pass it, as in"),
        (lambda server: server.object(NAMESPACE, "a", namespace="b"), "a Namespace has no namespace: leave"),
        (lambda server: server.objects(NAMESPACE, namespace="b"), "a Namespace has no namespace: leave"),
        (lambda server: server.lag("configmap", 1.0), "no kind with the plural 'configmap' is served"),
        (lambda server: server.lag("configmaps", -1.0), "events can't be told 1.0 s before they happen"),
        (lambda server: server.take_down("example.com/v1"), "'example.com/v1' is no group; pass the version apart"),
        (lambda server: server.take_down(""), "'' is no group"),
        (lambda server: server.load(), "there is nothing to load; pass files or folders"),
    ],
)
def test_what_cant_be_meant_is_refused(server: ApiServer, call: Callable[[ApiServer], object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        call(server)
