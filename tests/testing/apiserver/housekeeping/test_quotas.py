"""ResourceQuotas: counted in objects, and kept to, in the words that a real server was heard to say."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing import Housekeeping
from tests.testing.apiserver.conftest import Caller

CORE = "/api/v1/namespaces/default"
QUOTA = f"{CORE}/resourcequotas/q"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


async def limit(call: Caller, **spec: Any) -> None:
    body = {"metadata": {"name": "q"}, "spec": spec}
    assert (await call("POST", f"{CORE}/resourcequotas", body)).status == 201


async def used(call: Caller) -> dict[str, str]:
    found: dict[str, str] = (await call("GET", QUOTA)).body["status"]["used"]
    return found


def config_map(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


def exposed(name: str, kind: str = "NodePort") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"type": kind, "ports": [{"port": 80}]}}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}


def test_what_exceeds_a_quota_is_refused(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{CORE}/configmaps", config_map("before"))
        await limit(call, hard={"configmaps": "2", "count/deployments.apps": "0", "services.nodeports": "1"})
        assert await used(call) == {"configmaps": "1", "count/deployments.apps": "0", "services.nodeports": "0"}
        assert (await call("POST", f"{CORE}/configmaps", config_map("a"))).status == 201
        for query in ({}, {"dryRun": "All"}):
            refused = await call("POST", f"{CORE}/configmaps", config_map("b"), **query)
            assert refused.status == 403
            assert refused.body["message"] == (
                'configmaps "b" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=2, '
                "limited: configmaps=2"
            )
            assert refused.body["details"] == {"name": "b", "kind": "configmaps"}
        assert (await call("POST", f"{CORE}/configmaps", config_map("BAD"))).status == 422
        template = {"metadata": {"labels": {"a": "b"}}, "spec": pod("x")["spec"]}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        refused = await call("POST", DEPLOYMENTS, {"metadata": {"name": "d"}, "spec": spec})
        assert refused.body["message"] == (
            'deployments.apps "d" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: '
            "count/deployments.apps=0, limited: count/deployments.apps=0"
        )
        await call("DELETE", f"{CORE}/configmaps/a")
        assert (await used(call))["configmaps"] == "1"
        assert (await call("POST", f"{CORE}/configmaps", config_map("b"))).status == 201
        assert (await call("PATCH", f"{CORE}/configmaps/b", {"data": {"a": "b"}}, patch="merge")).status == 200
        elsewhere = await call("POST", "/api/v1/namespaces/kube-system/configmaps", config_map("b"))
        assert elsewhere.status == 201
        await call("DELETE", QUOTA)
        assert (await call("POST", f"{CORE}/configmaps", config_map("c"))).status == 201

    on_server(scenario)


def test_changes_may_need_room_too(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await limit(call, hard={"services": "3", "services.nodeports": "1", "services.loadbalancers": "0"})
        assert (await call("POST", f"{CORE}/services", exposed("a"))).status == 201
        assert (await call("POST", f"{CORE}/services", exposed("b", "ClusterIP"))).status == 201
        refused = await call("PATCH", f"{CORE}/services/b", {"spec": {"type": "NodePort"}}, patch="merge")
        assert "requested: services.nodeports=1, used: services.nodeports=1" in refused.body["message"]
        refused = await call("POST", f"{CORE}/services", exposed("c", "LoadBalancer"))
        assert refused.body["message"].endswith(
            "requested: services.loadbalancers=1,services.nodeports=1, used: services.loadbalancers=0,"
            "services.nodeports=1, limited: services.loadbalancers=0,services.nodeports=1"
        )

    on_server(scenario)


def test_scopes_choose_pods_and_ended_ones_are_not_counted(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await limit(call, hard={"pods": "1", "count/pods": "3"}, scopes=["NotTerminating"])
        assert (await call("POST", f"{CORE}/pods", pod("a"))).status == 201
        assert (await call("POST", f"{CORE}/pods", pod("b"))).status == 403
        assert (await call("POST", f"{CORE}/pods", pod("c", activeDeadlineSeconds=60))).status == 201
        done = {"status": {"phase": "Succeeded"}}
        await call("PATCH", f"{CORE}/pods/a/status", done, patch="merge")
        assert await used(call) == {"pods": "0", "count/pods": "1"}
        assert (await call("POST", f"{CORE}/pods", pod("b"))).status == 201

    on_server(scenario)


def test_nobody_counts_in_a_bare_server(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await limit(call, hard={"configmaps": "0"})
        assert (await call("GET", QUOTA)).body["status"] == {}
        assert (await call("POST", f"{CORE}/configmaps", config_map("a"))).status == 201

    on_server(scenario, housekeeping=Housekeeping.none())


@pytest.mark.parametrize("most", ["1e3", "1G", "10Gi", "2E", "1" * 5000])
def test_a_limit_is_any_whole_quantity(on_server: Any, most: str) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{CORE}/resourcequotas", {"metadata": {"name": "q"}, "spec": {}})
        told = {"hard": {"configmaps": most}, "used": {"configmaps": "0"}}
        assert (await call("PATCH", f"{QUOTA}/status", {"status": told}, patch="merge")).status == 200

        assert (await call("POST", f"{CORE}/configmaps", config_map("a"))).status == 201

    on_server(scenario)
