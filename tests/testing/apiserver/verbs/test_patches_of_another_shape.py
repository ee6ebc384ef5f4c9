"""Patches that are JSON but no objects, and patches that make of an object something else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"
META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'


@pytest.mark.parametrize(
    ("kind", "patch", "shown"),
    [("merge", [], "[]"), ("merge", [1], "[1]"), ("json", [{"op": "replace", "path": "", "value": [2]}], "[2]")],
)
def test_what_would_be_a_list_is_no_object(on_server: Any, kind: str, patch: list[Any], shown: str) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", MAPS, {"metadata": {"name": "a"}})
        refused = await call("PATCH", f"{MAPS}/a", patch, patch=kind, fieldValidation="Ignore")
        why = f"json: cannot unmarshal array into Go value of type {META}"
        problem = f'Invalid value: "{shown}": couldn\'t get version/kind; json parse error: {why}'
        assert (refused.status, refused.message) == (422, f' "" is invalid: patch: {problem}')

    on_server(scenario)


def test_a_strategic_patch_of_null_changes_nothing(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        made = await call("POST", MAPS, {"metadata": {"name": "a"}})
        same = await call("PATCH", f"{MAPS}/a", b"null", patch="strategic")
        assert (same.status, same.version) == (200, made.version)

    on_server(scenario)
