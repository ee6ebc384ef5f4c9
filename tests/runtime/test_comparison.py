from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.clock import Clock
from reconcilekit.kube.client import Client
from reconcilekit.kube.objects import RawObject, parse_object
from reconcilekit.kube.resource import Resource
from reconcilekit.runtime.comparison import NoOps, differs
from reconcilekit.testing import ApiServer, Housekeeping
from reconcilekit.testing.virtual_time import VirtualClock, run_virtual
from tests.runtime.world import CRD, crd

MANAGER = "reconcilekit"
WORKLOAD = Resource("example.com/v1", "Workload")

Fields = dict[str, Any]

WEB = 'k:{"name":"web"}'
SIDE = 'k:{"name":"side"}'
HTTP = 'k:{"port":80,"protocol":"TCP"}'
DNS = 'k:{"port":53,"protocol":"UDP"}'
OWNER = 'k:{"uid":"123"}'


def as_live(content: Fields, owned: Fields | None, *, version: str = "7") -> RawObject:
    """The object as the server keeps it, with our Apply entry among those of others."""
    entries = [{"manager": "kubectl", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}]
    if owned is not None:
        entries.append({"manager": MANAGER, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": owned})
    metadata = {"name": "x", "namespace": "shop", "uid": "1", "resourceVersion": version, "managedFields": entries}
    obj = {**content, "metadata": {**metadata, **content.get("metadata", {})}}
    return parse_object(json.dumps(obj).encode(), field_manager=MANAGER)


def as_staged(content: Fields) -> Fields:
    metadata = {"name": "x", "namespace": "shop", **content.get("metadata", {})}
    return {"apiVersion": "v1", "kind": "Thing", **content, "metadata": metadata}


def meta(**fields: Any) -> Fields:
    return {"metadata": fields}


def containers(*items: Fields) -> Fields:
    return {"spec": {"containers": list(items)}}


def ports(*items: Fields) -> Fields:
    return {"spec": {"ports": list(items)}}


WEB_OWNED: Fields = {WEB: {".": {}, "f:name": {}, "f:image": {}}}
SIDE_OWNED: Fields = {SIDE: {".": {}, "f:name": {}}}
HTTP_OWNED: Fields = {HTTP: {".": {}, "f:port": {}, "f:targetPort": {}}}
DNS_OWNED: Fields = {DNS: {".": {}, "f:port": {}, "f:protocol": {}}}
LIVE_HTTP: Fields = {"port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080}
LIVE_DNS: Fields = {"port": 53, "protocol": "UDP"}
OWNER_REFERENCE: Fields = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "123", "controller": True}


@pytest.mark.parametrize(
    ("staged", "live", "owned"),
    [
        pytest.param({"data": {"a": "1"}}, {"data": {"a": "1"}}, {"f:data": {"f:a": {}}}, id="a field"),
        pytest.param(
            {"data": {"a": "1"}}, {"data": {"a": "1", "b": "2"}}, {"f:data": {"f:a": {}}}, id="somebody else's field"
        ),
        pytest.param(
            {"data": {"a": "1"}}, {"data": {"a": "1"}}, {"f:data": {".": {}, "f:a": {}}}, id="the map itself is ours"
        ),
        pytest.param({}, {"spec": {"replicas": 3}}, {}, id="nothing staged and nothing ours"),
        pytest.param({"data": {}}, {}, {"f:data": {}}, id="an empty map that the server doesn't keep"),
        pytest.param(meta(labels={}), {}, {"f:metadata": {"f:labels": {}}}, id="empty labels"),
        pytest.param({"data": {}}, {"data": {}}, {"f:data": {}}, id="an empty map"),
        pytest.param({"spec": {"args": []}}, {"spec": {"args": []}}, {"f:spec": {"f:args": {}}}, id="an empty list"),
        pytest.param(
            {"spec": {"selector": {"app": "web"}}},
            {"spec": {"selector": {"app": "web"}}},
            {"f:spec": {"f:selector": {}}},
            id="an atomic map",
        ),
        pytest.param(
            {"spec": {"args": ["-v", {"x": 1}]}},
            {"spec": {"args": ["-v", {"x": 1}]}},
            {"f:spec": {"f:args": {}}},
            id="an atomic list",
        ),
        pytest.param(
            containers({"name": "web", "image": "v1"}),
            containers({"name": "istio", "image": "i"}, {"name": "web", "image": "v1", "imagePullPolicy": "Always"}),
            {"f:spec": {"f:containers": WEB_OWNED}},
            id="a keyed list with somebody else's item and defaults",
        ),
        pytest.param(
            containers({"name": "web", "image": "v1"}, {"name": "side"}),
            containers({"name": "web", "image": "v1"}, {"name": "istio"}, {"name": "side"}),
            {"f:spec": {"f:containers": SIDE_OWNED | WEB_OWNED}},
            id="somebody else's item between ours",
        ),
        pytest.param(
            ports({"port": 80, "targetPort": 8080}, {"port": 53, "protocol": "UDP"}),
            ports(LIVE_HTTP, LIVE_DNS),
            {"f:spec": {"f:ports": HTTP_OWNED | DNS_OWNED}},
            id="a defaulted key",
        ),
        pytest.param(
            meta(finalizers=["a/x", "a/y"]),
            meta(finalizers=["a/x", "b/z", "a/y"]),
            {"f:metadata": {"f:finalizers": {'v:"a/x"': {}, 'v:"a/y"': {}}}},
            id="a set with somebody else's item",
        ),
        pytest.param(
            meta(ownerReferences=[OWNER_REFERENCE]),
            meta(ownerReferences=[OWNER_REFERENCE]),
            {"f:metadata": {"f:ownerReferences": {OWNER: {".": {}, **{f"f:{name}": {} for name in OWNER_REFERENCE}}}}},
            id="an owner reference whose fields are owned one by one",
        ),
        pytest.param(
            meta(ownerReferences=[OWNER_REFERENCE]),
            meta(ownerReferences=[OWNER_REFERENCE]),
            {"f:metadata": {"f:ownerReferences": {OWNER: {}}}},
            id="an owner reference, which is atomic",
        ),
        pytest.param(
            meta(annotations={"example.com/a.b": "1", "x": ""}),
            meta(annotations={"example.com/a.b": "1", "x": "", "y": "2"}),
            {"f:metadata": {"f:annotations": {"f:example.com/a.b": {}, "f:x": {}}}},
            id="annotations with dots and slashes",
        ),
        pytest.param(meta(uid="1", resourceVersion="5"), meta(labels={"a": "b"}), {}, id="preconditions are no fields"),
    ],
)
def test_nothing_differs(staged: Fields, live: Fields, owned: Fields) -> None:
    assert not differs(as_staged(staged), as_live(live, owned))


@pytest.mark.parametrize(
    ("staged", "live", "owned"),
    [
        pytest.param({"data": {"a": "1"}}, {"data": {"a": "1"}}, None, id="nothing is ours yet"),
        pytest.param({"data": {"a": "1"}}, {"data": {"a": "2"}}, {"f:data": {"f:a": {}}}, id="a changed value"),
        pytest.param({"data": {"a": "1"}}, {"data": {}}, {"f:data": {"f:a": {}}}, id="a vanished value"),
        pytest.param({"data": {"a": "1"}}, {}, {"f:data": {"f:a": {}}}, id="a vanished map"),
        pytest.param({"data": {"a": "1"}}, {"data": "text"}, {"f:data": {"f:a": {}}}, id="no map any more"),
        pytest.param({"data": {"a": "1"}}, {"data": {"a": "1"}}, {"f:data": {"f:b": {}}}, id="equal but not ours"),
        pytest.param(
            {"data": {"a": "1"}},
            {"data": {"a": "1", "b": "2"}},
            {"f:data": {"f:a": {}, "f:b": {}}},
            id="no longer staged",
        ),
        pytest.param({}, {"data": {"a": "1"}}, {"f:data": {"f:a": {}}}, id="nothing staged any more"),
        pytest.param({}, meta(labels={"a": "1"}), {"f:metadata": {"f:labels": {"f:a": {}}}}, id="no metadata any more"),
        pytest.param({"data": {}}, {"data": {"a": "1"}}, {"f:data": {"f:a": {}}}, id="emptied"),
        pytest.param({"data": {"a": None}}, {"data": {}}, {"f:data": {"f:a": {}}}, id="a null that isn't kept"),
        pytest.param({"data": {"a": None}}, {"data": {"a": "1"}}, {"f:data": {"f:a": {}}}, id="a null over a value"),
        pytest.param({"spec": {"on": True}}, {"spec": {"on": 1}}, {"f:spec": {"f:on": {}}}, id="true isn't 1"),
        pytest.param({"spec": {"on": [True]}}, {"spec": {"on": [1]}}, {"f:spec": {"f:on": {}}}, id="[true] isn't [1]"),
        pytest.param(
            {"spec": {"selector": {"app": "web"}}},
            {"spec": {"selector": {"app": "web", "tier": "x"}}},
            {"f:spec": {"f:selector": {}}},
            id="an atomic map with more in it",
        ),
        pytest.param(
            {"spec": {"args": ["a", "b"]}},
            {"spec": {"args": ["b", "a"]}},
            {"f:spec": {"f:args": {}}},
            id="another order",
        ),
        pytest.param(
            containers({"name": "web", "image": "v2"}),
            containers({"name": "web", "image": "v1"}),
            {"f:spec": {"f:containers": WEB_OWNED}},
            id="an item's field",
        ),
        pytest.param(
            containers({"name": "web", "image": "v1"}, {"name": "side"}),
            containers({"name": "web", "image": "v1"}, {"name": "side"}),
            {"f:spec": {"f:containers": WEB_OWNED}},
            id="an item that isn't ours yet",
        ),
        pytest.param(
            containers({"name": "web", "image": "v1"}),
            containers({"name": "web", "image": "v1"}, {"name": "side"}),
            {"f:spec": {"f:containers": WEB_OWNED | SIDE_OWNED}},
            id="an item no longer staged",
        ),
        pytest.param(
            containers({"name": "side"}, {"name": "web", "image": "v1"}),
            containers({"name": "web", "image": "v1"}, {"name": "side"}),
            {"f:spec": {"f:containers": WEB_OWNED | SIDE_OWNED}},
            id="the order of keyed items",
        ),
        pytest.param(
            meta(finalizers=["a/y", "a/x"]),
            meta(finalizers=["a/x", "a/y"]),
            {"f:metadata": {"f:finalizers": {'v:"a/x"': {}, 'v:"a/y"': {}}}},
            id="the order of a set",
        ),
        pytest.param(
            meta(finalizers=["a/x"]),
            meta(finalizers=["b/z"]),
            {"f:metadata": {"f:finalizers": {'v:"a/x"': {}}}},
            id="a vanished item of a set",
        ),
        pytest.param(
            ports({"port": 53}),
            ports(LIVE_DNS),
            {"f:spec": {"f:ports": DNS_OWNED}},
            id="a key left to its default, which it wasn't before",
        ),
        pytest.param(
            ports({"port": 53}, {"port": 53, "protocol": "UDP", "nodePort": 30053}),
            ports({"port": 53, "protocol": "TCP"}, LIVE_DNS),
            {"f:spec": {"f:ports": {'k:{"port":53,"protocol":"TCP"}': {".": {}, "f:port": {}}, **DNS_OWNED}}},
            id="a new field of an item that shares its port with one without protocol",
        ),
        pytest.param(
            ports({"port": 53}, {"port": 53, "protocol": "SCTP"}),
            ports({"port": 53, "protocol": "TCP"}, LIVE_DNS),
            {"f:spec": {"f:ports": {key: {".": {}, "f:port": {}} for key in ('k:{"port":53,"protocol":"TCP"}', DNS)}}},
            id="an item that answers to two",
        ),
        pytest.param(
            {"spec": {"list": [1]}}, {"spec": {"list": [1]}}, {"f:spec": {"f:list": {"i:0": {}}}}, id="an unknown part"
        ),
        pytest.param(
            {"spec": {"x": {"a": 1}}},
            {"spec": {"x": {"a": 1}}},
            {"f:spec": {"f:x": {"v:1": {}}}},
            id="a map where a set was",
        ),
        pytest.param(
            {"spec": {"x": "a"}}, {"spec": {"x": "a"}}, {"f:spec": {"f:x": {"f:y": {}}}}, id="text where a map was"
        ),
    ],
)
def test_something_differs(staged: Fields, live: Fields, owned: Fields | None) -> None:
    assert differs(as_staged(staged), as_live(live, owned))


class TestNoOps:
    DESIRED = as_staged({"spec": {"cpu": "1000m"}})
    LIVE = as_live({"spec": {"cpu": "1"}}, {"f:spec": {"f:cpu": {}}})

    def test_what_the_server_said_to_be_equal_is_known(self) -> None:
        """Without it, a quantity that the server normalises would be applied for ever."""
        no_ops = NoOps()
        assert differs(self.DESIRED, self.LIVE)
        assert not no_ops.is_known(self.DESIRED, self.LIVE)
        no_ops.remember(self.DESIRED, self.LIVE)
        assert no_ops.is_known(self.DESIRED, self.LIVE)
        assert no_ops.is_known(dict(reversed(copy.deepcopy(self.DESIRED).items())), self.LIVE)

    def test_another_desired_state_or_another_version_is_not(self) -> None:
        no_ops = NoOps()
        no_ops.remember(self.DESIRED, self.LIVE)
        assert not no_ops.is_known(as_staged({"spec": {"cpu": "2000m"}}), self.LIVE)
        assert not no_ops.is_known(self.DESIRED, as_live({"spec": {"cpu": "1"}}, None, version="8"))

    def test_no_more_are_remembered_than_the_capacity(self) -> None:
        no_ops = NoOps(capacity=2)
        versions = [as_live({}, None, version=str(number)) for number in range(3)]
        for version in versions:
            no_ops.remember(self.DESIRED, version)
        assert [no_ops.is_known(self.DESIRED, version) for version in versions] == [False, True, True]


TEXT = st.sampled_from(["", "a", "b"])
TEXTS = st.dictionaries(st.sampled_from(["a", "example.com/b.c", "d"]), TEXT, max_size=3)
ENV = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("ABC")}, optional={"value": TEXT}),
    max_size=3,
    unique_by=lambda item: item["name"],
)
CONTAINER_PORTS = st.lists(
    st.fixed_dictionaries(
        {"containerPort": st.sampled_from([53, 80])},
        optional={"protocol": st.sampled_from(["TCP", "UDP"]), "name": TEXT},
    ),
    max_size=3,
    unique_by=lambda item: (item["containerPort"], item.get("protocol", "TCP")),
)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["web", "side", "log"])},
        optional={"image": TEXT, "env": ENV, "ports": CONTAINER_PORTS, "args": st.lists(TEXT, max_size=2)},
    ),
    max_size=3,
    unique_by=lambda item: item["name"],
)
OWNERS = st.lists(
    # None of them the controller, of which an object has one alone, and two managers may name two.
    st.sampled_from(
        [OWNER_REFERENCE | {"name": name, "uid": uid, "controller": False} for name in ("p", "q") for uid in "12"]
    ),
    max_size=2,
    unique_by=lambda item: str(item["uid"]),
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "labels": TEXTS,
        "annotations": TEXTS,
        "finalizers": st.lists(st.sampled_from(["a/x", "a/y", "a/z"]), max_size=3, unique=True),
        "ownerReferences": OWNERS,
    },
)  # fmt: skip
DESIRED = st.builds(
    lambda metadata, selector, spec, containers: {
        "apiVersion": WORKLOAD.api_version,
        "kind": WORKLOAD.kind,
        "metadata": {"name": "x", "namespace": "default", **metadata},
        "spec": {**spec, "selector": {"matchLabels": selector}, "template": {"spec": {"containers": containers}}},
    },
    METADATA,
    st.dictionaries(st.sampled_from("ab"), TEXT, max_size=2),
    st.fixed_dictionaries({}, optional={"replicas": st.integers(0, 2), "paused": st.booleans()}),
    CONTAINERS,
)


def keyed(items: Fields, *keys: str) -> Fields:
    return {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": list(keys),
        "items": {"type": "object", "required": [keys[0]], "properties": items},
    }


STRING = {"type": "string"}
PORT = {"containerPort": {"type": "integer"}, "protocol": {**STRING, "default": "TCP"}, "name": STRING}
CONTAINER = {
    "name": STRING,
    "image": STRING,
    "env": keyed({"name": STRING, "value": STRING}, "name"),
    "ports": keyed(PORT, "containerPort", "protocol"),
    "args": {"type": "array", "items": STRING},
}
SPEC = {
    "replicas": {"type": "integer"},
    "paused": {"type": "boolean"},
    "selector": {
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {"matchLabels": {"type": "object", "additionalProperties": STRING}},
    },
    "template": {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"containers": keyed(CONTAINER, "name")}}},
    },
}


async def serve_workloads(clock: VirtualClock) -> ApiServer:
    """A server that knows a kind which merges as Deployments do, and takes all of them."""
    definition = crd("Workload")
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": SPEC}}}
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema
    server = ApiServer(clock=clock, housekeeping=Housekeeping.none())
    await client_of(server, clock, "kubectl").create(CRD, definition)
    return server


def client_of(server: ApiServer, clock: Clock, manager: str) -> Client:
    return Client(server.transport(), clock=clock, field_manager=manager)


def content_of(obj: RawObject) -> Fields:
    """Without what every write changes."""
    content = obj.decode()
    for name in ("resourceVersion", "generation", "creationTimestamp", "uid"):
        content["metadata"].pop(name, None)
    return content


@given(first=DESIRED, theirs=st.none() | DESIRED, second=DESIRED)
def test_a_difference_is_never_overlooked(first: Fields, theirs: Fields | None, second: Fields) -> None:
    """After two managers have applied: what differs says nothing of would change nothing if it were applied."""

    async def main(clock: VirtualClock) -> None:
        server = await serve_workloads(clock)
        ours, other = client_of(server, clock, MANAGER), client_of(server, clock, "other")
        live = await ours.apply(WORKLOAD, first)
        # Not its version: an empty map of labels is written anew each time, and no reader sees it.
        assert content_of(await ours.apply(WORKLOAD, first)) == content_of(live)
        if theirs is not None:
            await other.apply(WORKLOAD, theirs)
        live = await ours.get(WORKLOAD, live.key)
        before = differs(second, live)
        after = await ours.apply(WORKLOAD, second)
        if not before:
            # As text: to Python, true and 1 are equal.
            assert json.dumps(content_of(after), sort_keys=True) == json.dumps(content_of(live), sort_keys=True)

    run_virtual(main)


def without_empty_lists(value: Any) -> Any:
    """The server enters nobody as the owner of a keyed list without items, so one is applied once to learn that."""
    if isinstance(value, dict):
        return {name: without_empty_lists(part) for name, part in value.items() if part != []}
    return [without_empty_lists(item) for item in value] if isinstance(value, list) else value


@given(desired=DESIRED.map(without_empty_lists))
def test_what_was_just_applied_does_not_differ(desired: Fields) -> None:
    async def main(clock: VirtualClock) -> None:
        server = await serve_workloads(clock)
        live = await client_of(server, clock, MANAGER).apply(WORKLOAD, desired)
        assert not differs(desired, live)

    run_virtual(main)
