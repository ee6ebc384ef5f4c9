"""The columns of custom kinds: those of their definition, or their age."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconcilekit.testing.apiserver.tables.ages import age, moment
from reconcilekit.testing.apiserver.tables.columns import Cells, Column, name_column

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.crd.kind import CustomKind


def columns(kind: CustomKind) -> tuple[list[Column], Cells]:
    """A custom kind's columns, and what makes its cells."""
    told = kind.columns

    def cells(obj: Mapping[str, Any], now: datetime) -> list[Any]:
        return [_shown(column.read(obj), column.type, now) for column in told]

    return [name_column(), *(column.definition() for column in told)], cells


def _shown(value: Any, kind: str, now: datetime) -> Any:
    if kind != "date" or value is None:
        return value
    then = moment(value)
    return "<invalid>" if then is None else age((now - then).total_seconds())
