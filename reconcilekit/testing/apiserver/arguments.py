"""What arguments must be, and what is said of those that aren't: the same words for faults, servers and their parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MethodType, NoneType

Types = Mapping[str, tuple[tuple[type, ...], str]]
"""By an argument's name: what it may be, and what to pass, such as "count=3"."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""What requests come by."""


def check_types(told: Mapping[str, object], wanted: Types) -> None:
    """Refuse what is of another type.

    Args:
        told: the arguments by name; those that `wanted` doesn't name aren't looked at.
        wanted: of each; True and False are no numbers.

    Raises:
        TypeError: says which, and what to pass.
    """
    for name, (types, example) in wanted.items():
        value = told[name]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise TypeError(_another_type(name, value, types, example))


def _another_type(name: str, value: object, types: tuple[type, ...], example: str) -> str:
    if isinstance(value, type) and issubclass(value, types):
        return is_a_class(name, value)
    if isinstance(value, MethodType):
        return f"{name}={value.__qualname__} is no {_names(types)}; call it: {value.__qualname__}()"
    return f"{name}={value!r} is no {_names(types)}; pass {example}"


def is_a_class(name: str, value: type) -> str:
    """What to say of a class that was passed in place of one of its objects."""
    return f"{name}={value.__name__} is a class; pass one of them: {value.__name__}()"


def _names(types: tuple[type, ...]) -> str:
    return " or ".join(each.__name__ for each in types if each is not NoneType)


def is_a_time(seconds: float) -> bool:
    """Whether so many seconds can pass: not those of the past, and not without end."""
    return math.isfinite(seconds) and seconds >= 0


def problems_of_method(method: str) -> Iterator[str]:
    """Why no request comes by it: one method, several with commas, or "*"."""
    if method == "*":
        return
    for each in method.split(","):
        if each not in METHODS:
            yield f"method={method!r}: {each!r} is none of {', '.join(METHODS)}; '*' is for all"
            return


def problems_of_path(path: str) -> Iterator[str]:
    """Why this glob meets the path of no request."""
    if not path.startswith(("/", "*", "?", "[")):
        yield f"path={path!r}: paths begin with a slash, as '/api/v1/pods'"
    if "=" in path.partition("?")[2]:
        yield f"path={path!r}: parameters are no part of it; say them by query={{...}}"
