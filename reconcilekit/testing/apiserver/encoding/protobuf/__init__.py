"""Bodies in Kubernetes' protobuf, which typed Go clients send and would rather have than JSON.

All messages of the built-in kinds are known, by the numbers that their Go types name (tools/record_protobuf.py). What
is read is what Go would write as JSON, but for nulls; unknown fields are passed over.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import msgspec

from reconcilekit.testing.apiserver.encoding.negotiation import PROTOBUF, PROTOBUF_MAGIC
from reconcilekit.testing.apiserver.encoding.protobuf import reading, writing
from reconcilekit.testing.apiserver.encoding.protobuf.encoding import MalformedMessageError, numbers, tagged
from reconcilekit.testing.apiserver.encoding.protobuf.messages import message_of
from reconcilekit.testing.apiserver.pacing import STEP

__all__ = [
    "MalformedEnvelopeError",
    "MalformedMessageError",
    "UnknownKindError",
    "ProtobufList",
    "decode_protobuf",
    "encode_protobuf",
    "as_protobuf",
    "watch_frame",
]


class MalformedEnvelopeError(ValueError):
    """There is no telling what kind of object it is."""


class UnknownKindError(ValueError):
    """The envelope names a kind that has no message.

    Attributes:
        api_version: as named.
        kind: as named.
    """

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f'no kind "{kind}" is registered for version "{api_version}"')
        self.api_version, self.kind = api_version, kind


def decode_protobuf(body: bytes, *, api_version: str = "", kind: str = "") -> dict[str, Any]:
    """The object that a body holds, as its JSON would be.

    Args:
        body: in the envelope.
        api_version: of what is expected, for an envelope that names none.
        kind: likewise.

    Raises:
        MalformedEnvelopeError: it isn't one.
        UnknownKindError: it holds an object that isn't known here.
        MalformedMessageError: the object in it can't be read.
    """
    api_version, kind, raw = _opened(body, api_version, kind)
    message = message_of(api_version, kind)
    if message is None:
        raise UnknownKindError(api_version, kind)
    try:
        return {"kind": kind, "apiVersion": api_version, **reading.read(message, raw)}
    except RecursionError as error:
        raise MalformedMessageError("exceeded max depth") from error


def _opened(body: bytes, api_version: str, kind: str) -> tuple[str, str, bytes]:
    if not body:
        raise MalformedEnvelopeError("empty data")
    if not body.startswith(PROTOBUF_MAGIC):
        expected = " ".join(str(byte) for byte in PROTOBUF_MAGIC)
        raise MalformedEnvelopeError(
            f"provided data does not appear to be a protobuf message, expected prefix [{expected}]"
        )
    if len(body) == len(PROTOBUF_MAGIC):
        raise MalformedEnvelopeError("empty body")
    try:
        envelope = dict(numbers(body[len(PROTOBUF_MAGIC) :]))
        told = {number: bytes(value).decode(errors="replace") for number, value in numbers(bytes(envelope.get(1, b"")))}
        return told.get(1) or api_version, told.get(2) or kind, bytes(envelope.get(2, b""))
    except (MalformedMessageError, TypeError) as error:
        raise MalformedEnvelopeError(str(error)) from error


def encode_protobuf(obj: dict[str, Any], *, api_version: str = "", kind: str = "") -> bytes | None:
    """An object, or a list of objects, in the envelope; None where its kind has no message.

    Args:
        obj: as it is in JSON.
        api_version: of an object that doesn't tell.
        kind: likewise.
    """
    api_version, kind = obj.get("apiVersion") or api_version, obj.get("kind") or kind
    message = message_of(api_version, kind)
    if message is None:
        return None
    return _enveloped(api_version, kind, writing.write(message, obj))


def _enveloped(api_version: str, kind: str, message: bytes) -> bytes:
    meta = tagged(1, api_version.encode()) + tagged(2, kind.encode())
    return b"".join([PROTOBUF_MAGIC, tagged(1, meta), tagged(2, message), tagged(3, b""), tagged(4, b"")])


class ProtobufList:
    """Writes a list in the envelope, a few items at a time.

    Args:
        message: the list's.
        around: the list without its items, as it is in JSON.
        field: what holds the items; it is the last field of all lists' messages.
    """

    media_type = PROTOBUF
    at_once = STEP

    def __init__(self, message: str, around: dict[str, Any], field: str) -> None:
        self._kind = (around["apiVersion"], around["kind"])
        self._field = field
        self._write = writing.field_writer(message, field)
        self._written = [writing.write(message, around)]

    @classmethod
    def of(cls, around: dict[str, Any], field: str) -> ProtobufList | None:
        """The writer of a list; None where its kind has no message."""
        message = message_of(around["apiVersion"], around["kind"])
        return None if message is None else cls(message, around, field)

    def add(self, items: Iterable[bytes]) -> None:
        """Write some items, which are JSON."""
        decoded = msgspec.json.decode(b"[%s]" % b",".join(items))
        self._written.append(self._write({self._field: decoded}))

    def body(self) -> bytes:
        """The whole list."""
        return _enveloped(*self._kind, b"".join(self._written))


def as_protobuf(body: bytes) -> bytes | None:
    """A body in JSON as one in protobuf; None where its kind has no message.

    Documents of discovery are of v1 without saying so.
    """
    return encode_protobuf(msgspec.json.decode(body), api_version="v1")


@functools.lru_cache(maxsize=16)
def watch_frame(line: bytes) -> bytes:
    """A watch event in JSON as a frame: its length in four bytes, and an event, which has no envelope of its own.

    One event is told to all its watches before the next, so the last few are enough to make each frame once.

    Raises:
        UnknownKindError: its object's kind has no message, so the watch should have been refused.
    """
    event = msgspec.json.decode(line)
    inner = event["object"]
    written = encode_protobuf(inner)
    if written is None:
        raise UnknownKindError(str(inner.get("apiVersion")), str(inner.get("kind")))
    frame = tagged(1, event["type"].encode()) + tagged(2, tagged(1, written))
    return len(frame).to_bytes(4, "big") + frame
