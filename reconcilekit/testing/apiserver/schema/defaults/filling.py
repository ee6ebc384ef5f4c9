"""The simplest kind of default: a value where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Fill = Callable[[dict[str, Any]], None]
"""Fills in a struct in place."""


def fill(**values: Any) -> Fill:
    """Puts each value where there is none; lists and maps are no values for this, as all objects would share them."""

    def put(struct: dict[str, Any]) -> None:
        for name, value in values.items():
            if struct.get(name) is None:
                struct[name] = value

    return put
