"""Rules that hold for every translation, whatever the user wrote."""

from __future__ import annotations

import base64
import contextlib
import copy
import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.gateway.reads import Objects
from examples.gateway.snapshot import check
from examples.gateway.translate import Translation, translate
from reconcilekit.errors import ConfigError

from .proxying import Answer, Request, answer

Object = dict[str, Any]

GROUP = "gateway.networking.k8s.io"
TOKEN = "s3cret"
HOSTS = ("a.example.com", "b.example.com", "*.example.com", "*.com", "a.test")
REQUESTED_HOSTS = ("a.example.com", "b.example.com", "c.d.example.com", "other.com", "a.test", "z.test")
PATHS = ("/", "/a", "/a/b", "/ab", "/b")
PORTS = (8080, 8081)


def obj(api_version: str, kind: str, name: str, *, namespace: str = "default", **fields: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **fields}


def gateway_of(listeners: list[Object]) -> Object:
    named = [{"name": f"l{number}", **listener} for number, listener in enumerate(listeners)]
    return obj(f"{GROUP}/v1", "Gateway", "gw", spec={"gatewayClassName": "reconcilekit", "listeners": named})


def surroundings() -> list[Object]:
    policy = {"secretRef": {"name": "token"}}
    token = {"token": base64.b64encode(TOKEN.encode()).decode()}
    objects = [
        obj("gateway.reconcilekit.dev/v1alpha1", "TokenPolicy", "good", spec=policy),
        obj("v1", "Secret", "token", data=token),
    ]
    for service in ("web", "api"):
        objects.append(obj("v1", "Service", service, spec={"ports": [{"port": 80}]}))
        endpoints = obj("discovery.k8s.io/v1", "EndpointSlice", service, ports=[{"port": 9000}])
        endpoints["metadata"]["labels"] = {"kubernetes.io/service-name": service}
        objects.append({**endpoints, "endpoints": [{"addresses": ["127.0.0.1"]}]})
    return objects


def extension(policy: str) -> Object:
    reference = {"group": "gateway.reconcilekit.dev", "kind": "TokenPolicy", "name": policy}
    return {"type": "ExtensionRef", "extensionRef": reference}


matches = st.fixed_dictionaries(
    {},
    optional={
        "path": st.fixed_dictionaries(
            {
                "type": st.sampled_from([*["PathPrefix"] * 5, "Exact", "Exact", "RegularExpression"]),
                "value": st.sampled_from([*PATHS, *PATHS, "/a/", "/bad//path"]),
            }
        ),
        "method": st.sampled_from(["GET", "GET", "POST", "BREW"]),
        "headers": st.just([{"name": "X-Canary", "value": "1"}]),
        "queryParams": st.just([{"name": "q", "value": "1"}]),
    },
)
backends = st.fixed_dictionaries(
    {"name": st.sampled_from(["web", "api", "web", "api", "gone"]), "port": st.sampled_from([*[80] * 7, 81])},
    optional={
        "weight": st.sampled_from([*[1, 3] * 4, 0, -1]),
        "namespace": st.sampled_from([*["default"] * 7, "elsewhere"]),
        "kind": st.sampled_from([*["Service"] * 7, "Bucket"]),
    },
)
filters = st.sampled_from([extension("good"), extension("good"), extension("gone"), {"type": "URLRewrite"}])
rules = st.fixed_dictionaries(
    {"backendRefs": st.lists(backends, min_size=1, max_size=2)},
    optional={"matches": st.lists(matches, max_size=2), "filters": st.lists(filters, max_size=1)},
)
parents = st.fixed_dictionaries(
    {"name": st.sampled_from(["gw", "gw", "gw", "other"])},
    optional={"sectionName": st.sampled_from(["l0", "l0", "l1", "gone"]), "port": st.sampled_from(PORTS)},
)
listeners = st.fixed_dictionaries(
    {"port": st.sampled_from(PORTS), "protocol": st.sampled_from([*["HTTP"] * 9, "TCP"])},
    optional={"hostname": st.sampled_from([*HOSTS, *HOSTS, "Bad_Host"])},
)
specs = st.fixed_dictionaries(
    {"parentRefs": st.lists(parents, min_size=1, max_size=2), "rules": st.lists(rules, min_size=1, max_size=2)},
    optional={"hostnames": st.lists(st.sampled_from([*HOSTS, *HOSTS, *HOSTS, "Bad_Host"]), max_size=2)},
)
gateways = st.lists(listeners, min_size=1, max_size=4).map(gateway_of)


@st.composite
def routes(draw: st.DrawFn, *, at_least: int = 1) -> list[Object]:
    found = []
    for number, spec in enumerate(draw(st.lists(specs, min_size=at_least, max_size=4))):
        route = obj(f"{GROUP}/v1", "HTTPRoute", f"r{number}", spec=spec)
        route["metadata"]["creationTimestamp"] = draw(st.sampled_from(["2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z"]))
        found.append(route)
    return found


EVERY_REQUEST = [
    Request(port=port, host=host, path=path, method=method, headers=headers, query=query)
    for port, host, path in itertools.product(PORTS, REQUESTED_HOSTS, PATHS)
    for method, headers, query in (
        ("GET", {}, {}),
        ("POST", {"x-canary": "1", "authorization": "Bearer wrong"}, {"q": "1"}),
        ("GET", {"authorization": f"Bearer {TOKEN}"}, {}),
    )
]
"""Few enough to ask them all of every snapshot."""


def translated(gateway: Object, route_objects: list[Object]) -> Translation:
    translation = translate(gateway, Objects([*surroundings(), *route_objects]))
    check(translation.snapshot)
    return translation


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 70000) | st.sampled_from(["", "x", "/a", "gw", "Exact"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "type", "value"]), inner),
    max_leaves=4,
)


@st.composite
def mangled(draw: st.DrawFn, value: Any) -> Any:
    """The same with something inside replaced by anything."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: draw(mangled(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], draw(mangled(value[index])), *value[index + 1 :]]
    return draw(json_values)


@given(gateway=gateways, found=routes(), shuffling=st.randoms(use_true_random=False))
def test_order_in_which_objects_are_found_is_immaterial(
    gateway: Object, found: list[Object], shuffling: random.Random
) -> None:
    objects = [*surroundings(), *found]
    first = translate(gateway, Objects(objects))
    shuffling.shuffle(objects)

    again = translate(gateway, _Unsorted(objects, shuffling))

    assert again == first
    assert list(again.snapshot.entries()) == list(first.snapshot.entries())


class _Unsorted(Objects):
    def __init__(self, objects: list[Object], shuffling: random.Random) -> None:
        super().__init__(objects)
        self._shuffling = shuffling

    def select(self, *args: Any, **kwargs: Any) -> list[Object]:
        found = list(super().select(*args, **kwargs))
        self._shuffling.shuffle(found)
        return found


@given(data=st.data(), gateway=gateways, found=routes(at_least=3))
def test_what_is_wrong_with_one_route_changes_no_other_routes_answers(
    data: st.DataObject, gateway: Object, found: list[Object]
) -> None:
    victim = found[0]
    broken = {**victim, "spec": data.draw(mangled(victim["spec"]))}
    before = translated(gateway, found).snapshot
    after = translated(gateway, [broken, *found[1:]]).snapshot
    without = translated(gateway, found[1:]).snapshot
    own = "default/r0"

    for request in EVERY_REQUEST:
        as_without = answer(without, request)
        for snapshot in (before, after):
            given_answer = answer(snapshot, request)
            if given_answer is None or given_answer.route != own:
                assert given_answer == as_without


@given(data=st.data(), gateway=gateways, found=routes())
def test_nothing_guarded_is_served_without_its_token(data: st.DataObject, gateway: Object, found: list[Object]) -> None:
    for route in found:
        for rule in route["spec"]["rules"]:
            rule["filters"] = [extension(data.draw(st.sampled_from(["good", "gone"])))]
    snapshot = translated(gateway, found).snapshot

    for request in EVERY_REQUEST:
        given_answer = answer(snapshot, request)
        if given_answer is not None and given_answer.shares:
            assert request.headers.get("authorization") == f"Bearer {TOKEN}"


@given(data=st.data(), found=routes())
def test_no_object_makes_translation_raise_but_the_gateway_itself(data: st.DataObject, found: list[Object]) -> None:
    gateway = gateway_of([{"port": 8080, "protocol": "HTTP"}])
    objects = [*surroundings(), *found]
    position = data.draw(st.integers(0, len(objects) - 1))
    whole = copy.deepcopy(objects[position])
    body = {key: value for key, value in whole.items() if key not in ("apiVersion", "kind", "metadata")}
    objects[position] = {**whole, **data.draw(mangled(body).filter(lambda value: isinstance(value, dict)))}

    check(translate(gateway, Objects(objects)).snapshot)


@given(data=st.data(), gateway=gateways, found=routes())
def test_gateway_of_a_wrong_shape_is_a_config_error_or_harmless(
    data: st.DataObject, gateway: Object, found: list[Object]
) -> None:
    gateway = {**gateway, "spec": data.draw(mangled(gateway["spec"]))}
    with contextlib.suppress(ConfigError):
        translated(gateway, found)


@given(gateway=gateways, found=routes())
def test_reordered_rules_rename_no_cluster(gateway: Object, found: list[Object]) -> None:
    before = translated(gateway, found).snapshot
    for route in found:
        route["spec"]["rules"].reverse()

    assert set(translated(gateway, found).snapshot.clusters) == set(before.clusters)


PRECEDENCE = [
    ("exact path before prefix", {"path": {"type": "Exact", "value": "/a"}}, {"path": {"value": "/a"}}),
    ("longer prefix", {"path": {"value": "/a/b"}}, {"path": {"value": "/a"}, "method": "GET"}),
    ("method before headers", {"method": "GET"}, {"headers": [{"name": "x-canary", "value": "1"}]}),
    (
        "more headers before query parameters",
        {"headers": [{"name": "x-canary", "value": "1"}, {"name": "x-more", "value": "1"}]},
        {"headers": [{"name": "x-canary", "value": "1"}], "queryParams": [{"name": "q", "value": "1"}]},
    ),
    (
        "more query parameters",
        {"queryParams": [{"name": "q", "value": "1"}, {"name": "r", "value": "1"}]},
        {"queryParams": [{"name": "q", "value": "1"}]},
    ),
]


@pytest.mark.parametrize(("winner", "loser"), [case[1:] for case in PRECEDENCE], ids=[case[0] for case in PRECEDENCE])
def test_match_that_goes_first_wins_although_its_route_is_younger(winner: Object, loser: Object) -> None:
    found = [_matching("r0", loser, "2025-01-01T00:00:00Z"), _matching("r1", winner, "2025-01-02T00:00:00Z")]

    assert _winner(found) == "default/r1"


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        ("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z", "default/r0"),
        ("2025-01-02T00:00:00Z", "2025-01-01T00:00:00Z", "default/r1"),
        ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "default/r0"),
    ],
    ids=["older by order", "older against order", "same age: by name"],
)
def test_equal_matches_go_by_age_then_name(first: str, second: str, winner: str) -> None:
    found = [_matching("r1", {}, second), _matching("r0", {}, first)]

    assert _winner(found) == winner


def test_equal_matches_of_one_route_go_by_the_order_of_its_rules() -> None:
    rule = {"backendRefs": [{"name": "api", "port": 80}]}
    route = _matching("r0", {}, "2025-01-01T00:00:00Z")
    route["spec"]["rules"].append(rule)
    snapshot = translated(gateway_of([{"port": 8080, "protocol": "HTTP"}]), [route]).snapshot

    assert answer(snapshot, Request(port=8080, host="z.test")) == Answer(
        route="default/r0", shares=(("default/web/80", 1),)
    )


def _matching(name: str, match: Object, created: str) -> Object:
    rule = {"matches": [match], "backendRefs": [{"name": "web", "port": 80}]}
    route = obj(f"{GROUP}/v1", "HTTPRoute", name, spec={"parentRefs": [{"name": "gw"}], "rules": [rule]})
    route["metadata"]["creationTimestamp"] = created
    return route


def _winner(found: list[Object]) -> str:
    snapshot = translated(gateway_of([{"port": 8080, "protocol": "HTTP"}]), found).snapshot
    path = "/a/b" if any("/a/b" in str(route) for route in found) else "/a"
    request = Request(
        port=8080,
        host="z.test",
        path=path,
        headers={"x-canary": "1", "x-more": "1"},
        query={"q": "1", "r": "1"},
    )
    found_answer = answer(snapshot, request)
    assert found_answer is not None
    return found_answer.route
