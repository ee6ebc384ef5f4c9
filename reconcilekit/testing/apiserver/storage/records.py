"""Lines with checksums: how what is kept in a folder stands in its files.

A line is the JSON's CRC-32 and its length in bytes, eight hexadecimal digits each, and the JSON, which has no line
breaks. A file that a killed process leaves ends in the middle of its last line at worst; anything else that doesn't
check out is damage.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import msgspec

FORMAT = "reconcilekit.testing.apiserver"
VERSION = 1

_PAYLOAD = 18
"""Where the JSON begins in a line."""


class DamagedDataError(Exception):
    """A file can't be read as what it should be, and nothing of it was taken.

    Attributes:
        path: of the file.
        offset: of the first byte of the line.
    """

    def __init__(self, path: Path, offset: int, why: str) -> None:
        super().__init__(
            f"{path}, byte {offset}: {why}; put the folder back from a copy, or start with an empty one (--data)"
        )
        self.path = path
        self.offset = offset


@attrs.frozen
class Record:
    """One line of a file.

    Attributes:
        offset: of its first byte.
        end: of the first byte after it.
    """

    told: Mapping[str, Any]
    offset: int
    end: int


def encode(payload: bytes) -> bytes:
    """A line."""
    return b"%08x %08x %s\n" % (zlib.crc32(payload), len(payload), payload)


def header(what: str) -> bytes:
    """The first line of a file."""
    return encode(msgspec.json.encode({"format": FORMAT, "version": VERSION, "what": what}))


def read(path: Path, what: str, *, may_be_torn: bool) -> Iterator[Record]:
    """The records after the header.

    Args:
        path: of the file.
        what: the header must say.
        may_be_torn: a last line that is cut off, or doesn't check out, is left away: its writer was killed.

    Raises:
        DamagedDataError: it is no such file, or damaged.
    """
    offset = 0
    with path.open("rb") as file:
        for line in file:
            end = offset + len(line)
            told = _decode(line)
            if told is None:
                if may_be_torn and not file.read(1) and _is_last(line):
                    return
                raise DamagedDataError(path, offset, "the line doesn't match its checksum")
            if offset == 0:
                _check_header(path, told, what)
            else:
                yield Record(told, offset, end)
            offset = end


def _decode(line: bytes) -> Mapping[str, Any] | None:
    payload = line[_PAYLOAD:-1]
    if line != encode(payload):
        return None
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except msgspec.DecodeError:
        return None


def _is_last(line: bytes) -> bool:
    """False where the line is said to be shorter than what is left of the file: its end is damaged."""
    try:
        length = int(line[9 : _PAYLOAD - 1], 16)
    except ValueError:
        return True
    return len(line) <= _PAYLOAD + length + 1


def _check_header(path: Path, told: Mapping[str, Any], what: str) -> None:
    if told.get("format") != FORMAT or told.get("what") != what:
        raise DamagedDataError(path, 0, f"this is no {what} of {FORMAT}")
    if told.get("version") != VERSION:
        found = told.get("version")
        raise DamagedDataError(path, 0, f"written in version {found} of the format, and this server reads {VERSION}")
