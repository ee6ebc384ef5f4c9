"""What writes do to Services, in the order in which the real server gives, drops and looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.testing.apiserver.conftest import Answer, Caller

SERVICES = "/api/v1/namespaces/default/services"
PORTS = [{"port": 80}]


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": PORTS, **spec}}


def causes(answer: Answer) -> list[tuple[str, str]]:
    return [(cause["field"], cause["message"]) for cause in answer.body["details"]["causes"]]


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        (
            {"type": "ExternalName", "externalName": "a.b", "clusterIP": "None"},
            "spec.clusterIPs",
            "Forbidden: may not be set for ExternalName services",
        ),
        (
            {"type": "NodePort", "clusterIP": "None"},
            "spec.clusterIPs[0]",
            "Invalid value: \"None\": may not be set to 'None' for NodePort services",
        ),
        (
            {"externalIPs": ["127.0.0.1"]},
            "spec.externalIPs[0]",
            'Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
        ),
        (
            {"ipFamilyPolicy": "Bogus"},
            "spec.ipFamilyPolicy",
            'Unsupported value: "Bogus": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
        ),
        (
            {"internalTrafficPolicy": "Bogus"},
            "spec.internalTrafficPolicy",
            'Unsupported value: "Bogus": supported values: "Cluster", "Local"',
        ),
        ({"clusterIPs": ["10.0.0.9"]}, "spec.clusterIPs", "must be empty when `clusterIP` is not specified"),
        ({"allocateLoadBalancerNodePorts": True}, "spec.allocateLoadBalancerNodePorts", "Forbidden: may only be used"),
    ],
)
def test_a_wrong_service_is_refused(on_server: Any, spec: dict[str, Any], field: str, message: str) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("POST", SERVICES, service("a", **spec))

        assert answer.status == 422
        [(told_field, told)] = causes(answer)
        assert (told_field, message in told) == (field, True)

    on_server(scenario)


def test_a_policy_stays_where_a_put_leaves_it_out(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", SERVICES, service("a", ipFamilyPolicy="PreferDualStack"))

        replaced = await call("PUT", f"{SERVICES}/a", service("a", sessionAffinity="ClientIP"))

        assert replaced.body["spec"]["ipFamilyPolicy"] == "PreferDualStack"

    on_server(scenario)


def test_a_service_of_a_write_to_its_status_may_prefer_two_families_without_having_one(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("PUT", f"{SERVICES}/a/status", service("a"))

        answer = await call("PATCH", f"{SERVICES}/a", {"spec": {"ipFamilyPolicy": "PreferDualStack"}}, patch="merge")

        assert answer.status == 200
        assert "ipFamilies" not in answer.body["spec"]

    on_server(scenario)


def test_a_type_takes_with_it_what_it_alone_needed(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", SERVICES, service("a", type="LoadBalancer", externalTrafficPolicy="Local"))

        answer = await call("PATCH", f"{SERVICES}/a", {"spec": {"type": "ClusterIP"}}, patch="merge")

        assert answer.status == 200
        spec = answer.body["spec"]
        gone = ("healthCheckNodePort", "externalTrafficPolicy", "allocateLoadBalancerNodePorts")
        assert not [name for name in gone if name in spec]
        assert "nodePort" not in spec["ports"][0]

    on_server(scenario)


def test_an_address_goes_when_the_service_becomes_a_name_and_comes_back(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", SERVICES, service("a"))
        named = {"spec": {"type": "ExternalName", "externalName": "example.com"}}

        external = (await call("PATCH", f"{SERVICES}/a", named, patch="merge")).body["spec"]
        internal = (await call("PATCH", f"{SERVICES}/a", {"spec": {"type": "ClusterIP"}}, patch="merge")).body["spec"]

        assert "clusterIP" not in external
        assert "internalTrafficPolicy" not in external
        assert internal["clusterIPs"] == [internal["clusterIP"]]

    on_server(scenario)


def test_a_put_of_a_status_creates_a_service_without_an_address(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        told = {**service("a"), "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}

        created = await call("PUT", f"{SERVICES}/a/status", told)

        assert created.status == 201
        assert created.body["status"] == {"loadBalancer": {}}
        assert "clusterIP" not in created.body["spec"]
        [entry] = created.body["metadata"]["managedFields"]
        assert (entry["subresource"], list(entry["fieldsV1"])) == ("status", ["f:status"])

    on_server(scenario)


def test_only_a_balancer_has_an_ingress(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        reported = {"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}
        await call("POST", SERVICES, service("a"))
        await call("POST", SERVICES, service("b", type="LoadBalancer"))

        refused = await call("PATCH", f"{SERVICES}/a/status", reported, patch="merge")
        taken = await call("PATCH", f"{SERVICES}/b/status", reported, patch="merge")

        assert causes(refused) == [
            ("status.loadBalancer.ingress", "Forbidden: may only be used when `spec.type` is 'LoadBalancer'")
        ]
        assert taken.body["status"]["loadBalancer"]["ingress"] == [{"ip": "1.2.3.4", "ipMode": "VIP"}]

    on_server(scenario)


def test_another_uid_is_told_with_all_else_that_is_wrong(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", SERVICES, service("a"))

        answer = await call(
            "PATCH", f"{SERVICES}/a", {"metadata": {"uid": "x"}, "spec": {"ports": None}}, patch="merge"
        )

        assert [field for field, _ in causes(answer)] == ["metadata.uid", "spec.ports"]

    on_server(scenario)


def test_what_a_service_ignores_is_warned_of_each_time(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", SERVICES, service("a", externalName="example.com"))

        answer = await call("PATCH", f"{SERVICES}/a", {}, patch="merge")

        assert "spec.externalName is ignored" in answer.headers["warning"]

    on_server(scenario)


def test_a_service_that_is_balanced_no_more_has_no_balancer(on_server: Callable[..., Any]) -> None:
    async def scenario(call: Any) -> None:
        spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
        assert (await call("POST", SERVICES, {"metadata": {"name": "a"}, "spec": spec})).status == 201
        ingress = {"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}
        told = await call("PATCH", f"{SERVICES}/a/status", ingress, patch="merge")
        assert told.body["status"]["loadBalancer"]["ingress"]
        changed = await call("PATCH", f"{SERVICES}/a", {"spec": {"type": "NodePort"}}, patch="merge")
        assert changed.body["status"] == {"loadBalancer": {}}

    on_server(scenario)
