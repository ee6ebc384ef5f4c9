"""The columns of a Scale, which isn't a kind that is listed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconcilekit.testing.apiserver.tables.ages import since
from reconcilekit.testing.apiserver.tables.columns import Cells, Column, built_in_columns, name_column
from reconcilekit.testing.apiserver.tables.values import at, count

_DESCRIPTIONS = (
    "replicas is the desired number of instances for the scaled object.",
    "replicas is the actual number of observed instances of the scaled object.",
)
_OF_CUSTOM_KINDS = ("Number of desired replicas", "Number of actual replicas")


def scale_columns(*, is_custom: bool) -> tuple[list[Column], Cells]:
    """The columns of a Scale, of a custom kind's object or of a built-in one's, and what makes its cells."""
    names, descriptions = ("Desired", "Available"), _OF_CUSTOM_KINDS if is_custom else _DESCRIPTIONS
    numbers = [
        {"name": name, "type": "integer", "format": "", "description": told, "priority": 0}
        for name, told in zip(names, descriptions, strict=True)
    ]
    columns, _ = built_in_columns("deployments.apps")
    age = next(column for column in columns if column["name"] == "Age")
    if is_custom:
        return [name_column(), *numbers, {**age, "type": "date"}], _cells
    return [columns[0] | {"format": ""}, *numbers, age], _cells


def _cells(scale: Mapping[str, Any], now: datetime) -> list[Any]:
    desired, available = count(scale, "spec", "replicas"), count(scale, "status", "replicas")
    return [desired, available, since(at(scale, "metadata", "creationTimestamp"), now)]
