"""Envoy's access log, read back: what Envoy itself says about each request and each connection it had no chain for."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs
import msgspec


@attrs.frozen(kw_only=True)
class AccessLogEntry:
    """One line; what Envoy had nothing to say about is "".

    Attributes:
        start: when the request, or the connection, began.
        status: the response's; 0 for a connection that never became a request.
        flags: response flags: "NR" (no route or filter chain), "NC" (no cluster), "UF" (upstream refused), ...; "" if
            all is well. https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
        details: response code details: "via_upstream", "filter_chain_not_found", "cluster_not_found", ...
        fields: the whole line by the keys of `examples.gateway.access_log.ACCESS_LOG_FIELDS`.
    """

    start: datetime.datetime
    status: int
    flags: str
    details: str
    fields: Mapping[str, str] = attrs.field(repr=False)

    @property
    def is_failure(self) -> bool:
        """True where Envoy itself had to answer, or close, for want of something."""
        return bool(self.flags)

    @property
    def cause(self) -> str:
        """Flags and details as Envoy has them: "NC cluster_not_found"."""
        return f"{self.flags} {self.details}".strip()


def parse_line(line: bytes | str) -> AccessLogEntry:
    """Read one line.

    Raises:
        ValueError: it isn't a line of the access log; it is shown.
    """
    try:
        raw = msgspec.json.decode(line, type=dict[str, str | int | float | None])
        fields = {key: "" if value in (None, "-") else str(value) for key, value in raw.items()}
        return AccessLogEntry(
            start=datetime.datetime.fromisoformat(fields["start"]),
            status=int(fields.get("status") or 0),
            flags=fields.get("flags", ""),
            details=fields.get("details", ""),
            fields=fields,
        )
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise ValueError(f"{line!r} is no line of Envoy's access log: {error}") from error


class AccessLog:
    """A log that Envoy goes on writing to.

    Args:
        path: the file; it may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read_new(self) -> list[AccessLogEntry]:
        """The lines that were finished since the last call; half a line stays for the next.

        Envoy writes what it has gathered ten times a second, as `EnvoyProcess` starts it.
        """
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        return [parse_line(line) for line in whole.splitlines() if line]


def causes(entries: Iterable[AccessLogEntry]) -> Mapping[str, int]:
    """How often Envoy gave each reason for not serving, most frequent first."""
    return dict(Counter(entry.cause for entry in entries if entry.is_failure).most_common())
