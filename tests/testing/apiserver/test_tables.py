"""The rows of objects of built-in kinds have the real server's cells: see tools/record_tables.py."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping
from tests.recorded_tables import TABLE, load, reported, rows
from tests.testing.apiserver.conftest import Caller

COLLECTIONS = load()
ROWS: dict[str, list[list[Any]]] = {each["path"]: each["rows"] for each in COLLECTIONS}


async def create(call: Caller, path: str, body: dict[str, Any]) -> None:
    assert (await call("POST", path, body)).status == 201
    if told := reported(path, body):
        assert (await call("PATCH", *told, patch="merge")).status == 200


@pytest.fixture(scope="module")
def found() -> dict[str, list[list[Any]]]:
    async def main(clock: VirtualClock) -> dict[str, list[list[Any]]]:
        call = Caller(ApiServer(clock=clock, housekeeping=Housekeeping.none()), clock)
        for each in COLLECTIONS:
            for body in each["objects"]:
                await create(call, each["path"], body)
        return {
            each["path"]: rows((await call("GET", each["path"], accept=TABLE)).body, each["objects"])
            for each in COLLECTIONS
        }

    return run_virtual(main)


@pytest.mark.parametrize("path", ROWS)
def test_rows_are_those_of_the_real_one(found: dict[str, list[list[Any]]], path: str) -> None:
    assert found[path] == ROWS[path]


def test_of_one_storage_class_nobody_says_that_it_is_the_default(on_server: Any) -> None:
    path = "/apis/storage.k8s.io/v1/storageclasses"
    mark = {"storageclass.kubernetes.io/is-default-class": "true"}

    async def scenario(call: Caller) -> None:
        for name in ("old", "b", "a"):
            await call("POST", path, {"metadata": {"name": name, "annotations": mark}, "provisioner": "x.y/z"})
        listed = (await call("GET", path, accept=TABLE)).body["rows"]
        assert [row["cells"][0] for row in listed] == ["a (default)", "b", "old"]
        assert [row["object"]["metadata"]["name"] for row in listed] == ["a", "b", "old"]
        one = (await call("GET", f"{path}/a", accept=TABLE)).body["rows"]
        assert one[0]["cells"][0] == "a"

    on_server(scenario)


@pytest.mark.parametrize(("conditions", "cell"), [([], "?"), ([{"type": "Dangling", "status": "True"}], "True")])
def test_a_flow_schema_says_whether_its_level_is_missing(
    on_server: Any, conditions: list[dict[str, str]], cell: str
) -> None:
    path = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"

    async def scenario(call: Caller) -> None:
        await call("POST", path, {"metadata": {"name": "f"}, "spec": {"priorityLevelConfiguration": {"name": "l"}}})
        await call("PATCH", f"{path}/f/status", {"status": {"conditions": conditions}}, patch="merge")
        assert (await call("GET", f"{path}/f", accept=TABLE)).body["rows"][0]["cells"][-1] == cell

    on_server(scenario)
