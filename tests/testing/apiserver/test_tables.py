"""The rows of objects of built-in kinds have the real server's cells: see tools/record_tables.py."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from reconcilekit.testing import ApiServer, VirtualClock, run_virtual
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping
from tests.testing.apiserver.conftest import Caller

RECORDED = Path(__file__).parents[2] / "data/tables.jsonl"
COLLECTIONS: list[dict[str, Any]] = [json.loads(line) for line in RECORDED.read_text().splitlines()]
ROWS: dict[str, list[list[Any]]] = {each["path"]: each["rows"] for each in COLLECTIONS}

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
LEFT_OUT = ("Age", "Last Seen", "First Seen", "Created At", "TimeAdded", "Requestor", "MissingPL")
UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def create(call: Caller, path: str, body: dict[str, Any]) -> None:
    assert (await call("POST", path, body)).status == 201
    subresource = "approval" if path.endswith("/certificatesigningrequests") else "status"
    if "status" in body and not path.endswith("/nodes"):
        patch = {"status": body["status"]}
        answer = await call("PATCH", f"{path}/{body['metadata']['name']}/{subresource}", patch, patch="merge")
        assert answer.status == 200


def rows(table: dict[str, Any], names: set[str]) -> list[list[Any]]:
    columns = [column["name"] for column in table["columnDefinitions"]]
    return [
        [shown(cell, column) for cell, column in itertools.zip_longest(row["cells"], columns, fillvalue=LEFT_OUT[0])]
        for row in table["rows"]
        if row["object"]["metadata"]["name"] in names
    ]


def shown(cell: Any, column: str) -> Any:
    if column in LEFT_OUT:
        return None
    return UID.sub("UID", cell) if isinstance(cell, str) else cell


@pytest.fixture(scope="module")
def found() -> dict[str, list[list[Any]]]:
    async def main(clock: VirtualClock) -> dict[str, list[list[Any]]]:
        call = Caller(ApiServer(clock=clock, housekeeping=Housekeeping.none()), clock)
        for each in COLLECTIONS:
            for body in each["objects"]:
                await create(call, each["path"], body)
        tables = {each["path"]: (await call("GET", each["path"], accept=TABLE)).body for each in COLLECTIONS}
        names = {each["path"]: {body["metadata"]["name"] for body in each["objects"]} for each in COLLECTIONS}
        return {path: rows(table, names[path]) for path, table in tables.items()}

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
