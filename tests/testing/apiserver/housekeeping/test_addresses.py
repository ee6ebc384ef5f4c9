"""IPAddresses and the ServiceCIDR beside clusterIPs."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing import Housekeeping
from tests.testing.apiserver.conftest import Caller

SERVICES = "/api/v1/namespaces/default/services"
NETWORKING = "/apis/networking.k8s.io/v1"


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


async def addresses(call: Caller) -> list[str]:
    items = (await call("GET", f"{NETWORKING}/ipaddresses")).body["items"]
    return [item["metadata"]["name"] for item in items]


def test_an_address_comes_and_goes_with_its_service(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        made = (await call("POST", SERVICES, service("a"))).body
        (address,) = made["spec"]["clusterIPs"]
        found = (await call("GET", f"{NETWORKING}/ipaddresses/{address}")).body
        assert found["metadata"]["labels"] == {
            "ipaddress.kubernetes.io/ip-family": "IPv4",
            "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
        }
        assert found["metadata"]["managedFields"][0]["manager"] == "kube-apiserver"
        assert found["spec"] == {"parentRef": {"resource": "services", "namespace": "default", "name": "a"}}
        await call("POST", SERVICES, service("headless", clusterIP="None"))
        assert await addresses(call) == [address]
        change = {"spec": {"type": "ExternalName", "externalName": "x.y", "clusterIP": None, "clusterIPs": None}}
        await call("PATCH", f"{SERVICES}/a", change, patch="merge")
        assert await addresses(call) == []
        await call("POST", SERVICES, service("b", clusterIP=address))
        assert await addresses(call) == [address]
        await call("DELETE", f"{SERVICES}/b")
        assert await addresses(call) == []

    on_server(scenario)


def test_an_address_that_somebody_made_is_nobody_elses(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        parent = {"resource": "services", "namespace": "default", "name": "later"}
        body = {"metadata": {"name": "10.0.0.200"}, "spec": {"parentRef": parent}}
        assert (await call("POST", f"{NETWORKING}/ipaddresses", body)).status == 201
        refused = await call("POST", SERVICES, service("a", clusterIP="10.0.0.200"))
        assert refused.status == 422
        assert "failed to allocate IP 10.0.0.200: provided IP is already allocated" in refused.body["message"]

    on_server(scenario)


def test_a_cluster_tells_its_range(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        (found,) = (await call("GET", f"{NETWORKING}/servicecidrs")).body["items"]
        assert found["metadata"]["name"] == "kubernetes"
        assert found["spec"] == {"cidrs": ["10.0.0.0/24"]}
        (condition,) = found["status"]["conditions"]
        assert (condition["type"], condition["status"]) == ("Ready", "True")
        assert await addresses(call) == ["10.0.0.1"]
        shown = "application/json;as=Table;g=meta.k8s.io;v=v1"
        for plural, cells in (
            ("ipaddresses", ["10.0.0.1", "services/default/kubernetes", "0s"]),
            ("servicecidrs", ["kubernetes", "10.0.0.0/24", "0s"]),
        ):
            table = (await call("GET", f"{NETWORKING}/{plural}", accept=shown)).body
            assert [row["cells"] for row in table["rows"]] == [cells]

    on_server(scenario, housekeeping=Housekeeping.none())
