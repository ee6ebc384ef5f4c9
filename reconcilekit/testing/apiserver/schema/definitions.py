"""The Go structs that built-in kinds are made of: their fields' types, what is left out when empty, how lists merge.

They come from the recorded schemas and are compiled one by one, when a request first needs them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, Literal

import attrs
import msgspec

from reconcilekit.testing.apiserver import recorded

Form = Literal["scalar", "struct", "list", "map", "special"]

_NAMED = re.compile(r"([\w.]+):(.*)")
_SPECIAL_NAMES: Mapping[str, str] = {
    "Bytes": "[]uint8",
    "JSON": "v1.JSON",
    "Quantity": "resource.Quantity",
    "Time": "v1.Time",
}
"""What messages call them in lists and maps."""

_STRUCT_ZEROS: Mapping[str, object] = {
    "Time": None,
    "MicroTime": None,
    "RawExtension": None,
    "Quantity": "0",
    "IntOrString": 0,
}
"""The structs that write their JSON themselves, with what they write where nothing is set."""

_ZEROS: Mapping[str, object] = {"string": "", "bool": False}


@attrs.frozen(kw_only=True)
class GoType:
    """A type as Go has it.

    Attributes:
        form: what it is made of.
        name: as Go prints it in messages: "int32", "v1.Protocol", "[]v1.Container".
        base: a scalar's plain type ("string", "bool", "int32", ...), a struct's definition, or a special type's name.
        item: of a list or map.
        is_pointer: it can be absent and zero, too.
    """

    form: Form
    name: str
    base: str = ""
    item: GoType | None = None
    is_pointer: bool = False

    @property
    def is_struct(self) -> bool:
        """Go has it as a struct, which omitempty never leaves out."""
        return self.form == "struct" or (self.form == "special" and self.base in _STRUCT_ZEROS)


@attrs.frozen(kw_only=True)
class Field:
    """One field of a struct.

    Attributes:
        name: in JSON.
        type: in Go.
        omits_empty: left out where it is empty (Go's omitempty); a struct never is.
        omits_zero: left out where nothing in it is set (Go's omitzero).
        embedded: the Go structs that it stands in, without names of their own in JSON.
        marks: what OpenAPI says besides: list, keys, map, patch, patch_key, default.
    """

    name: str
    type: GoType
    omits_empty: bool
    omits_zero: bool
    embedded: tuple[str, ...]
    marks: Mapping[str, Any]

    @property
    def zero(self) -> object:
        """What stands in JSON where nothing is set; None is null."""
        if self.type.is_pointer or self.type.form in ("struct", "list", "map"):
            return None
        if self.type.form == "special":
            return _STRUCT_ZEROS.get(self.type.base)
        return _ZEROS.get(self.type.base, 0)

    @property
    def is_always_there(self) -> bool:
        """It stands in JSON even where nothing is set."""
        if self.type.is_struct and not self.type.is_pointer:
            return not self.omits_zero
        return not (self.omits_empty or self.omits_zero)

    @property
    def key_default(self) -> object:
        """What it counts as in a list's key where it is missing; None for nothing."""
        return self.marks.get("default", None if self.omits_empty else self.zero)


@attrs.frozen(kw_only=True)
class Definition:
    """One struct.

    Attributes:
        go_name: without its package: "DeploymentSpec".
        fields: by name, in Go's order.
        is_atomic: it is replaced as a whole.
    """

    go_name: str
    fields: Mapping[str, Field]
    is_atomic: bool


@functools.cache
def definition(name: str) -> Definition:
    """A struct by its name in OpenAPI: "io.k8s.api.apps.v1.Deployment"."""
    told = msgspec.json.decode(recorded.schemas()[name])
    return Definition(
        go_name=name.rpartition(".")[2],
        fields={field[0]: _field(*field) for field in told["fields"]},
        is_atomic=told.get("map") == "atomic",
    )


def is_defined(name: str) -> bool:
    """True if there is such a struct."""
    return name in recorded.schemas()


def _field(name: str, go_type: str, flags: str, marks: Mapping[str, Any] | None = None) -> Field:
    flags, *embedded = flags.split("@")
    return Field(
        name=name,
        type=parse_type(go_type),
        omits_empty="o" in flags,
        omits_zero="z" in flags,
        embedded=tuple(reversed(embedded)),
        marks=marks or {},
    )


@functools.cache
def parse_type(text: str) -> GoType:
    """A type out of the notation of tools/gotypes."""
    if text.startswith("*"):
        return attrs.evolve(parse_type(text[1:]), is_pointer=True)
    if text.startswith("[]"):
        item = parse_type(text[2:])
        return GoType(form="list", name=f"[]{_printed(item)}", item=item)
    if text.startswith("[string]"):
        item = parse_type(text[8:])
        return GoType(form="map", name=f"map[string]{_printed(item)}", item=item)
    if text.startswith("#"):
        return GoType(form="struct", name=".".join(text.split(".")[-2:]), base=text[1:])
    if text.startswith("!"):
        return GoType(form="special", name=_SPECIAL_NAMES.get(text[1:], text[1:]), base=text[1:])
    if named := _NAMED.fullmatch(text):
        return attrs.evolve(parse_type(named[2]), name=named[1])
    return GoType(form="scalar", name=text, base=text)


def _printed(item: GoType) -> str:
    return f"*{item.name}" if item.is_pointer else item.name
