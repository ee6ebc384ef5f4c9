"""Times and durations as Go reads and writes them, which knows more years and fewer seconds than Python.

Years are turned by whole cycles of the calendar into those that Python knows: after 400 years it begins anew.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import attrs

SECONDS = "2006-01-02T15:04:05Z07:00"
"""Go's layout of a Time."""

MICROS = "2006-01-02T15:04:05.000000Z07:00"
"""Go's layout of a MicroTime."""

_CYCLE = 400
_FIRST = 2000
_LONG_AGO = datetime(1000, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_CYCLE = 146_097 * 86_400
_STORED = re.compile(r"(-?[0-9]{4,})(-.+)")

_PARTS = (
    ("year", re.compile(r"[0-9]{4}"), "2006", None),
    ("", re.compile(r"-"), "-", None),
    ("month", re.compile(r"[0-9]{2}"), "01", range(1, 13)),
    ("", re.compile(r"-"), "-", None),
    ("day", re.compile(r"[0-9]{2}"), "02", None),
    ("", re.compile(r"T"), "T", None),
    ("hour", re.compile(r"[0-9]{1,2}"), "15", range(24)),
    ("", re.compile(r":"), ":", None),
    ("minute", re.compile(r"[0-9]{2}"), "04", range(60)),
    ("", re.compile(r":"), ":", None),
    ("second", re.compile(r"[0-9]{2}"), "05", range(60)),
)
_ANY_FRACTION = re.compile(r"(?:[.,][0-9]+)?")
_SIX_DIGITS = re.compile(r"[.,][0-9]{6}")
_ZONE = re.compile(r"Z|([+-])([0-9]{2}):([0-9]{2})")

NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
"""What each unit of a duration comes to."""

_AMOUNT = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^.0-9]*)")
_MOST = 1 << 63
"""Nanoseconds of the longest duration, which is negative."""

_TOO_LONG = 20
"""Digits of a number that is beyond that for sure."""


class GoTimeError(ValueError):
    """It is no time, or no duration; the message says why in Go's words."""


@attrs.frozen
class GoTime:
    """A time in UTC.

    Attributes:
        year: any.
        rest: all but its year, in another year that has the same calendar.
    """

    year: int
    rest: datetime

    @property
    def seconds(self) -> int:
        """Since 1970, without what is left of a second."""
        cycles = (self.year - self.rest.year) // _CYCLE
        return (self.rest - _EPOCH) // timedelta(seconds=1) + cycles * _SECONDS_PER_CYCLE

    @property
    def is_zero(self) -> bool:
        """Whether it is what Go has for no time."""
        return self.year == 1 and self.rest == datetime(self.rest.year, 1, 1, tzinfo=UTC)

    def text(self, *, has_micros: bool = False) -> str:
        """As the server writes it."""
        sign = "-" if self.year < 0 else ""
        layout = "-%m-%dT%H:%M:%S.%fZ" if has_micros else "-%m-%dT%H:%M:%SZ"
        return f"{sign}{abs(self.year):04d}{self.rest.strftime(layout)}"


def read_time(text: str, layout: str = SECONDS) -> GoTime:
    """Read what somebody sent.

    Args:
        text: any.
        layout: `SECONDS`, which takes any fraction, or `MICROS`, which wants six digits of it.

    Raises:
        GoTimeError: it is no time.
    """
    at, found = 0, {"year": 0}
    for name, pattern, shown, allowed in _PARTS:
        match = pattern.match(text, at)
        if match is None:
            raise _cannot_parse(text, layout, at, shown)
        if name:
            found[name] = int(match.group())
        if allowed is not None and found[name] not in allowed:
            raise _out_of_range(text, name)
        at = match.end()
    fraction = (_SIX_DIGITS if layout == MICROS else _ANY_FRACTION).match(text, at)
    if fraction is None:
        raise _cannot_parse(text, layout, at, ".000000")
    zone = _ZONE.match(text, fraction.end())
    if zone is None:
        raise _cannot_parse(text, layout, fraction.end(), "Z07:00")
    east = _offset(text, zone)
    if zone.end() < len(text):
        raise GoTimeError(f"parsing time {_quoted(text)}: extra text: {_quoted(text[zone.end() :])}")
    micros = int(fraction.group()[1:7].ljust(6, "0"))
    year = found.pop("year")
    try:
        local = datetime(_FIRST + year % _CYCLE, **found, microsecond=micros, tzinfo=UTC)
    except ValueError as error:
        raise _out_of_range(text, "day") from error
    rest = local - east
    return GoTime(year + rest.year - local.year, rest)


def stored_time(text: str) -> GoTime:
    """A time that the server wrote.

    Raises:
        ValueError: it is none.
    """
    match = _STORED.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time that this server writes")
    year = int(match[1])
    return GoTime(year, datetime.fromisoformat(f"{_FIRST + year % _CYCLE}{match[2]}"))


def moment(text: str | None) -> datetime:
    """A time that the server wrote, or the nearest to it that can be reckoned with for some centuries more.

    Args:
        text: None is Go's zero time, which lies long ago.

    Raises:
        ValueError: it is none.
    """
    if text is None:
        return _LONG_AGO
    time = stored_time(text)
    year = min(max(time.year, 1_000), 9_000)
    return time.rest.replace(year=year) if year == time.year else datetime(year, 1, 1, tzinfo=UTC)


def seconds_as_duration(seconds: int) -> timedelta:
    """What ``time.Second * time.Duration(seconds)`` comes to: nanoseconds that turn over in 64 bits."""
    nanos = (seconds * 10**9 + (1 << 63)) % (1 << 64) - (1 << 63)
    return timedelta(microseconds=nanos // 1000)


def read_duration(text: str) -> int:
    """The nanoseconds that a text such as "-1h2.5s" stands for, as time.ParseDuration reads it.

    Raises:
        GoTimeError: it is no duration, or more than 63 bits hold.
    """
    sign, left = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if left == "0":
        return 0
    total, at = 0, 0
    while at < len(left) or not left:
        match = _AMOUNT.match(left, at)
        if match is None or not (match[1] or match[2]):
            raise _no_duration(text)
        total += _nanos(text, match)
        if total > _MOST:
            raise _no_duration(text)
        at = match.end()
    if total == _MOST and sign != "-":
        raise _no_duration(text)
    return -total if sign == "-" else total


def _nanos(text: str, match: re.Match[str]) -> int:
    digits = match[1].lstrip("0")
    whole = int(digits or "0") if len(digits) < _TOO_LONG else _MOST + 1
    if whole > _MOST:
        raise _no_duration(text)
    if not match[3]:
        raise GoTimeError(f"time: missing unit in duration {_quoted(text)}")
    unit = NANOSECONDS.get(match[3])
    if unit is None:
        raise GoTimeError(f"time: unknown unit {_quoted(match[3])} in duration {_quoted(text)}")
    # More digits than these are less than a nanosecond of an hour.
    fraction = (match[2] or "")[:18]
    return whole * unit + int(int(fraction or "0") * (unit / 10 ** len(fraction)))


def _no_duration(text: str) -> GoTimeError:
    return GoTimeError(f"time: invalid duration {_quoted(text)}")


def _offset(text: str, zone: re.Match[str]) -> timedelta:
    if not zone[1]:
        return timedelta()
    hours, minutes = int(zone[2]), int(zone[3])
    # Go puts up with 24 hours and 60 minutes.
    if minutes > 60:
        raise _out_of_range(text, "time zone offset minute")
    if hours > 24:
        raise _out_of_range(text, "time zone offset hour")
    east = timedelta(hours=hours, minutes=minutes)
    return east if zone[1] == "+" else -east


def _cannot_parse(text: str, layout: str, at: int, shown: str) -> GoTimeError:
    why = f"cannot parse {_quoted(text[at:])} as {_quoted(shown)}"
    return GoTimeError(f"parsing time {_quoted(text)} as {_quoted(layout)}: {why}")


def _out_of_range(text: str, what: str) -> GoTimeError:
    return GoTimeError(f"parsing time {_quoted(text)}: {what} out of range")


def _quoted(text: str) -> str:
    """As package time quotes: bytes that aren't plain are told by their numbers."""
    return '"' + "".join(map(_shown, text)) + '"'


def _shown(char: str) -> str:
    if char in ('"', "\\"):
        return f"\\{char}"
    if " " <= char < "\x80":
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))
