"""What OpenAPI says of kinds that definitions add."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.mark.parametrize("has_scale", [False, True])
def test_scales_are_told_of_where_a_kind_has_them(on_server: Any, *, has_scale: bool) -> None:
    async def scenario(call: Caller) -> None:
        definition = await call.define_widgets()
        if has_scale:
            scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
            added = [{"op": "add", "path": "/spec/versions/0/subresources/scale", "value": scale}]
            await call("PATCH", f"{DEFINITIONS}/{definition['metadata']['name']}", added, patch="json")

        document = (await call("GET", "/openapi/v3/apis/example.com/v1")).body

        told = {name.rpartition(".")[2] for name in document["components"]["schemas"] if ".autoscaling." in name}
        assert told == ({"Scale", "ScaleSpec", "ScaleStatus"} if has_scale else set())
        assert any(path.endswith("/scale") for path in document["paths"]) is has_scale

    on_server(scenario)
