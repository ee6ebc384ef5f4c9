"""Packages whose names are imported where they're first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def lazily(
    names: dict[str, Any], homes: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """A package's `__getattr__` and `__dir__` (PEP 562), by which who doesn't use a name doesn't pay for its module.

    Type checkers don't follow them: the package shows them plain imports, under ``if TYPE_CHECKING``.

    Args:
        names: the package's ``globals()``; what was imported once is kept there.
        homes: the names that are offered, by the module in which they live.
    """
    home_of = {name: home for home, offered in homes.items() for name in offered}

    def find(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {names['__name__']!r} has no attribute {name!r}")
        from importlib import import_module

        value = names[name] = getattr(import_module(home_of[name]), name)
        return value

    def listed() -> list[str]:
        return sorted({*names, *names["__all__"]})

    return find, listed
