from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing.apiserver.crd.columns import columns

OBJECT: dict[str, Any] = {
    "metadata": {"name": "x", "creationTimestamp": "2025-01-01T00:00:00Z", "labels": {"a.b/c": "d"}},
    "spec": {"size": 3, "ratio": 0.5, "on": True, "list": [{"n": 1}, {"n": 2}], "none": None},
    "status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Done", "status": "True"}]},
}


@pytest.mark.parametrize(
    ("path", "type_name", "cell"),
    [
        (".spec.size", "integer", 3),
        (".spec.size", "string", "3"),
        (".spec.size", "number", 3.0),
        (".spec.size", "boolean", None),
        (".spec.ratio", "integer", 0),
        (".spec.ratio", "string", "0.5"),
        (".spec.on", "boolean", True),
        (".spec.on", "string", "true"),
        (".spec.list[1].n", "integer", 2),
        (".spec.list[-1].n", "integer", 2),
        (".spec.list[*].n", "integer", 1),
        (".spec.list[7].n", "integer", None),
        (".spec.list", "string", '[{"n":1},{"n":2}]'),
        (".spec.absent.deeper", "string", None),
        (".spec.none", "string", "<nil>"),
        ('.status.conditions[?(@.type=="Done")].status', "string", "True"),
        (".status.conditions[?(@.type=='Ready')].status", "string", "False"),
        (".status.conditions[?(@.type=='Other')].status", "string", None),
        (r".metadata.labels.a\.b/c", "string", "d"),
        (".metadata.labels['a.b/c']", "string", "d"),
        (".metadata.creationTimestamp", "date", "2025-01-01T00:00:00Z"),
        ("spec.size", "integer", None),
    ],
)
def test_a_cell_is_what_the_path_leads_to_in_the_columns_type(path: str, type_name: str, cell: object) -> None:
    (column,) = columns({"additionalPrinterColumns": [{"name": "C", "type": type_name, "jsonPath": path}]})

    assert column.read(OBJECT) == cell


def test_without_columns_there_is_the_age() -> None:
    (column,) = columns({})

    assert (column.name, column.type, column.read(OBJECT)) == ("Age", "date", "2025-01-01T00:00:00Z")


def test_a_column_without_a_description_is_described_by_its_path() -> None:
    (column,) = columns({"additionalPrinterColumns": [{"name": "C", "type": "string", "jsonPath": ".a"}]})

    assert column.definition() == {
        "name": "C",
        "type": "string",
        "format": "",
        "description": "Custom resource definition column (in JSONPath format): .a",
        "priority": 0,
    }
