"""What a server is born with is there at each start, whoever the folder's server was before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, Housekeeping, VirtualClock, run_virtual

KINDS = (
    Resource("v1", "Namespace"),
    Resource("v1", "Node"),
    Resource("v1", "Service"),
    Resource("v1", "Endpoints"),
    Resource("discovery.k8s.io/v1", "EndpointSlice"),
    Resource("networking.k8s.io/v1", "ServiceCIDR"),
)
SERVICE = Resource("v1", "Service")
SERVICES = "/api/v1/namespaces/default/services"


def names(server: ApiServer) -> dict[str, list[str]]:
    return {kind.kind: [found["metadata"]["name"] for found in server.objects(kind)] for kind in KINDS}


async def send(server: ApiServer, method: str, path: str, body: object) -> Any:
    headers = {"content-type": "application/merge-patch+json" if method == "PATCH" else "application/json"}
    request = Request(method=method, path=path, body=msgspec.json.encode(body), headers=headers)
    answer = await server.transport().send(request)
    assert answer.status < 300, answer.body
    return msgspec.json.decode(answer.body)


def test_a_folder_is_gone_on_with_by_a_server_with_more_controllers(tmp_path: Path) -> None:
    async def plain(clock: VirtualClock) -> None:
        ApiServer(clock=clock, data=tmp_path).close()

    async def cluster(clock: VirtualClock) -> tuple[dict[str, list[str]], int]:
        server = ApiServer(clock=clock, data=tmp_path, housekeeping=Housekeeping.cluster())
        assert names(server) == names(ApiServer(clock=clock, housekeeping=Housekeeping.cluster()))
        await send(server, "PATCH", "/api/v1/nodes/" + names(server)["Node"][0], {"metadata": {"labels": {"a": "b"}}})
        found = names(server), server.revision
        server.close()
        return found

    async def again(clock: VirtualClock) -> tuple[dict[str, list[str]], int]:
        server = ApiServer(clock=clock, data=tmp_path, housekeeping=Housekeeping.cluster())
        server.close()
        return names(server), server.revision

    run_virtual(plain)
    first = run_virtual(cluster)
    assert run_virtual(again) == first, "and nothing is written where all is there"


def test_a_state_that_is_handed_in_is_completed_where_its_controllers_were_others() -> None:
    async def main(clock: VirtualClock) -> None:
        plain = ApiServer(clock=clock)
        whole = ApiServer(clock=clock, start=plain.snapshot(), housekeeping=Housekeeping.cluster())
        assert names(whole) == names(ApiServer(clock=clock, housekeeping=Housekeeping.cluster()))
        await send(whole, "DELETE", f"{SERVICES}/kubernetes", {})
        assert whole.fork().revision == whole.revision, "a fork is left as it is"

    run_virtual(main)


def test_an_address_that_somebody_else_has_stays_theirs(tmp_path: Path) -> None:
    async def plain(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=tmp_path)
        spec = {"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}
        await send(server, "POST", SERVICES, {"metadata": {"name": "mine"}, "spec": spec})
        server.close()

    async def cluster(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, data=tmp_path, housekeeping=Housekeeping.cluster())
        assert names(server)["Service"] == ["mine"]
        assert len(names(server)["Node"]) == 1
        server.close()

    run_virtual(plain)
    run_virtual(cluster)
