"""Text as Go prints it."""

from __future__ import annotations

import json
from collections.abc import Mapping

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


def quoted(text: str) -> str:
    """A string as ``%q`` writes it, which is also how ``%#v`` does."""
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
    return "<nil>" if value is None else str(value)


def number(value: float) -> str:
    """A number as ``%v`` writes it."""
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    digits, _, exponent = repr(value).partition("e")
    return f"{digits.removesuffix('.0')}e{exponent[0]}{exponent[1:].zfill(2)}" if exponent else digits


def json_text(value: object, *, sorts: bool = True) -> str:
    """JSON as Go writes it: compact, with what HTML minds escaped, the keys of maps sorted; a struct's are not."""
    text = json.dumps(value, sort_keys=sorts, separators=(",", ":"), ensure_ascii=False)
    for char, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(char, escape)
    return text


def json_type(value: object) -> str:
    """What Go calls a JSON value's type where it can't be decoded."""
    if isinstance(value, bool):
        return "bool"
    return {int: "number", float: "number", dict: "object", list: "array", str: "string"}.get(type(value), "null")
