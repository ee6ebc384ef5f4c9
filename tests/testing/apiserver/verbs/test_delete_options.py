"""What a DELETE is told by its query."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.mark.parametrize("policy", ["", "foreground"])
def test_a_policy_that_is_told_is_one(on_server: Any, policy: str) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("DELETE", f"{MAPS}/none", propagationPolicy=policy)

        assert answer.status == 422
        told = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
        assert answer.message == f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: {told}'

    on_server(scenario)
