"""Text as Go prints it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}

_CAPITALS = re.compile("[A-Z]+(?![a-z])")
_WHOLE = re.compile("[+-]?[0-9]+")
_TOO_LONG = 21
"""Digits of a number that is beyond 64 bits for sure."""

BEYOND = 2**64
"""What `whole_number` says of all that is larger than 64 bits hold."""

WIDE_BLANKS = " \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Go's strings.TrimSpace takes away, but for what JSON escapes."""

BLANKS = f"\t\n\v\f\r{WIDE_BLANKS}"
"""What strings.TrimSpace takes away."""

_HTML = str.maketrans({char: f"\\u{ord(char):04x}" for char in "&<>\u2028\u2029"})


def quoted(text: str) -> str:
    """A string as ``%q`` writes it, which is also how ``%#v`` does."""
    if text.isprintable() and not {'"', "\\"} & set(text):
        return f'"{text}"'
    return '"' + "".join(_ESCAPES.get(char) or (char if char.isprintable() else _escaped(char)) for char in text) + '"'


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printed(value: object) -> str:
    """A decoded JSON value as ``%v`` writes it."""
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{printed(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(printed, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    return "<nil>" if value is None else str(value)


def number(value: float) -> str:
    """A number as ``%v`` writes it: a float of seven digits before its point has an exponent, such as 2e+06."""
    if isinstance(value, int):
        return str(value)
    shortest = _shortest(value)
    if -4 <= shortest.adjusted() < 6:
        return f"{shortest:f}"
    digits, _, exponent = f"{shortest:e}".partition("e")
    return f"{digits}e{exponent[0]}{exponent[1:].zfill(2)}"


def json_text(value: object, *, sorts: bool = True) -> str:
    """JSON as Go writes it: compact, with what HTML minds escaped, the keys of maps sorted; a struct's are not."""
    if isinstance(value, Mapping):
        items = ((name, value[name]) for name in (sorted(value) if sorts else value))
        return "{" + ",".join(f"{json_text(name)}:{json_text(item, sorts=sorts)}" for name, item in items) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(json_text(item, sorts=sorts) for item in value) + "]"
    if isinstance(value, float):
        shortest = _shortest(value)
        return f"{shortest:f}" if -6 <= shortest.adjusted() < 21 else f"{shortest:e}"
    return json.dumps(value, ensure_ascii=False).translate(_HTML)


def _shortest(value: float) -> Decimal:
    return Decimal(repr(value)).normalize()


def shown(value: object, *, sorts: bool = True) -> str:
    """A value as a field error shows it; `sorts` as for `json_text`."""
    if isinstance(value, str):
        return quoted(value)
    return number(value) if isinstance(value, float) else json_text(value, sorts=sorts)


def whole_number(text: str) -> int | None:
    """What decimal digits come to, None where it is something else; a number that no 64 bits hold is 2**64, or -2**64.

    Python makes no number of more than 4,300 digits, and takes digits of other alphabets for digits.
    """
    if not _WHOLE.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0")
    value = int(digits or "0") if len(digits) < _TOO_LONG else BEYOND
    return max(-value, -BEYOND) if text[0] == "-" else min(value, BEYOND)


def json_name(field: str) -> str:
    """What a field of a Go struct is called in JSON: "maxSurge" of MaxSurge, "apiVersion" of APIVersion."""
    capitals = _CAPITALS.match(field)
    end = capitals.end() if capitals else 1
    return field[:end].lower() + field[end:]


def unsigned_problem(text: str, *, bits: int = 64) -> str:
    """What strconv.ParseUint says of a text that is no unsigned number of so many bits, "" of one that is."""
    value = None if text[:1] in ("+", "-") else whole_number(text)
    if value is not None and value < 2**bits:
        return ""
    return f"strconv.ParseUint: parsing {quoted(text)}: {'invalid syntax' if value is None else 'value out of range'}"


def json_type(value: object) -> str:
    """What Go calls a JSON value's type where it can't be decoded."""
    if isinstance(value, bool):
        return "bool"
    return {int: "number", float: "number", dict: "object", list: "array", str: "string"}.get(type(value), "null")
