"""Services get addresses and ports of their own, keep them, and give them back."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from reconcilekit.testing import Housekeeping
from tests.testing.apiserver.conftest import Answer, Caller

SERVICES = "/api/v1/namespaces/default/services"
HELD = "10.0.0.77"


async def make(call: Caller, name: str, **spec: Any) -> Answer:
    return await call("POST", SERVICES, {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}})


async def dry(call: Caller, name: str, **spec: Any) -> Answer:
    body = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}
    return await call("POST", SERVICES, body, dryRun="All")


def test_a_service_gets_an_address_of_the_range_and_keeps_it(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        spec = (await make(call, "a")).body["spec"]
        address = ipaddress.ip_address(spec["clusterIP"])
        assert address in ipaddress.ip_network("10.96.0.0/20")
        assert (spec["clusterIPs"], spec["ipFamilies"], spec["ipFamilyPolicy"]) == (
            [str(address)],
            ["IPv4"],
            "SingleStack",
        )

        replaced = await call(
            "PUT",
            f"{SERVICES}/a",
            {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 81}], "selector": {"a": "b"}}},
        )

        assert replaced.body["spec"]["clusterIP"] == str(address)

    on_server(scenario, housekeeping=Housekeeping(service_range="10.96.0.0/20"))


def test_one_address_is_given_once_until_it_is_free_again(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await make(call, "a", clusterIP="10.0.0.77")

        taken = await make(call, "b", clusterIP="10.0.0.77")

        assert taken.status == 422
        assert taken.message == (
            'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.77"]: '
            "failed to allocate IP 10.0.0.77: provided IP is already allocated"
        )
        await call("DELETE", f"{SERVICES}/a")
        assert (await make(call, "b", clusterIP="10.0.0.77")).status == 201

    on_server(scenario)


@pytest.mark.parametrize("address", ["10.9.0.77", "10.0.0.0", "10.0.0.255"])
def test_an_address_outside_of_the_range_is_refused(on_server: Any, address: str) -> None:
    async def scenario(call: Caller) -> None:
        refused = await make(call, "a", clusterIP=address)

        assert refused.message == (
            f'Service "a" is invalid: spec.clusterIPs: Invalid value: ["{address}"]: '
            f"failed to allocate IP {address}: the provided network does not match the current range"
        )

    on_server(scenario)


def test_a_range_that_is_full_gives_nothing(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        assert [(await make(call, name)).status for name in "abcdef"] == [201] * 6

        full = await make(call, "g")

        assert (full.status, full.message) == (
            500,
            'Internal error occurred: failed to allocate a serviceIP for Service "g": range is full',
        )

    on_server(scenario, housekeeping=Housekeeping(service_range="10.0.0.0/29"))


def test_headless_and_external_services_have_no_address(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        headless = (await make(call, "a", clusterIP="None", selector={"a": "b"})).body["spec"]
        free = (await make(call, "b", clusterIP="None")).body["spec"]
        external = (await make(call, "c", type="ExternalName", externalName="example.com")).body["spec"]

        assert (headless["clusterIPs"], headless["ipFamilies"]) == (["None"], ["IPv4"])
        assert (free["ipFamilies"], free["ipFamilyPolicy"]) == (["IPv4", "IPv6"], "RequireDualStack")
        assert external.keys().isdisjoint({"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"})

    on_server(scenario)


def test_families_that_the_cluster_has_not_are_refused(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        dual = await make(call, "a", ipFamilyPolicy="RequireDualStack")
        other = await make(call, "a", ipFamilies=["IPv6"])

        assert dual.message == (
            'Service "a" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": '
            "this cluster is not configured for dual-stack services"
        )
        assert other.message == (
            'Service "a" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'
        )

    on_server(scenario)


def test_node_ports_are_given_shared_by_equal_ports_and_freed(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        ports = [
            {"port": 80, "name": "a", "nodePort": 30100},
            {"port": 80, "name": "b", "protocol": "UDP"},
            {"port": 81, "name": "c"},
        ]
        spec = (await make(call, "a", type="NodePort", ports=ports)).body["spec"]
        numbers = [port["nodePort"] for port in spec["ports"]]
        assert numbers[:2] == [30100, 30100]
        assert 30000 <= numbers[2] <= 32767

        taken = await make(call, "b", type="NodePort", ports=[{"port": 80, "nodePort": 30100}])
        outside = await make(call, "b", type="NodePort", ports=[{"port": 80, "nodePort": 100}])

        assert taken.message.endswith(
            "spec.ports[0].nodePort: Invalid value: 30100: provided port is already allocated"
        )
        assert outside.message.endswith(
            "spec.ports[0].nodePort: Invalid value: 100: "
            "provided port is not in the valid range. The range of valid ports is 30000-32767"
        )
        await call("PUT", f"{SERVICES}/a", {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}})
        again = await make(call, "b", type="NodePort", ports=[{"port": 80, "nodePort": 30100}])
        assert again.status == 201

    on_server(scenario)


def test_a_dry_run_holds_nothing_and_a_restored_server_knows_what_is_held(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        body = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}], "clusterIP": "10.0.0.9"}}
        await call("POST", SERVICES, body, dryRun="All")
        before = call.server.snapshot()
        assert (await call("POST", SERVICES, body)).status == 201
        held = call.server.snapshot()
        call.server.restore(before)
        assert (await make(call, "b", clusterIP="10.0.0.9")).status == 201
        call.server.restore(held)
        assert (await make(call, "b", clusterIP="10.0.0.9")).status == 422

    on_server(scenario)


def test_the_first_objects_are_those_of_a_real_server(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        namespaces = (await call("GET", "/api/v1/namespaces")).body["items"]
        assert [item["metadata"]["name"] for item in namespaces] == [
            "default",
            "kube-node-lease",
            "kube-public",
            "kube-system",
        ]
        assert (await call("GET", f"{SERVICES}/kubernetes")).body["spec"]["clusterIP"] == "10.0.0.1"
        slices = await call("GET", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
        assert slices.body["endpoints"] == [{"addresses": ["192.0.2.2"], "conditions": {"ready": True}}]

    on_server(scenario, housekeeping=Housekeeping.none())


@pytest.mark.parametrize(
    ("spec", "address", "ports"),
    [
        ({"type": "NodePort", "ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]}, None, [32769, 32770]),
        ({"type": "NodePort", "ports": [{"port": 80, "nodePort": 1}]}, None, [1]),
        (
            {"type": "NodePort", "ports": [{"port": 8, "nodePort": 9, "name": "a"}, {"port": 9, "name": "b"}]},
            None,
            [9, 10],
        ),
        ({"clusterIP": HELD}, HELD, [None]),
    ],
)
def test_a_dry_run_looks_for_nothing_that_is_free(
    on_server: Any, spec: dict[str, Any], address: str | None, ports: list[int | None]
) -> None:
    async def scenario(call: Caller) -> None:
        assert (await make(call, "held", clusterIP=HELD)).status == 201
        shown = await dry(call, "a", **spec)
        assert shown.body["spec"]["clusterIPs"] == [address or "10.0.0.0"]
        assert [port.get("nodePort") for port in shown.body["spec"]["ports"]] == ports

    on_server(scenario)


def test_a_dry_run_tells_of_addresses_and_ports_that_cant_be(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        held: dict[str, Any] = {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30100}]}
        assert (await make(call, "held", **held)).status == 201
        outside = await dry(call, "a", clusterIP="1.2.3.4")
        valid = "The range of valid IPs is 10.0.0.0/24"
        assert f"the provided IP (1.2.3.4) is not in the valid range. {valid}" in outside.message
        taken = await dry(call, "a", **held)
        assert taken.message.endswith("Invalid value: 30100: provided port is already allocated")

    on_server(scenario)


def test_a_health_check_gets_no_port_that_another_service_has(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        local = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30100}
        assert (await make(call, "a", **local)).body["spec"]["healthCheckNodePort"] == 30100
        refused = await make(call, "b", **local)
        problem = "failed to allocate requested HealthCheck NodePort 30100: provided port is already allocated"
        assert (refused.status, refused.message) == (500, f"Internal error occurred: {problem}")

    on_server(scenario)
