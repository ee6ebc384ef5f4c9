"""What `format` makes of texts, as cel-go does; the library's own shows lists, maps and large numbers otherwise."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable
from typing import Any, Final

from reconcilekit.testing.apiserver.go_text import number, quoted

_CLAUSE: Final = re.compile(r"(?:(\.)([0-9]*))?(.)?", re.DOTALL)
_POWERS: Final = str.maketrans("-+0123456789", "⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹")
_DIGITS: Final = 6
"""Behind the point, where nobody says how many; powers of ten have no others."""

_NO_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""Texts that count as doubles."""

_WITH_TEXTS: Final = "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"

_TYPES: Final[tuple[tuple[type, str], ...]] = (
    (bool, "bool"),
    (int, "int"),
    (float, "double"),
    (str, "string"),
    (bytes, "bytes"),
    (bytearray, "bytes"),
    (list, "list"),
    (dict, "map"),
    (datetime.datetime, "google.protobuf.Timestamp"),
    (datetime.timedelta, "google.protobuf.Duration"),
    (type(None), "null_type"),
)


def formatted(text: str, values: list[Any]) -> str:
    """The text with a value in place of each clause.

    Raises:
        ValueError: a clause is none, doesn't suit its value, or has none.
    """
    parts, end, index = [], 0, 0
    while (start := text.find("%", end)) >= 0:
        parts.append(text[end:start])
        if text.startswith("%%", start):
            parts.append("%")
            end = start + 2
            continue
        if index >= len(values):
            raise ValueError(f"index {index} out of range")
        if start + 1 == len(text):
            raise ValueError("unexpected end of string")
        found = _CLAUSE.match(text, start + 1)
        assert found is not None
        end = found.end()
        parts.append(_written(found, values[index]))
        index += 1
    return "".join([*parts, text[end:]])


def _written(clause: re.Match[str], value: Any) -> str:
    digits, write = _precision(clause), _CLAUSES.get(clause[3])
    if write is None:
        raise ValueError(f'could not parse formatting clause: unrecognized formatting clause "{clause[3]}"')
    try:
        return write(value, digits)
    except ValueError as error:
        raise ValueError(f"error during formatting: {error}") from error


def _precision(clause: re.Match[str]) -> int:
    if clause[1] is None:
        return _DIGITS
    if clause[3] is None:
        why = "could not find end of precision specifier"
    elif not clause[2]:
        why = 'error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax'
    else:
        return int(clause[2])
    raise ValueError(f"could not parse formatting clause: error while parsing precision: {why}")


def _text(value: Any, _: int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, bytes | bytearray):
        return value.decode()
    if isinstance(value, datetime.datetime):
        return _timestamp(value)
    if isinstance(value, datetime.timedelta):
        return _duration(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        if "@type" in value:
            raise _unsuitable(f"string clause can only be used on {_WITH_TEXTS}", value)
        return f"{{{', '.join(sorted(f'{_literal(key)}:{_literal(item)}' for key, item in value.items()))}}}"
    # A type has a text, too: its name in capitals, by which the library knows it.
    return "null" if value is None else value if isinstance(value, str) else str(value.name()).lower()


def _literal(value: Any) -> str:
    """A value within a list or map, much as CEL would read it."""
    shown = _text(value, _DIGITS)
    if isinstance(value, str):
        return quoted(shown)
    if isinstance(value, bytes | bytearray):
        return f"b{quoted(shown)}"
    if isinstance(value, float):
        return f"{value:.{_DIGITS}f}" if math.isfinite(value) else quoted(shown)
    if isinstance(value, datetime.datetime):
        return f"timestamp({quoted(shown)})"
    if isinstance(value, datetime.timedelta):
        return f"duration({quoted(shown)})"
    return shown


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return number(value)


def _timestamp(value: datetime.datetime) -> str:
    fraction = f".{value.microsecond:06}".rstrip("0") if value.microsecond else ""
    return f"{value:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _duration(value: datetime.timedelta) -> str:
    microseconds = value // datetime.timedelta(microseconds=1)
    whole, rest = divmod(abs(microseconds), 1_000_000)
    return f"{'-' if microseconds < 0 else ''}{whole}{f'.{rest:06}'.rstrip('0') if rest else ''}s"


def _decimal(value: Any, _: int) -> str:
    if type(value) is not int:
        raise _unsuitable("decimal clause can only be used on integers", value)
    return str(value)


def _fixed(value: Any, digits: int) -> str:
    double = _double(value, "fixed-point clause can only be used on doubles")
    return f"{double:,.{digits}f}" if math.isfinite(double) else _infinite(double)


def _scientific(value: Any, _: int) -> str:
    double = _double(value, "scientific clause can only be used on doubles")
    if not math.isfinite(double):
        return _infinite(double)
    mantissa, power = f"{double:.{_DIGITS}e}".split("e")
    return f"{mantissa}\N{MULTIPLICATION SIGN}10{power.removeprefix('+').translate(_POWERS)}"


def _double(value: Any, rule: str) -> float:
    if isinstance(value, str) and value in _NO_NUMBERS:
        return _NO_NUMBERS[value]
    if not isinstance(value, float):
        raise _unsuitable(rule, value)
    return value


def _infinite(value: float) -> str:
    return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"


def _binary(value: Any, _: int) -> str:
    if not isinstance(value, int):
        raise _unsuitable("only integers and bools can be formatted as binary", value)
    return f"{int(value):b}"


def _octal(value: Any, _: int) -> str:
    if type(value) is not int:
        raise _unsuitable("octal clause can only be used on integers", value)
    return f"{value:o}"


def _hexadecimal(value: Any, _: int) -> str:
    if isinstance(value, str | bytes | bytearray):
        return (value.encode() if isinstance(value, str) else bytes(value)).hex()
    if type(value) is not int:
        raise _unsuitable("only integers, byte buffers, and strings can be formatted as hex", value)
    return f"{value:x}"


def _unsuitable(rule: str, value: Any) -> ValueError:
    told = value.get("@type", "map") if isinstance(value, dict) else None
    name = told or next((name for kind, name in _TYPES if isinstance(value, kind)), "type")
    return ValueError(f"{rule}, was given {name}")


_CLAUSES: Final[dict[str | None, Callable[[Any, int], str]]] = {
    "s": _text,
    "d": _decimal,
    "f": _fixed,
    "e": _scientific,
    "b": _binary,
    "o": _octal,
    "x": _hexadecimal,
    "X": lambda value, digits: _hexadecimal(value, digits).upper(),
}
