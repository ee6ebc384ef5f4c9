"""Which deletions are answered with the object, and which with a Status: that hangs on the kind alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

CLAIM = {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}}
SLICE = {
    "driver": "d.io",
    "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
    "nodeName": "n",
    "devices": [],
}
RESOURCE = "/apis/resource.k8s.io/v1"
STORAGE = "/apis/storage.k8s.io/v1"


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        (f"{RESOURCE}/namespaces/default/resourceclaims", CLAIM, "ResourceClaim"),
        (f"{RESOURCE}/namespaces/default/resourceclaimtemplates", {"spec": CLAIM}, "ResourceClaimTemplate"),
        (f"{RESOURCE}/deviceclasses", {"spec": {}}, "DeviceClass"),
        (f"{RESOURCE}/resourceslices", {"spec": SLICE}, "ResourceSlice"),
        (f"{STORAGE}/storageclasses", {"provisioner": "p"}, "StorageClass"),
        ("/api/v1/namespaces/default/configmaps", {}, "Status"),
        (f"{STORAGE}/namespaces/default/csistoragecapacities", {"storageClassName": "s"}, "Status"),
    ],
)
def test_a_deletion_is_answered_as_its_kind_s_are(on_server: Any, path: str, body: dict[str, Any], kind: str) -> None:
    async def scenario(call: Caller) -> None:
        made = await call("POST", path, {"metadata": {"name": "x"}, **body})
        answer = await call("DELETE", f"{path}/x")

        assert (made.status, answer.status, answer.body["kind"]) == (201, 200, kind)
        assert (await call("GET", f"{path}/x")).status == 404

    on_server(scenario)
