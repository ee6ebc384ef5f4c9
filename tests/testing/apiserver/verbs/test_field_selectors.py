"""Odd field selectors; what stands here, the real server answered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("=", ["a", "b"]),
        ("==", ["a", "b"]),
        ("!=", ["a", "b"]),
        ("!=,=", ["a", "b"]),
        ("=,metadata.name=a", ["a"]),
        ("metadata.name!=a,", ["b"]),
        ("metadata.name=", []),
    ],
)
def test_nothing_that_is_nothing_is_no_condition(on_server: Any, selector: str, names: list[str]) -> None:
    async def scenario(call: Caller) -> None:
        for name in "ab":
            await call("POST", MAPS, {"metadata": {"name": name}})
        found = await call("GET", MAPS, fieldSelector=selector)

        assert [item["metadata"]["name"] for item in found.body["items"]] == names

    on_server(scenario)


def test_a_field_that_nobody_knows_is_quoted(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        answer = await call("GET", MAPS, fieldSelector="\\=")

        told = r'"\\" is not a known field selector: only "metadata.name", "metadata.namespace"'
        assert (answer.status, answer.message) == (400, told)

    on_server(scenario)
