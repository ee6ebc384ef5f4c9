"""Values as Go prints them, because some of the server's messages quote them so."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing.apiserver.go_text import printed, quoted


def go_type(value: Any) -> str:
    """%T of a decoded JSON value."""
    if isinstance(value, bool):
        return "bool"
    names = {str: "string", int: "int64", float: "float64", dict: "map[string]interface {}", list: "[]interface {}"}
    return names.get(type(value), "<nil>")


def go_syntax(value: Any) -> str:
    """%#v of a value that structured-merge-diff holds."""
    return f"&value.valueUnstructured{{Value:{_syntax(value)}}}"


def _syntax(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return "map[string]interface {}{" + ", ".join(f"{_syntax(k)}:{_syntax(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(_syntax(item) for item in value) + "}"
    return "interface {}(nil)" if value is None else str(value)


def go_value(value: Any) -> str:
    """%v of the same."""
    return f"&{{{printed(value)}}}"
