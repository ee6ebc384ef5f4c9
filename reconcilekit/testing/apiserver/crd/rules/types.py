"""What the variables of a rule are: the types that the checker has of a schema, and the values that go with them."""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from cel_expr_python import cel
    from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

Convert = Callable[[Any], Any]

_KEYWORDS = "true false null in as break const continue else for function if import let loop package namespace return"
_RESERVED: Final = frozenset(_KEYWORDS.split())
_STRING: Final[Mapping[str, Any]] = {"type": "string"}
_META: Final[Mapping[str, Any]] = {"type": "object", "properties": {"name": _STRING, "generateName": _STRING}}


def escaped(name: str) -> str | None:
    """A field's name as rules write it, None where they can't."""
    if not re.fullmatch(r"[A-Za-z_./-][A-Za-z0-9_./-]*", name, re.ASCII):
        return None
    if name in _RESERVED:
        return f"__{name}__"
    for char, word in (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__")):
        name = name.replace(char, word) if char != "__" else re.sub("__", word, name)
    return name


def with_meta(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The root of a resource as rules see it: with its meta fields, and nothing of its metadata but the names."""
    properties = {**(schema.get("properties") or {}), "kind": _STRING, "apiVersion": _STRING, "metadata": _META}
    return {**schema, "properties": properties}


@attrs.frozen(kw_only=True)
class Node:
    """What rules see of a schema's node.

    Attributes:
        kind: "dyn", "object", "map", "list" or a scalar's name.
        inner: of a list's items or a map's values.
        fields: of an object, by their escaped names, with the names they have in JSON.
    """

    kind: str
    inner: Node | None = None
    fields: Mapping[str, tuple[str, Node]] = attrs.field(factory=dict)


def node_of(schema: Mapping[str, Any] | None, *, is_root: bool = False) -> Node | None:
    """What rules see of a schema, None where they see nothing of it."""
    if schema is None:
        return None
    if schema.get("x-kubernetes-int-or-string") is True:
        return Node(kind="dyn")
    if is_root or schema.get("x-kubernetes-embedded-resource") is True:
        schema = with_meta(schema)
    match schema.get("type"):
        case "array":
            inner = node_of(schema.get("items"))
            return Node(kind="list", inner=inner) if inner else None
        case "object":
            return _object(schema)
        case "string":
            return Node(kind=_STRING_KINDS.get(schema.get("format") or "", "string"))
        case "boolean":
            return Node(kind="bool")
        case "number":
            return Node(kind="double")
        case "integer":
            return Node(kind="int")
    return None


_STRING_KINDS: Final = {"byte": "bytes", "duration": "duration", "date": "timestamp", "date-time": "timestamp"}


def _object(schema: Mapping[str, Any]) -> Node | None:
    additional = schema.get("additionalProperties")
    if isinstance(additional, Mapping):
        inner = node_of(additional)
        return Node(kind="map", inner=inner) if inner else None
    fields = {}
    for name, sub in (schema.get("properties") or {}).items():
        field, seen = escaped(name), node_of(sub)
        if field is not None and seen is not None:
            fields[field] = (name, seen)
    return Node(kind="object", fields=fields)


def converter(node: Node) -> Convert | None:
    """What makes a rule's value of a JSON value, None where they are the same."""
    match node.kind:
        case "double":
            return lambda value: float(value) if isinstance(value, int) else value
        case "bytes":
            return lambda value: base64.b64decode(value) if isinstance(value, str) else value
        case "timestamp":
            return _timestamp
        case "duration":
            return _duration
        case "list":
            return _list_converter(node)
        case "map":
            return _map_converter(node)
        case "object":
            return _object_converter(node)
    return None


def _list_converter(node: Node) -> Convert | None:
    convert = converter(node.inner) if node.inner else None
    if convert is None:
        return None
    return lambda value: [convert(item) for item in value] if isinstance(value, list) else value


def _map_converter(node: Node) -> Convert | None:
    convert = converter(node.inner) if node.inner else None
    if convert is None:
        return None
    return lambda value: {k: convert(v) for k, v in value.items()} if isinstance(value, dict) else value


def _object_converter(node: Node) -> Convert | None:
    converts: dict[str, tuple[str, Convert | None]] = {}
    for field, (name, inner) in node.fields.items():
        convert = converter(inner)
        if convert is not None or field != name:
            converts[name] = (field, convert)
    if not converts:
        return None

    def apply(value: Any) -> Any:
        if not isinstance(value, dict) or converts.keys().isdisjoint(value):
            return value
        result = {}
        for name, item in value.items():
            field, convert = converts.get(name, (name, None))
            result[field] = item if convert is None or item is None else convert(item)
        return result

    return apply


def _timestamp(value: Any) -> Any:
    from google.protobuf.timestamp_pb2 import Timestamp

    if not isinstance(value, str):
        return value
    text = value.upper() if "t" in value.lower() else f"{value}T00:00:00Z"
    stamp = Timestamp()
    moment = datetime.datetime.fromisoformat(text)
    stamp.FromDatetime(moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC))
    return stamp


# At the first digit alone, so that no text takes longer than its length.
_SPAN: Final = re.compile(r"(?<!\d)(\d++(?:\.\d*+)?|\.\d++)\s*+(ns|us|µs|ms|s|m|h|d|w)", re.ASCII)
_UNITS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}


def _duration(value: Any) -> Any:
    from google.protobuf.duration_pb2 import Duration

    if not isinstance(value, str):
        return value
    sign = -1 if value.startswith("-") else 1
    parts = _SPAN.findall(value)
    span = Duration()
    span.FromNanoseconds(sign * round(sum(float(number) * _UNITS[unit] for number, unit in parts) * 1e9))
    return span


class TypePool:
    """The types of one schema's variables, for one checker."""

    def __init__(self) -> None:
        from google.protobuf import descriptor_pb2

        self._file: FileDescriptorProto = descriptor_pb2.FileDescriptorProto(
            name="schema.proto",
            package="schema",
            syntax="proto2",
            dependency=[f"google/protobuf/{name}.proto" for name in ("struct", "timestamp", "duration")],
        )

    def type_of(self, node: Node) -> cel.Type:
        """The checker's type."""
        from cel_expr_python import cel

        match node.kind:
            case "list":
                return cel.Type.List(self.type_of(_inner(node)))
            case "map":
                return cel.Type.Map(cel.Type.STRING, self.type_of(_inner(node)))
            case "object":
                return cel.Type(f"schema.{self._message(node)}")
            case _:
                return getattr(cel.Type, node.kind.upper())

    def pool(self) -> object:
        """What the checker looks types up in; no type can be added afterwards."""
        from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, struct_pb2, timestamp_pb2

        pool = descriptor_pool.DescriptorPool()
        for module in (struct_pb2, timestamp_pb2, duration_pb2):
            known = descriptor_pb2.FileDescriptorProto()
            module.DESCRIPTOR.CopyToProto(known)
            pool.Add(known)
        pool.Add(self._file)
        return pool

    def _message(self, node: Node) -> str:
        name = f"Object{len(self._file.message_type)}"
        message = self._file.message_type.add(name=name)
        for number, (field, (_, inner)) in enumerate(node.fields.items(), 1):
            self._add_field(message, name, field, number, inner)
        return name

    def _add_field(self, message: DescriptorProto, owner: str, field: str, number: int, node: Node) -> None:
        from google.protobuf.descriptor_pb2 import FieldDescriptorProto

        # The checker's own numbers leave out what protobuf keeps to itself.
        number += 1000 * (number >= 19000)
        made = message.field.add(name=field, number=number, json_name=f"f{number}")
        if node.kind == "list":
            made.label = FieldDescriptorProto.LABEL_REPEATED
            self._set_type(made, _inner(node))
        elif node.kind == "map" and (entry := self._map_entry(message, field, node)):
            made.label = FieldDescriptorProto.LABEL_REPEATED
            made.type, made.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".schema.{owner}.{entry}"
        else:
            made.label = FieldDescriptorProto.LABEL_OPTIONAL
            self._set_type(made, node)

    def _map_entry(self, message: DescriptorProto, field: str, node: Node) -> str:
        from google.protobuf.descriptor_pb2 import FieldDescriptorProto

        name = "".join(part[:1].upper() + part[1:] for part in field.split("_")) + "Entry"
        if any(known.name == name for known in message.nested_type):
            return ""
        entry = message.nested_type.add(name=name)
        entry.options.map_entry = True
        optional = FieldDescriptorProto.LABEL_OPTIONAL
        entry.field.add(name="key", number=1, type=FieldDescriptorProto.TYPE_STRING, label=optional)
        self._set_type(entry.field.add(name="value", number=2, label=optional), _inner(node))
        return name

    def _set_type(self, field: Any, node: Node) -> None:
        from google.protobuf.descriptor_pb2 import FieldDescriptorProto

        scalar = {"bool": "BOOL", "int": "INT64", "double": "DOUBLE", "string": "STRING", "bytes": "BYTES"}.get(
            node.kind
        )
        if scalar:
            field.type = getattr(FieldDescriptorProto, f"TYPE_{scalar}")
            return
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        if node.kind == "object":
            field.type_name = f".schema.{self._message(node)}"
        else:
            # A list of lists has no name in protobuf; the checker takes it as anything.
            well_known = {"timestamp": "Timestamp", "duration": "Duration"}.get(node.kind, "Value")
            field.type_name = f".google.protobuf.{well_known}"


def _inner(node: Node) -> Node:
    assert node.inner is not None
    return node.inner
