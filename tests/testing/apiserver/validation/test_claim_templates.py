"""StatefulSets' volume claim templates: the volumes that they come to are looked at with the Pods' template."""

from __future__ import annotations

from typing import Any

from tests.testing.apiserver.conftest import Caller

SETS = "/apis/apps/v1/namespaces/default/statefulsets"


def stateful_set(*claims: dict[str, Any], **pod: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "i", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container], **pod}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, "volumeClaimTemplates": list(claims)}
    return {"metadata": {"name": "s"}, "spec": spec}


def claim(name: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": name}, "spec": spec}


async def complaints(call: Caller, body: dict[str, Any]) -> list[tuple[str, str]]:
    answer = await call("POST", SETS, body, dryRun="All")
    assert answer.status == 422
    return [(cause["reason"], cause["field"]) for cause in answer.body["details"]["causes"]]


def test_a_claim_asks_for_something_and_has_a_name(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        assert await complaints(call, stateful_set({})) == [
            ("FieldValueRequired", "spec.volumeClaimTemplates[0].spec.accessModes"),
            ("FieldValueRequired", "spec.volumeClaimTemplates[0].spec.resources[storage]"),
            ("FieldValueRequired", "spec.template.spec.volumes[0].persistentVolumeClaim.claimName"),
            ("FieldValueRequired", "spec.template.spec.volumes[0].name"),
            ("FieldValueNotFound", "spec.template.spec.containers[0].volumeMounts[0].name"),
        ]
        assert ("FieldValueInvalid", "spec.template.spec.volumes[0].name") in await complaints(
            call, stateful_set(claim("A_"))
        )

    on_server(scenario)


def test_a_claim_is_a_volume_that_can_be_mounted(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        hidden = [{"name": "data", "hostPath": {}}]
        answer = await call("POST", SETS, stateful_set(claim("data"), hostname="NO_NAME", volumes=hidden))
        assert answer.status == 201
        assert answer.body["spec"]["template"]["spec"]["hostname"] == "NO_NAME"

    on_server(scenario)
