"""What a value does wrong, in the words of the library that the real server checks values with (kube-openapi)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import attrs

from reconcilekit.testing.apiserver.crd.problems import (
    child,
    invalid,
    not_supported,
    required,
    too_long,
    too_many,
    type_invalid,
)
from reconcilekit.testing.apiserver.go_text import json_text, number, quoted
from reconcilekit.testing.apiserver.status import Cause

Code = Literal["type", "required", "enum", "too long", "too many", "other", "composite"]

_DEFAULT_FORMAT: Final = "(default format)"


@attrs.frozen(kw_only=True)
class Failure:
    """One thing that is wrong.

    Attributes:
        code: decides which reason the cause gets.
        name: the path below what was checked, as the library has it.
        message: its words; two failures with the same words are one.
        value: what the message shows.
        limit: of a length or count.
        supported: of an enumeration.
    """

    code: Code
    message: str
    name: str = ""
    value: object = None
    limit: int = 0
    supported: Sequence[str] = ()

    def cause(self, prefix: str) -> Cause:
        """The entry for the Status, below the path `prefix`."""
        if self.code == "composite":
            return invalid(prefix, "", self.message)
        name = self.name.removeprefix(".")
        path = child(prefix, name) if name else prefix
        shown = "" if self.value is None else self.value
        match self.code:
            case "required":
                return required(path)
            case "enum":
                return not_supported(path, self.value, self.supported)
            case "too long":
                return too_long(path, self.limit)
            case "too many":
                return too_many(path, int(str(self.value)), self.limit)
            case "type":
                return type_invalid(path, shown, self.message)
            case _:
                return invalid(path, shown, self.message)


@attrs.define
class Findings:
    """What a check came to.

    Attributes:
        failures: each once.
        matches: how much was right; of several alternatives the server reports the one with the most.
    """

    failures: list[Failure] = attrs.field(factory=list)
    matches: int = 0

    def add(self, *failures: Failure) -> None:
        """Add what isn't there yet."""
        for failure in failures:
            if all(failure.message != known.message for known in self.failures):
                self.failures.append(failure)

    def merge(self, other: Findings) -> None:
        """Add another check's findings."""
        self.add(*other.failures)
        self.matches += other.matches


def wrong_type(path: str, wanted: str, found: str) -> Failure:
    """A value of another type or format."""
    return Failure(
        code="type", name=path, message=f"{path} in body must be of type {wanted}: {quoted(found)}", value=found
    )


def missing(path: str) -> Failure:
    """A field that has to be there."""
    return Failure(code="required", name=path, message=f"{path} in body is required")


def unlisted(path: str, value: object, choices: Sequence[object]) -> Failure:
    """A value outside its enumeration."""
    texts = tuple(choice if isinstance(choice, str) else json_text(choice) for choice in choices)
    message = f"{path} in body should be one of [{' '.join(texts)}]"
    return Failure(code="enum", name=path, message=message, value=value, supported=texts)


def other(path: str, what: str, value: object) -> Failure:
    """A broken limit, pattern and so on."""
    return Failure(code="other", name=path, message=f"{path} in body should {what}", value=value)


def forbidden_property(path: str, name: str) -> Failure:
    """A field where none but the listed ones may be."""
    return Failure(code="other", name=path, message=f"{path}.{name} in body is a forbidden property", value=name)


def overlong(path: str, limit: int, value: str) -> Failure:
    """A text with too many characters."""
    message = f"{path} in body should be at most {limit} chars long"
    return Failure(code="too long", name=path, message=message, value=value, limit=limit)


def overfull(path: str, limit: int, found: int, what: Literal["items", "properties"]) -> Failure:
    """A list or map with too many entries."""
    message = f"{path} in body should have at most {limit} {what}"
    return Failure(code="too many", name=path, message=message, value=found, limit=limit)


def not_multiple(path: str, factor: float, value: object) -> Failure:
    """A number that isn't a multiple of the factor."""
    return other(path, f"be a multiple of {number(factor)}", value)


def composite(message: str) -> Failure:
    """What the server reports about the object as a whole."""
    return Failure(code="composite", message=message)


def out_of_range(prefix: str, type_name: str, format_name: str, path: str) -> Failure:
    """A number that its type can't hold."""
    told = f"with format {format_name}" if format_name else _DEFAULT_FORMAT
    return composite(f"{prefix} value must be of type {type_name} {told} in {path}")
