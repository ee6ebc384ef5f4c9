"""What `format` makes of texts, as cel-go does; the library's own shows lists, maps and large numbers otherwise."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from reconcilekit.testing.apiserver.crd.rules.opaque import OPAQUE
from reconcilekit.testing.apiserver.go_text import number, quoted, whole_number

_CLAUSE: Final = re.compile(r"(?:(\.)([0-9]*))?(.)?", re.DOTALL)
_POWERS: Final = str.maketrans("-+0123456789", "⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹")
_DIGITS: Final = 6
"""Behind the point, where nobody says how many; powers of ten have no others."""

_BYTE: Final = 256
_TOO_LARGE: Final = 10_000_010
_NO_VERB: Final = "%!(NOVERB)"
"""What Go makes of a clause with a precision that is too large for it."""

_NO_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""Texts that count as doubles."""

_WITH_TEXTS: Final = "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"

_NAMES: Final = {
    "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
    "null": "null_type",
}
"""Of types, by what the library calls them."""

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
    number_told = whole_number(clause[2]) if clause[2] else None
    if clause[3] is None:
        why = "could not find end of precision specifier"
    elif number_told is not None and number_told < 2**63:
        return number_told
    else:
        problem = "invalid syntax" if number_told is None else "value out of range"
        why = f"error while converting precision to integer: strconv.Atoi: parsing {quoted(clause[2])}: {problem}"
    raise ValueError(f"could not parse formatting clause: error while parsing precision: {why}")


def _text(value: Any, _: int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, bytes | bytearray):
        return _decoded(value)
    if isinstance(value, datetime.datetime):
        return _timestamp(value)
    if isinstance(value, datetime.timedelta):
        return _duration(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        if _opaque_type(value):
            raise _unsuitable(f"string clause can only be used on {_WITH_TEXTS}", value)
        return f"{{{', '.join(sorted(f'{_literal(key)}:{_literal(item)}' for key, item in value.items()))}}}"
    if isinstance(value, str):
        return value
    return "null" if value is None else _type_name(value)


def _type_name(value: Any) -> str:
    """CEL's name of a type, which the library knows by another: "LIST<DYN>" for one."""
    name = str(getattr(value, "name", lambda: "type")()).partition("<")[0].lower()
    return _NAMES.get(name, name)


def _opaque_type(value: Mapping[Any, Any]) -> str:
    """The type of a map that stands for a value of Kubernetes' own, "" for any other map."""
    told = value.get("@type")
    return told if told in OPAQUE else ""


def _decoded(value: bytes | bytearray) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        why = "invalid UTF-8 in bytes, cannot convert to string"
        raise ValueError(f"could not convert argument {quoted(why)} to string") from error


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
    return f"{value.year:04}-{value:%m-%dT%H:%M:%S}{fraction}Z"


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
    if digits >= _TOO_LARGE:
        return _NO_VERB
    if not math.isfinite(double):
        return _infinite(double)
    if digits < _BYTE:
        return f"{double:,.{digits}f}"
    # Go keeps the number of digits in a byte, and then has no other bound than all that there are.
    whole, _, fraction = f"{Decimal(double):,f}".partition(".")
    return f"{whole}.{fraction.ljust(digits % _BYTE, '0')}".rstrip(".")


def _scientific(value: Any, width: int) -> str:
    double = _double(value, "scientific clause can only be used on doubles")
    # What is told as the precision, cel-go takes for the width.
    return _NO_VERB if width >= _TOO_LARGE else _power_of_ten(double).rjust(width)


def _power_of_ten(double: float) -> str:
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
    told = _opaque_type(value) if isinstance(value, dict) else ""
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
