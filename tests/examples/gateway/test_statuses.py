"""Verdicts as the Gateway API's status objects, and the time at which each condition flipped."""

from __future__ import annotations

import base64
import datetime
from typing import Any

import pytest

from examples.gateway.certificates import self_signed
from examples.gateway.kinds import CONTROLLER_NAME, GATEWAY_GROUP
from examples.gateway.manifests import CRDS, DEMO, load_manifests
from examples.gateway.model import ParentRef
from examples.gateway.reads import Objects
from examples.gateway.rendering import DataPlane
from examples.gateway.snapshot import check
from examples.gateway.statuses import (
    PENDING,
    Programming,
    Stage,
    gateway_class_conditions,
    gateway_status,
    merge_conditions,
    route_parents,
)
from examples.gateway.translate import Translation, is_managed, translate
from examples.gateway.verdicts import Condition, Reason, RouteVerdict
from reconcilekit.kube.resource import ObjectKey

EARLIER = "2025-01-01T00:00:00Z"
NOW = "2025-01-02T00:00:00Z"
TAKEN = Programming(Stage.TAKEN)

Object = dict[str, Any]


def gateway(**spec: Any) -> Object:
    listeners = [{"name": "http", "port": 8080, "protocol": "HTTP"}, {"name": "tcp", "port": 9000, "protocol": "TCP"}]
    return {
        "apiVersion": f"{GATEWAY_GROUP}/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "default", "generation": 3},
        "spec": {"gatewayClassName": "ours", "listeners": listeners, **spec},
    }


def status_of(obj: Object, programming: Programming) -> Object:
    return gateway_status(obj, translate(obj, Objects([])), programming, data_plane=DataPlane(), now=NOW)


def in_short(conditions: list[Object]) -> dict[str, str]:
    return {condition["type"]: f"{condition['status']} {condition['reason']}" for condition in conditions}


@pytest.mark.parametrize(
    ("programming", "expected"),
    [
        (PENDING, "Unknown Pending"),
        (TAKEN, "True Programmed"),
        (Programming(Stage.REFUSED, "bad regex"), "False Invalid"),
    ],
)
def test_programmed_is_what_envoy_says(programming: Programming, expected: str) -> None:
    status = status_of(gateway(), programming)

    assert in_short(status["conditions"]) == {"Accepted": "True ListenersNotValid", "Programmed": expected}
    assert [in_short(listener["conditions"])["Programmed"] for listener in status["listeners"]] == [
        expected,
        "False Invalid",
    ]


def test_status_names_address_kinds_routes_and_generation() -> None:
    status = status_of(gateway(), TAKEN)
    http = status["listeners"][0]

    assert status["addresses"] == [{"type": "IPAddress", "value": "127.0.0.1"}]
    assert http["supportedKinds"] == [{"group": GATEWAY_GROUP, "kind": "HTTPRoute"}]
    assert http["attachedRoutes"] == 0
    assert {condition["observedGeneration"] for condition in http["conditions"]} == {3}


def test_gateway_at_a_foreign_address_is_never_programmed() -> None:
    status = status_of(gateway(addresses=[{"value": "192.0.2.1"}]), TAKEN)

    assert in_short(status["conditions"])["Programmed"] == "False AddressNotUsable"


def test_gateway_without_a_served_listener_is_never_programmed() -> None:
    status = status_of(gateway(listeners=[{"name": "tcp", "port": 9000, "protocol": "TCP"}]), TAKEN)

    assert in_short(status["conditions"]) == {"Accepted": "False ListenersNotValid", "Programmed": "False Invalid"}


def test_status_that_says_nothing_new_is_unchanged() -> None:
    obj = gateway()
    obj["status"] = gateway_status(obj, translate(obj, Objects([])), TAKEN, data_plane=DataPlane(), now=EARLIER)

    assert status_of(obj, TAKEN) == obj["status"]


def test_transition_time_moves_only_with_the_status() -> None:
    previous = [
        {"type": "A", "status": "True", "reason": "Pending", "lastTransitionTime": EARLIER},
        {"type": "B", "status": "False", "reason": "Invalid", "lastTransitionTime": EARLIER},
        {"type": "Foreign", "status": "True", "reason": "X", "lastTransitionTime": EARLIER},
    ]
    wanted = [Condition("A", True, Reason.ACCEPTED), Condition("B", True, Reason.ACCEPTED)]

    merged = merge_conditions(previous, wanted, generation=1, now=NOW)

    assert {condition["type"]: condition["lastTransitionTime"] for condition in merged} == {
        "Foreign": EARLIER,
        "A": EARLIER,
        "B": NOW,
    }
    assert merged[0] == previous[2]


def verdict(**parent: Any) -> RouteVerdict:
    fields = {"group": None, "kind": None, "namespace": None, "section_name": None, "port": None}
    return RouteVerdict(
        route=ObjectKey("default", "web"),
        parent=ParentRef(**{**fields, "name": "gw", **parent}),
        generation=2,
        conditions=(Condition("Accepted", True, Reason.ACCEPTED),),
    )


def test_parents_of_other_controllers_stay_and_former_ones_of_ours_go() -> None:
    foreign = {"controllerName": "example.com/other", "parentRef": {"name": "gw"}, "conditions": []}
    former = {"controllerName": CONTROLLER_NAME, "parentRef": {"name": "former"}, "conditions": []}
    kept = {
        "controllerName": CONTROLLER_NAME,
        "parentRef": {"name": "gw", "sectionName": "http"},
        "conditions": [
            {"type": "Accepted", "status": "True", "lastTransitionTime": EARLIER},
            {"type": "PartiallyInvalid", "status": "True", "lastTransitionTime": EARLIER},
        ],
    }

    parents = route_parents([former, foreign, kept], [verdict(section_name="http")], now=NOW)

    assert parents == [
        foreign,
        {
            "controllerName": CONTROLLER_NAME,
            "parentRef": {"name": "gw", "sectionName": "http"},
            "conditions": [
                {
                    "type": "Accepted",
                    "status": "True",
                    "reason": "Accepted",
                    "message": "",
                    "observedGeneration": 2,
                    "lastTransitionTime": EARLIER,
                }
            ],
        },
    ]


def gateway_class(**spec: Any) -> Object:
    return {
        "apiVersion": f"{GATEWAY_GROUP}/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "ours"},
        "spec": {"controllerName": CONTROLLER_NAME, **spec},
    }


def test_gateway_class_is_accepted_unless_it_has_parameters() -> None:
    (accepted,) = gateway_class_conditions(gateway_class())
    (refused,) = gateway_class_conditions(gateway_class(parametersRef={"name": "x"}))

    assert (accepted.is_true, refused.is_true, refused.reason) == (True, False, Reason.INVALID_PARAMETERS)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [([], False), ([gateway_class()], True), ([gateway_class(controllerName="example.com/other")], False)],
)
def test_gateway_is_managed_where_its_class_is_ours(classes: list[Object], expected: bool) -> None:
    assert is_managed(gateway(), Objects(classes)) is expected


def demo_translations() -> dict[str, Translation]:
    pair = self_signed(["shop.example.com"], now=datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC))
    certificate, key = (base64.b64encode(part).decode() for part in (pair.certificate, pair.private_key))
    values = {
        **{f"{name}_CERTIFICATE": certificate for name in ("SHOP", "ADMIN")},
        **{f"{name}_KEY": key for name in ("SHOP", "ADMIN")},
        **{f"{name}_PORT": str(8080 + number) for number, name in enumerate(("HTTP", "HTTPS", "INTERNAL"))},
        **{f"{name}_PORT": str(9000 + number) for number, name in enumerate(("STORE", "CART", "CANARY", "LEDGER"))},
        "BACKENDS": "127.0.0.1",
        "ADMIN_TOKEN": base64.b64encode(b"s3cret").decode(),
    }
    objects = list(load_manifests(DEMO, values))
    gateways = [obj for obj in objects if obj["kind"] == "Gateway"]
    return {obj["metadata"]["name"]: translate(obj, Objects(objects)) for obj in gateways}


def test_everything_in_the_demos_manifests_is_accepted_and_resolved() -> None:
    translations = demo_translations()
    verdicts = [
        *(listener.conditions for found in translations.values() for listener in found.listeners),
        *(route.conditions for found in translations.values() for route in found.routes),
    ]

    assert set(translations) == {"public", "internal"}
    for translation in translations.values():
        check(translation.snapshot)
        assert translation.gateway.accepted.reason is Reason.ACCEPTED
    assert all(
        condition.is_true is (condition.type != "Conflicted") for conditions in verdicts for condition in conditions
    )


def test_every_kind_of_the_example_has_a_definition_with_a_status() -> None:
    definitions = list(load_manifests(CRDS))

    assert {crd["spec"]["names"]["kind"] for crd in definitions} == {
        "GatewayClass",
        "Gateway",
        "HTTPRoute",
        "ReferenceGrant",
        "TokenPolicy",
    }
    assert all(crd["spec"]["versions"][0]["subresources"] == {"status": {}} for crd in definitions)
