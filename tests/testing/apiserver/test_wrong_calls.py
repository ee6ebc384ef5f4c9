"""What the server's own methods say to what can't be meant."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, cast

import pytest

from reconcilekit import ObjectKey, Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, Housekeeping, Limits, User, VirtualClock, Workloads, custom_kind
from reconcilekit.testing.apiserver.storage.folder import UnusableFolderError

CONFIG_MAP = Resource("v1", "ConfigMap")
KEEP = "watches='keep' is none of 'close', 'silent'"
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
        ("clock", None, r"clock=None is no Clock; pass VirtualClock\(\), or SystemClock\(\) of reconcilekit.clock"),
        ("watch_history", "1", "watch_history='1' is no int; pass watch_history=1000"),
        ("data", 1, "data=1 is no str or PathLike; pass data='folder'"),
        ("anonymous", "no", "anonymous='no' is no bool; pass anonymous=True or anonymous=False"),
        ("tokens", {"me": 1}, r"tokens: 'me': 1 is no user with a token; pass \{'me': 'secret'\}"),
        ("tokens", {3: "x"}, "tokens: 3: 'x' is no user with a token"),
        (
            "housekeeping",
            Housekeeping.none,
            r"housekeeping=Housekeeping.none is no Housekeeping; call it: Housekeeping.n",
        ),
        ("housekeeping", Housekeeping, r"housekeeping=Housekeeping is a class; pass one of them: Housekeeping\(\)"),
        ("keep_requests", True, "keep_requests=True is no int"),
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


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("data", "", "data='': the name is empty; '.' is the working directory"),
        ("tokens", {"me": ""}, "tokens: 'me' has the token '', which no header carries; leave spaces away"),
        ("tokens", {"me": " a"}, "tokens: 'me' has the token ' a', which no header carries"),
        ("tokens", {"": "a"}, "tokens: '' has no name"),
        ("tokens", {"me": "a", User("you"): "a"}, "tokens: 'me' and 'you' have the same token; give each its own"),
    ],
)
def test_options_that_cant_be_meant_are_named(option: str, value: Any, problem: str) -> None:
    told: dict[str, Any] = {option: value}
    with pytest.raises(ValueError, match=re.escape(problem)):
        ApiServer(clock=VirtualClock(), **told)


def test_a_file_is_no_folder() -> None:
    with pytest.raises(UnusableFolderError, match="is a file; name a folder, which is made where it is missing"):
        ApiServer(clock=VirtualClock(), data=__file__)


@pytest.mark.parametrize(
    ("kind", "told", "problem"),
    [
        (Housekeeping, {"workloads": True}, "workloads=True is no Workloads; pass workloads=Workloads()"),
        (Housekeeping, {"quotas": 1}, "quotas=1 is no bool; pass quotas=True or quotas=False"),
        (Housekeeping, {"service_range": 10}, "service_range=10 is no str; pass service_range='10.0.0.0/24'"),
        (Housekeeping, {"node_ports": [1, 2]}, "node_ports=[1, 2] is no tuple; pass node_ports=(30000, 32767)"),
        (Housekeeping, {"node_ports": ("1", 2)}, "node_ports=('1', 2) are no numbers; pass the first and the last"),
        (Housekeeping, {"delay": "1"}, "delay='1' is no int or float"),
        (Workloads, {"ready_after": None}, "ready_after=None is no int or float; pass ready_after=0.5, in seconds"),
        (Workloads, {"node": None}, "node=None is no str; pass node='node-1', or node='' for none"),
        (Limits, {"body_bytes": "1"}, "body_bytes='1' is no int; pass body_bytes=1_000_000"),
    ],
)
def test_parts_of_another_type_are_named(kind: Callable[..., object], told: dict[str, Any], problem: str) -> None:
    with pytest.raises(TypeError, match=re.escape(problem)):
        kind(**told)


@pytest.mark.parametrize(
    ("kind", "told", "problem"),
    [
        (
            Housekeeping,
            {"service_range": "x"},
            "service_range='x' is no IPv4 network; pass one, as service_range='10.0.0",
        ),
        (Housekeeping, {"service_range": "fd00::/112"}, "service_range='fd00::/112' is no IPv4 network"),
        (
            Housekeeping,
            {"service_range": "10.0.0.1/24"},
            "service_range='10.0.0.1/24' has bits set behind its prefix; pass service_range='10.0.0.0/24'",
        ),
        (
            Housekeeping,
            {"service_range": "10.0.0.0"},
            "service_range='10.0.0.0' holds too few addresses: 1 of the 8 that it needs; pass one of /29 or wider",
        ),
        (Housekeeping, {"node_ports": (2, 1)}, "node_ports=(2, 1) is no range from 1 to 65535; pass the first and the"),
        (Housekeeping, {"node_ports": (1, 2, 3)}, "node_ports=(1, 2, 3) is no range"),
        (Housekeeping, {"node_ports": (30000, 70000)}, "node_ports=(30000, 70000) is no range from 1 to 65535"),
        (Housekeeping, {"event_ttl": -1}, "Housekeeping(event_ttl=-1): time runs forward only; pass seconds >= 0"),
        (Workloads, {"stops_after": math.nan}, "Workloads(stops_after=nan): time runs forward only"),
        (Workloads, {"pod_range": "10.244.0.0/31"}, "pod_range='10.244.0.0/31' holds too few addresses: 2 of the 8"),
        (Workloads, {"node": "Node 1"}, "node='Node 1' is no Node's name; pass one as 'node-1', or '' for none"),
        (
            Limits,
            {"head_seconds": 0},
            "Limits(head_seconds=0) lets nothing through, or says no bound; pass more than 0",
        ),
    ],
)
def test_parts_that_cant_be_meant_are_named(kind: Callable[..., object], told: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        kind(**told)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"groups": "dev"}, "groups='dev' is no list of names; pass groups=['dev']"),
        ({"groups": 3}, "groups=3 is no list of names"),
        ({"groups": [3]}, "groups=(3,) are no names; pass groups=['dev', 'ops']"),
        ({"uid": 3}, "uid=3 is no str; pass uid='1234'"),
        ({"extra": {"team": "a"}}, "extra={'team': 'a'}: 'team' has no tuple of values; pass {'team': ('a',)}"),
    ],
)
def test_users_of_other_types_are_refused(told: dict[str, Any], problem: str) -> None:
    with pytest.raises(TypeError, match=re.escape(problem)):
        User("jane", **told)


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
        (lambda server: server.load(""), "path='': the name is empty; '.' is the working directory"),
        (lambda server: server.restore(server.snapshot(), watches=cast("Any", "keep")), KEEP),
        (lambda server: server.rewind(server.revision, watches=cast("Any", "keep")), KEEP),
        (lambda server: server.changes(after=99999), "revision 99999 is in the future: the latest is"),
        (
            lambda server: server.count(method="patch"),
            "that would count nothing: method='patch': 'patch' is none of GET",
        ),
        (
            lambda server: server.count(path="api/v1"),
            "that would count nothing: path='api/v1': paths begin with a slash",
        ),
        (lambda server: server.count(status=42), "that would count nothing: status=42 isn't from 100 to 599"),
        (
            lambda server: server.serve(port=70000),
            "port=70000 is no port; pass a number from 1 to 65535, or 0 for a free",
        ),
        (
            lambda server: server.serve(host=""),
            "host='': the address is empty; 127.0.0.1 is the default, 0.0.0.0 means",
        ),
    ],
)
def test_what_cant_be_meant_is_refused(server: ApiServer, call: Callable[[ApiServer], object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        call(server)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (
            lambda server: server.load(cast("Any", 3)),
            "path=3 is no str or PathLike; pass files or folders, as in load(",
        ),
        (lambda server: server.restore(cast("Any", 3)), "snapshot=3 is no Snapshot; pass what snapshot() gave"),
        (lambda server: server.rewind(cast("Any", "3")), "revision='3' is no int; pass what server.revision was"),
        (lambda server: server.changes(cast("Any", "3")), "after='3' is no int; pass what server.revision was"),
        (lambda server: server.count(status=cast("Any", "409")), "status='409' is no int; pass status=409"),
        (lambda server: server.serve(limits=cast("Any", 3)), "limits=3 is no Limits; pass limits=Limits("),
        (lambda server: server.serve(port=cast("Any", "80")), "port='80' is no int; pass port=0 for a free one"),
    ],
)
def test_arguments_of_another_type_are_refused(
    server: ApiServer, call: Callable[[ApiServer], object], problem: str
) -> None:
    with pytest.raises(TypeError, match=re.escape(problem)):
        call(server)


async def test_what_is_counted_may_come_by_several_methods(server: ApiServer) -> None:
    for method in ("GET", "DELETE", "PUT"):
        await server.handle(Request(method=method, path="/api"))
    assert (server.count(method="GET,PUT"), server.count(method="PUT"), server.count(path="/api*")) == (2, 1, 3)
    assert server.count(method="PATCH", status=0) == 0
