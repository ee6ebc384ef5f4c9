"""Cuts the chunks of a watch into lines.

aiohttp's own line iteration raises above 512 KB a line, while an event may hold an object of 1.5 MB.
"""

from __future__ import annotations

MAX_LINE = 16 * 1024 * 1024
"""Bytes: well above what etcd stores (1.5 MB) and the API server accepts (3 MB); more isn't a watch event."""


class LineTooLongError(ValueError):
    """More bytes without a line end than any event has: whatever is sending isn't a watch."""


class LineFramer:
    """Collects chunks and gives back whole lines; the cost is linear in the bytes however small the chunks are.

    Args:
        max_line: bytes of an unfinished line above which `feed` raises.
    """

    def __init__(self, *, max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._parts: list[bytes] = []
        self._pending = 0

    def __repr__(self) -> str:
        return f"<LineFramer pending={self._pending}>"

    @property
    def pending(self) -> int:
        """Bytes of the line that has begun and not ended."""
        return self._pending

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their ends; empty lines are left out.

        Raises:
            LineTooLongError: the unfinished line exceeds the limit.
        """
        head, newline, rest = chunk.rpartition(b"\n")
        lines: list[bytes] = []
        if newline:
            self._parts.append(head)
            lines = [line for line in b"".join(self._parts).split(b"\n") if line]
            self._parts.clear()
            self._pending = 0
        if rest:
            self._parts.append(rest)
            self._pending += len(rest)
            if self._pending > self._max_line:
                raise LineTooLongError(f"A line of more than {self._max_line} bytes is no watch event")
        return lines
