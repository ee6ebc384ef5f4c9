"""What a snapshot, a restore and a fork cost, however many objects there are: told by counting calls."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request
from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
from reconcilekit.testing.apiserver.access.users import ADMIN
from tests.calls import calls_of

SECRET = Resource("v1", "Secret")
EVENT = Resource("v1", "Event")
SECRETS = "/api/v1/namespaces/default/secrets"
EVENTS = "/api/v1/namespaces/default/events"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


async def ask(server: ApiServer, method: str, path: str, body: object = None) -> Any:
    encoded = None if body is None else msgspec.json.encode(body)
    answer = await server.transport(user=ADMIN).send(Request(method=method, path=path, body=encoded))
    return answer.status, msgspec.json.decode(answer.body)


async def fill(server: ApiServer, count: int) -> None:
    involved = {"kind": "Pod", "name": "p", "namespace": "default"}
    for number in range(count):
        await ask(server, "POST", SECRETS, {"metadata": {"name": f"s{number:05}"}})
        metadata = {"name": f"e{number:05}", "namespace": "default"}
        await ask(server, "POST", EVENTS, {"metadata": metadata, "involvedObject": involved})


@pytest.mark.parametrize("authorization", ["AlwaysAllow", "RBAC"])
@pytest.mark.parametrize("action", ["fork", "restore", "rewind"])
def test_going_back_and_forking_read_nothing(action: str, authorization: Any) -> None:
    async def main(clock: VirtualClock, count: int) -> int:
        server = ApiServer(clock=clock, authorization=authorization)
        await fill(server, count)
        snapshot, there = server.snapshot(), server.revision
        # What is compiled or read at the first time isn't what is asked for.
        server.fork()
        server.restore(snapshot)
        await ask(server, "POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "c"}})
        actions: dict[str, Callable[[], object]] = {
            "fork": server.fork,
            "restore": lambda: server.restore(snapshot),
            "rewind": lambda: server.rewind(there),
        }
        return calls_of(actions[action])

    few, many = (run_virtual(functools.partial(main, count=count)) for count in (10, 500))
    assert many <= few + 20


def test_events_from_before_a_restore_live_their_whole_time_once_more() -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock)
        await fill(server, 3)
        await clock.sleep(3000)
        fork = server.fork()
        server.restore(server.snapshot())
        for each in (server, fork):
            _, live = await ask(each, "GET", f"{EVENTS}/e00001")
            await clock.sleep(0)
            await ask(each, "PUT", f"{EVENTS}/e00001", {**live, "message": "again"})
        await clock.sleep(1800)
        for each in (server, fork):
            _, live = await ask(each, "GET", f"{EVENTS}/e00002")
            await ask(each, "PUT", f"{EVENTS}/e00002", {**live, "message": "later"})
            assert len(each.objects(EVENT)) == 3
        await clock.sleep(1801)
        assert [[found["metadata"]["name"] for found in each.objects(EVENT)] for each in (server, fork)] == [
            ["e00002"]
        ] * 2
        await clock.sleep(1800)
        assert server.objects(EVENT) == fork.objects(EVENT) == []

    run_virtual(main)


def test_a_fork_leaves_default_roles_as_its_parent_has_them() -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock, authorization="RBAC")
        await ask(server, "DELETE", f"{ROLES}/view")
        fork = server.fork()
        assert fork.revision == server.revision
        assert (await ask(fork, "GET", f"{ROLES}/view"))[0] == 404
        # A state that never had any gets them.
        other = ApiServer(clock=clock, authorization="RBAC", start=ApiServer(clock=clock).snapshot())
        assert (await ask(other, "GET", f"{ROLES}/view"))[0] == 200

    run_virtual(main)


def test_a_restore_hands_out_a_certificate_that_came_after_the_snapshot() -> None:
    async def main(clock: VirtualClock) -> None:
        server = ApiServer(clock=clock)
        await ask(server, "POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "bot"}})
        annotations = {"kubernetes.io/service-account.name": "bot"}
        secret = {"metadata": {"name": "s", "annotations": annotations}, "type": "kubernetes.io/service-account-token"}
        await ask(server, "POST", SECRETS, secret)
        snapshot = server.snapshot()
        server.access.prove_itself()
        for back in (lambda: server.restore(snapshot), lambda: server.rewind(snapshot.storage.revision)):
            back()
            found = server.object(SECRET, "s", namespace="default")
            assert found is not None
            assert found["data"]["ca.crt"]

    run_virtual(main)
