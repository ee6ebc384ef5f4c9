"""What the beginning of a generated name may be, as a real kube-apiserver answered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"
SERVICES = "/api/v1/namespaces/default/services"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"

PREFIX, NAME = "metadata.generateName", "metadata.name"


@pytest.mark.parametrize(
    ("path", "prefix", "wrong"),
    [
        (MAPS, "a", []),
        (MAPS, "a-", []),
        (MAPS, "a--", []),
        (MAPS, "a.-", [NAME]),
        # The suffix would make a name of it, and it is refused all the same.
        (MAPS, "foo.", [PREFIX]),
        (MAPS, "A-", [NAME]),
        (MAPS, "--", [NAME]),
        (MAPS, "-", [PREFIX, NAME]),
        (MAPS, "é-", [PREFIX, NAME]),
        (SERVICES, "foo.", [PREFIX, NAME]),
        (SERVICES, "a.-", [NAME]),
        (ROLES, "a/-", [PREFIX, NAME]),
        (ROLES, "..", [PREFIX]),
        (ROLES, "A:-", []),
    ],
)
def test_a_dash_alone_may_end_what_a_name_begins_with(on_server: Any, path: str, prefix: str, wrong: list[str]) -> None:
    async def scenario(call: Caller) -> None:
        spec = {"spec": {"ports": [{"port": 1}]}} if path == SERVICES else {}

        answer = await call("POST", path, {"metadata": {"generateName": prefix}, **spec})

        told = [cause["field"] for cause in answer.body.get("details", {}).get("causes", ())]
        assert (answer.status, told) == (422 if wrong else 201, wrong)

    on_server(scenario)
