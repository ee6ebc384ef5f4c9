"""What cel-expr-python lacks of CEL: functions that it has under these names for other types alone, or by their macros.

It lets nobody add to a function that it has. So these have names of their own, as long as the real ones, so that
everything stays in its column.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from reconcilekit.testing.apiserver.crd.rules.formatting import formatted
from reconcilekit.testing.apiserver.go_text import number

if TYPE_CHECKING:
    from cel_expr_python import cel

ALIASES: Final = {
    "indexOf": "indexAt",
    "lastIndexOf": "lastIndexAt",
    "string": "strung",
    "charAt": "charIn",
    "substring": "subletter",
    "format": "worded",
}
"""Of what is called on lists, and on addresses; of what doesn't say which index is out of range; of other words."""

_UNKNOWN: Final = re.compile(
    r"<input>:(\d+):(\d+): found no matching overload for '(\w+)' applied to '(?:list\(|\(net\.(?:IP|CIDR)\))"
)
_CALLS: Final = re.compile(
    r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|(?P<name>\b(?:indexOf|lastIndexOf|string|charAt|substring|format))\s*\("""
)
_ADDRESSES: Final = re.compile(r"\b(?:ip|cidr)\s*\(")
_INSERT: Final = b"cel.@mapInsert"
_OWN_INSERT: Final = b"own.@mapInsert"


def with_alias(source: str, error: str) -> str | None:
    """The source with the alias of the function that the checker didn't find, None where it has none."""
    found = _UNKNOWN.search(error)
    alias = ALIASES.get(found[3]) if found else None
    if found is None or alias is None:
        return None
    lines = source.splitlines(keepends=True)
    line, column = int(found[1]) - 1, int(found[2]) - 1
    before = lines[line][:column].rstrip().removesuffix(found[3])
    lines[line] = before + alias + lines[line][len(before) + len(alias) :]
    return "".join(lines)


def without_aliases(error: str) -> str:
    """A message that names the real functions."""
    for name, alias in ALIASES.items():
        error = re.sub(rf"\b{alias}\b", name, error)
    return error


def for_runtime(source: str) -> str:
    """The source as it runs, where nobody knows the types beforehand."""
    speaks_of_addresses = _ADDRESSES.search(source) is not None

    def renamed(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None or (name == "string" and not speaks_of_addresses):
            return found[0]
        return ALIASES[name] + found[0][len(name) :]

    return _CALLS.sub(renamed, source)


def with_insertions(program: cel.Expression, environment: cel.Env) -> cel.Expression:
    """The program with functions behind the macros transformMap and transformMapEntry."""
    serialized = program.serialize()
    if _INSERT not in serialized:
        return program
    return environment.deserialize(serialized.replace(_INSERT, _OWN_INSERT))


def checker_functions() -> list[cel.FunctionDecl]:
    """The declarations to check rules against."""
    from cel_expr_python import cel

    kinds = cel.Type
    items = (kinds.STRING, kinds.INT, kinds.DOUBLE, kinds.BOOL, kinds.BYTES, kinds.TIMESTAMP, kinds.DURATION)
    return [
        *(
            cel.FunctionDecl(
                name,
                [
                    cel.Overload(
                        f"{name}_{item.name()}",
                        return_type=kinds.INT,
                        parameters=[kinds.List(item), item],
                        is_member=True,
                    )
                    for item in items
                ],
            )
            for name in ("indexAt", "lastIndexAt")
        ),
        cel.FunctionDecl(
            "strung",
            [
                cel.Overload(f"{name}_to_string", return_type=kinds.STRING, parameters=[kinds.AbstractType(name)])
                for name in ("net.IP", "net.CIDR")
            ],
        ),
    ]


def runtime_functions() -> list[cel.FunctionDecl]:
    """The declarations that rules run with."""
    from cel_expr_python import cel

    kinds, anything = cel.Type, cel.Type("google.protobuf.Any")
    mapping = kinds.Map(kinds.DYN, kinds.DYN)
    found = []
    for name, search in (("indexAt", _first), ("lastIndexAt", _last)):
        told = ([kinds.List(kinds.DYN), anything], [kinds.STRING] * 2, [kinds.STRING, kinds.STRING, kinds.INT])
        found.append(
            cel.FunctionDecl(
                name,
                [
                    cel.Overload(f"{name}{i}", return_type=kinds.INT, parameters=each, is_member=True, impl=search)
                    for i, each in enumerate(told)
                ],
            )
        )
    parts = [
        cel.FunctionDecl(
            name,
            [
                cel.Overload(f"{name}{i}", return_type=kinds.STRING, parameters=each, is_member=True, impl=part)
                for i, each in enumerate(told)
            ],
        )
        for name, part, told in (
            ("charIn", _char, ([kinds.STRING, kinds.INT],)),
            ("subletter", _part, ([kinds.STRING, kinds.INT], [kinds.STRING, kinds.INT, kinds.INT])),
            ("worded", formatted, ([kinds.STRING, kinds.List(kinds.DYN)],)),
        )
    ]
    texts = [kinds.Map(kinds.STRING, kinds.DYN), kinds.STRING, kinds.INT, kinds.DOUBLE, kinds.BOOL]
    strung = [
        cel.Overload(f"strung{i}", return_type=kinds.STRING, parameters=[each], impl=_text)
        for i, each in enumerate(texts)
    ]
    inserted = [
        cel.Overload(f"insert{len(each)}", return_type=mapping, parameters=each, impl=_inserted)
        for each in ([mapping, anything, anything], [mapping, mapping])
    ]
    return [*found, *parts, cel.FunctionDecl("strung", strung), cel.FunctionDecl(_OWN_INSERT.decode(), inserted)]


def _first(where: Any, what: Any, start: int = 0) -> int:
    if isinstance(where, str):
        if start < 0:
            raise ValueError(f"index out of range: {start}")
        return start if not what else where.find(what, start) if start < len(where) else -1
    return next((i for i, item in enumerate(where) if _is_same(item, what)), -1)


def _last(where: Any, what: Any, start: int | None = None) -> int:
    if isinstance(where, str):
        if start is None:
            return where.rfind(what)
        if start < 0:
            raise ValueError(f"index out of range: {start}")
        return where.rfind(what, 0, start + len(what)) if start < len(where) else -1
    return next((i for i in range(len(where) - 1, -1, -1) if _is_same(where[i], what)), -1)


def _char(text: str, at: int) -> str:
    if not 0 <= at <= len(text):
        raise ValueError(f"index out of range: {at}")
    return text[at : at + 1]


def _part(text: str, start: int, end: int | None = None) -> str:
    if end is None:
        end = len(text)
    elif start > end:
        raise ValueError(f"invalid substring range. start: {start}, end: {end}")
    for at in (start, end):
        if not 0 <= at <= len(text):
            raise ValueError(f"index out of range: {at}")
    return text[start:end]


def _is_same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _text(value: Any) -> str:
    match value:
        case dict():
            return str(value["value"])
        case bool():
            return str(value).lower()
        case str():
            return value
        case _:
            return number(value)


def _inserted(into: dict[Any, Any], *told: Any) -> dict[Any, Any]:
    added = {told[0]: told[1]} if len(told) == 2 else told[0]
    for key in added:
        if key in into:
            raise ValueError(f"insert failed: key {key} already exists")
    return {**into, **added}
