"""Objects as a Table, in lists, gets and watches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.storage.versions import Stored
from reconcilekit.testing.apiserver.tables import custom
from reconcilekit.testing.apiserver.tables.columns import EVENTS, Cells, Column, arranged, built_in_columns
from reconcilekit.testing.apiserver.tables.partial import partial
from reconcilekit.testing.apiserver.tables.pods import pod_conditions

_NEVER = datetime.min.replace(tzinfo=UTC)


@attrs.frozen(kw_only=True)
class TableOptions:
    """How a Table is wanted.

    Attributes:
        include: what each row's object is: "None", "Metadata" or "Object".
        version: of meta.k8s.io.
    """

    include: str = "Metadata"
    version: str = "v1"


def table_options(query: Mapping[str, str], version: str) -> TableOptions:
    """From a request.

    Raises:
        StatusError: 400.
    """
    include = query.get("includeObject") or "Metadata"
    if include not in ("None", "Metadata", "Object"):
        raise status.bad_request(
            f"Unable to convert to Table as requested: includeObject: Invalid value: {quoted(include)}: "
            "must be 'Metadata', 'Object', 'None', or empty"
        )
    return TableOptions(include=include, version=version)


class TableMaker:
    """Makes the Tables of one kind.

    Args:
        served: the kind.
        options: how they are wanted.
        columns: instead of the kind's own, and what makes their cells.
    """

    def __init__(
        self, served: ResourceType, options: TableOptions, columns: tuple[list[Column], Cells] | None = None
    ) -> None:
        self._served = served
        self._options = options
        self._resource = status.qualified(served.plural, served.group)
        self._columns, self._cells = columns or _columns(served, self._resource)

    def of(
        self,
        objects: Iterable[Stored],
        metadata: Mapping[str, Any],
        *,
        now: datetime,
        has_columns: bool = True,
    ) -> dict[str, Any]:
        """A Table with a row for each object, aged at `now`; a watch's later ones leave the columns out."""
        rows = [self.row(stored, now) for stored in objects]
        return {
            **self.around(metadata, has_columns=has_columns),
            "rows": None if not rows and self.is_null_if_empty else rows,
        }

    def arranged(self, objects: Sequence[Stored]) -> Sequence[Stored]:
        """Objects as the rows of a list have them."""
        return objects if self._served.is_custom else arranged(self._resource, objects)

    def around(self, metadata: Mapping[str, Any], *, has_columns: bool = True) -> dict[str, Any]:
        """A Table without its rows."""
        return {
            "kind": "Table",
            "apiVersion": f"meta.k8s.io/{self._options.version}",
            "metadata": dict(metadata),
            "columnDefinitions": self._columns if has_columns else None,
        }

    @property
    def is_null_if_empty(self) -> bool:
        """A list that isn't there, as the real server has it of kinds without columns of their own."""
        return not self._served.is_custom and any(column["type"] == "date" for column in self._columns)

    def bookmark(self, told: Mapping[str, object], *, has_columns: bool) -> dict[str, Any]:
        """The Table that a bookmark with this metadata becomes: a row about nothing."""
        content = {"metadata": told}
        stored = Stored(ObjectKey("", ""), 0, content)
        table = self.of([stored], {"resourceVersion": told["resourceVersion"]}, now=_NEVER, has_columns=has_columns)
        if "annotations" in told:
            table["rows"][0]["object"] = partial(stored, self._options.version)
        return table

    def row(self, stored: Stored, now: datetime) -> dict[str, Any]:
        """One object's row."""
        cells = self._cells(stored.content, now)
        if self._resource not in EVENTS:
            cells = [stored.key.name, *cells]
        row: dict[str, Any] = {"cells": cells}
        if self._resource == "pods" and (conditions := pod_conditions(stored.content)):
            row["conditions"] = conditions
        row["object"] = self._object(stored)
        return row

    def _object(self, stored: Stored) -> dict[str, Any] | None:
        match self._options.include:
            case "None":
                return None
            case "Object":
                return stored.full(self._served)
        return partial(stored, self._options.version)


def _columns(served: ResourceType, resource: str) -> tuple[list[Column], Cells]:
    if served.custom is not None:
        return custom.columns(served.custom)
    return built_in_columns(resource)
