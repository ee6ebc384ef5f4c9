"""YAML as the real server reads it (go-yaml v2, by way of sigs.k8s.io/yaml), which isn't as PyYAML does.

PyYAML takes a document apart, by libyaml where that is there, from which go-yaml descends. What its scalars mean is
told here: `1:30` is text, `1e3` a number, and the key `n` is "false".
"""

from __future__ import annotations

import abc
import base64
import binascii
import functools
import math
import re
from collections.abc import Callable
from typing import Any

import attrs
import msgspec

from reconcilekit.testing.apiserver.go_text import number, quoted

_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_INFINITIES = [f"{sign}.{text}" for sign in ("", "+", "-") for text in ("inf", "Inf", "INF")]
_WORDS: dict[str, Any] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{text: float(text.replace(".", "")) for text in (".nan", ".NaN", ".NAN", *_INFINITIES)},
}
_DIGITS = frozenset("+-0123456789")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASES = (16, 2, 8, 10)
_LONGEST = 1_000
"""Digits of a number that anybody looks at: longer ones are beyond every float."""

_EXCESSIVE = "yaml: document contains excessive aliasing"
_TOO_DEEP = "yaml: exceeded max depth of 10000"
"""What nests deeper than Python follows is said to be too deep for the server."""

_TAG = "tag:yaml.org,2002:"
_TYPES = {str: "str", bool: "bool", int: "int", float: "float", type(None): "null"}


def load_yaml(body: bytes) -> bytes:
    """The first document as JSON; null where there is none.

    Raises:
        ValueError: it can't be read; said in the words of the server's parser where they are known.
    """
    import yaml

    try:
        told = _json(body)
        return msgspec.json.encode(_Reader(body).document() if told is None else told, order="sorted")
    except yaml.YAMLError as error:
        raise ValueError(f"yaml: {_told(error)}") from error
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    except (TypeError, UnicodeEncodeError) as error:
        raise ValueError(f"yaml: {error}") from error


def read_yaml(body: bytes) -> Any:
    """The first document, decoded; raises as `load_yaml`."""
    told = _json(body)
    return msgspec.json.decode(load_yaml(body)) if told is None else told


def _json(body: bytes) -> dict[str, Any] | None:
    """A body that is JSON, as most are; None where it isn't."""
    if body.lstrip()[:1] != b"{":
        return None
    try:
        return _decode_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_json(body: bytes) -> bool:
    """Whether a body is JSON, as most are."""
    return _json(body) is not None


def _told(error: Any) -> str:
    """What go-yaml says where libyaml gave up; in libyaml's own words, or some that are PyYAML's."""
    from yaml.scanner import ScannerError

    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "did not find expected node content"
    mark = getattr(error, "problem_mark", None)
    line = 0 if mark is None else mark.line
    if line and isinstance(error, ScannerError):
        line += 1
    if not line:
        context = getattr(error, "context_mark", None)
        line = 0 if context is None else context.line
    return f"line {line}: {problem}" if line else str(problem)


@attrs.define
class _Anchored:
    """What an anchor names: a value, and how many visits it takes to go through it, 0 until it ends."""

    value: Any
    visits: int = 0


class Walk(abc.ABC):
    """Goes through the events of the first document; those that derive from it tell what is made of them.

    Attributes:
        mistake: what is wrong with a value; that's told once the whole document is found to be one.
    """

    def __init__(self, body: bytes) -> None:
        import yaml

        self.mistake = ""
        self._next = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(body).get_event
        self._anchors: dict[str, _Anchored] = {}
        # Each with the visits before it, and its anchor.
        self._open: list[tuple[Any, int, _Anchored | None]] = []
        # As go-yaml counts what it decodes; the document is the first.
        self._visits = 1
        self._visits_by_alias = 0
        self._is_merging = False
        self._values: dict[type, Any] = {yaml.ScalarEvent: self._scalar, yaml.AliasEvent: self._alias}
        self._containers: dict[type, Any] = {
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
        }
        self._end = (yaml.DocumentEndEvent, yaml.StreamEndEvent)
        self._closing = (yaml.MappingEndEvent, yaml.SequenceEndEvent)

    def document(self) -> Any:
        """What is made of it, None if there is none.

        Raises:
            ValueError: an alias has no anchor.
        """
        top: list[Any] = []
        add: Callable[[Any], None] = top.append
        outer = []
        while True:
            event = self._next()
            kind = type(event)
            if (read := self._values.get(kind)) is not None:
                add(read(event))
            elif (begin := self._containers.get(kind)) is not None:
                outer.append(add)
                add = begin(event)
            elif kind in self._closing:
                add = outer.pop()
                add(self._ended())
            elif kind in self._end:
                return top[0] if top else None

    def _begun(self, event: Any, made: Any) -> None:
        self._open.append((made, self._visits, self._anchored(event, made)))
        self._visits += 1

    def _ended(self) -> Any:
        made, before, anchored = self._open.pop()
        if anchored is not None:
            anchored.visits = self._visits - before
        return made

    def _anchored(self, event: Any, value: Any, visits: int = 0) -> _Anchored | None:
        if not event.anchor:
            return None
        anchored = self._anchors[event.anchor] = _Anchored(value, visits)
        return anchored

    @abc.abstractmethod
    def _scalar(self, event: Any) -> Any:
        """Is to count it, unless it is a merge, and to keep it where it has an anchor."""

    @abc.abstractmethod
    def _mapping(self, event: Any) -> Callable[[Any], None]:
        """Begins a map; what is returned takes its keys and values by turns."""

    def _sequence(self, event: Any) -> Callable[[Any], None]:
        # A list of what is merged isn't counted.
        self._visits -= self._is_merging
        self._is_merging = False
        return self._list(event)

    @abc.abstractmethod
    def _list(self, event: Any) -> Callable[[Any], None]:
        """Begins a list; what is returned takes its items."""

    def _alias(self, event: Any) -> Any:
        """What it stands for, None if nobody would follow it."""
        name = event.anchor
        anchored = self._anchors.get(name)
        if anchored is None:
            raise ValueError(f"yaml: unknown anchor '{name}' referenced")
        visits, by_alias = self._visits + 1 + anchored.visits, self._visits_by_alias + anchored.visits
        if not anchored.visits:
            self._wrong(f"yaml: anchor '{name}' value contains itself")
        elif _is_excessive(visits, by_alias):
            # That is found before anything is wrong with the JSON of it.
            self.mistake = self.mistake if self.mistake.startswith("yaml: ") else _EXCESSIVE
        else:
            self._visits, self._visits_by_alias = visits, by_alias
            return anchored.value
        return None

    def _wrong(self, why: str) -> None:
        self.mistake = self.mistake or why


def _is_excessive(visits: int, by_alias: int) -> bool:
    """Whether go-yaml stops there: of 400,000 visits 99 % may be owed to aliases, of 4,000,000 only a tenth."""
    allowed = 0.99 - 0.89 * min(max(visits - 400_000, 0) / 3_600_000, 1)
    return by_alias > 100 and visits > 1_000 and by_alias / visits > allowed


class _Reader(Walk):
    """Makes the first document of its events."""

    def document(self) -> Any:
        """The first one.

        Raises:
            ValueError: something in it means nothing.
        """
        read = super().document()
        if self.mistake:
            raise ValueError(self.mistake)
        return read

    def _mapping(self, event: Any) -> Callable[[Any], None]:
        made: dict[str, Any] = {}
        self._begun(event, made)
        return _Entries(made, self._wrong).add

    def _list(self, event: Any) -> Callable[[Any], None]:
        made: list[Any] = []
        self._begun(event, made)
        return made.append

    def _scalar(self, event: Any) -> Any:
        self._is_merging = event.value == "<<" and is_merge(event)
        self._visits += not self._is_merging
        value = _MERGE if self._is_merging else scalar(event, self._wrong)
        if event.anchor:
            self._anchored(event, value, 1)
        return value


def is_merge(event: Any) -> bool:
    """Whether a scalar is the key `<<`, unquoted."""
    return event.value == "<<" and event.implicit[0] and event.tag is None


def scalar(event: Any, wrong: Callable[[str], None]) -> Any:
    """What a scalar means.

    Args:
        event: it, as the parser tells it.
        wrong: is told why it means nothing, where that is so.
    """
    text, tag = event.value, event.tag
    if tag is not None and tag != "!":
        return _tagged(tag.removeprefix(_TAG), text, wrong)
    if not event.implicit[0] or tag is not None:
        return text
    value = _plain(text)
    return _finite(value, wrong) if isinstance(value, float) else value


def _finite(value: float, wrong: Callable[[str], None]) -> float | None:
    if math.isfinite(value):
        return value
    told = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    wrong(f"json: unsupported value: {told}")
    return None


def _tagged(kind: str, text: str, wrong: Callable[[str], None]) -> Any:
    """A scalar of which it is said what it is."""
    if kind == "binary":
        try:
            return base64.b64decode(text, validate=True).decode(errors="replace")
        except binascii.Error:
            wrong("yaml: !!binary value contains invalid base64 data")
            return None
    if kind not in ("bool", "int", "float", "null"):
        return text
    value = _plain(text)
    found = _TYPES[type(value)]
    if found != kind and (kind, found) != ("float", "int"):
        wrong(f"yaml: cannot decode !!{found} `{text}` as a !!{kind}")
    return value


class _Entries:
    """Puts keys and values by turns into a map."""

    __slots__ = ("_into", "_is_value", "_key", "_wrong")

    def __init__(self, into: dict[str, Any], wrong: Callable[[str], None]) -> None:
        self._into = into
        self._wrong = wrong
        self._key: Any = None
        self._is_value = False

    def add(self, value: Any) -> None:
        """The next of them."""
        self._is_value = not self._is_value
        if self._is_value:
            self._key = value
        elif self._key is _MERGE:
            self._merge(value)
        elif value is _MERGE:
            self._into[self._text("<<")] = "<<"
        else:
            self._into[self._key if type(self._key) is str else self._text(value)] = value

    def _text(self, value: Any) -> str:
        """The key as JSON has it."""
        key = self._key
        if isinstance(key, str):
            return key
        if isinstance(key, bool):
            return "true" if key else "false"
        shown = quoted(value) if isinstance(value, str) else value
        if isinstance(key, int) and key >= 2**63:
            self._wrong(f"unsupported map key of type: uint64, key: {key:#x}, value: {shown}")
        elif isinstance(key, int | float):
            return number(key)
        elif key is None:
            self._wrong(f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {shown}")
        else:
            self._wrong(f"yaml: invalid map key: {_syntax(key)}")
        return ""

    def _merge(self, value: Any) -> None:
        maps = value if isinstance(value, list) else [value]
        if not all(isinstance(one, dict) for one in maps):
            self._wrong("yaml: map merge requires map or sequence of maps as the value")
            return
        for one in reversed(maps):
            self._into.update(one)


_MERGE = object()
"""The key `<<`, unquoted."""


@functools.lru_cache(maxsize=4096)
def _plain(text: str) -> Any:
    """What a scalar without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first == ".":
        return _number(text) if _FLOAT.fullmatch(text) else text
    if first not in _DIGITS:
        return text
    digits = text.replace("_", "")
    if len(digits) < _LONGEST and (found := _INTEGER.fullmatch(digits)) is not None:
        sign, *written = found.groups()
        value = next(int(told, base) for told, base in zip(written, _BASES, strict=True) if told)
        value = -value if sign == "-" else value
        if -(2**63) <= value < 2**64:
            return value
    return _number(digits) if _FLOAT.fullmatch(digits) else text


def _number(text: str) -> Any:
    """A float, as the whole number that Go reads where it wrote one; text where it is beyond all floats."""
    value = float(text)
    if math.isinf(value):
        return text
    return int(value) if value.is_integer() and -(2**63) <= value < 2**63 else value


_decode_json = msgspec.json.Decoder(dict[str, Any], float_hook=_number).decode


def _syntax(value: Any) -> str:
    """A value as ``%#v`` writes it, of what go-yaml makes."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_syntax(name)}:{_syntax(item)}" for name, item in sorted(value.items()))
        return f"map[interface {{}}]interface {{}}{{{inner}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(_syntax, value))}}}"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "interface {}(nil)" if value is None else number(value)
