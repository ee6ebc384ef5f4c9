from __future__ import annotations

from typing import Any

from reconcilekit.kube.resource import Resource

CONFIG_MAP = Resource("v1", "ConfigMap")
MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name: str = "a", /, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_an_object_is_created_read_replaced_and_deleted(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        created = await call("POST", MAPS, config_map(a="1"))
        assert created.status == 201
        metadata = created.body["metadata"]
        assert metadata["creationTimestamp"] == "2025-01-01T00:00:00Z"
        assert metadata["namespace"] == "default"

        replaced = await call("PUT", f"{MAPS}/a", config_map(a="2"))
        assert replaced.status == 200
        assert int(replaced.version) > int(created.version)
        assert (await call("GET", f"{MAPS}/a")).body == replaced.body
        assert replaced.body["metadata"]["uid"] == metadata["uid"]

        deleted = await call("DELETE", f"{MAPS}/a")
        assert deleted.body["details"] == {"name": "a", "kind": "configmaps", "uid": metadata["uid"]}
        assert "resourceVersion" not in deleted.body["metadata"]
        assert (await call("GET", f"{MAPS}/a")).status == 404

    on_server(scenario)
