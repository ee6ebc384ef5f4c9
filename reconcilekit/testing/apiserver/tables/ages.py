"""Ages and dates in a Table's cells."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconcilekit.testing.apiserver import go_times

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365 * DAY
UNKNOWN = "<unknown>"


def age(seconds: float) -> str:
    """A length of time as `kubectl` shows it: in one or two units, two or three digits that matter."""
    left = int(seconds)
    if left < -1:
        return "<invalid>"
    if left < 2 * MINUTE:
        return f"{max(left, 0)}s"
    if left < 10 * MINUTE:
        return _pair(left, MINUTE, "m", 1, "s")
    if left < 3 * HOUR:
        return f"{left // MINUTE}m"
    if left < 8 * HOUR:
        return _pair(left, HOUR, "h", MINUTE, "m")
    if left < 2 * DAY:
        return f"{left // HOUR}h"
    if left < 8 * DAY:
        return _pair(left, DAY, "d", HOUR, "h")
    if left < 2 * YEAR:
        return f"{left // DAY}d"
    if left < 8 * YEAR:
        return _pair(left, YEAR, "y", DAY, "d")
    return f"{left // YEAR}y"


def _pair(left: int, size: int, unit: str, smaller: int, smaller_unit: str) -> str:
    count, rest = divmod(left, size)
    return f"{count}{unit}{rest // smaller}{smaller_unit}" if rest >= smaller else f"{count}{unit}"


def since(timestamp: Any, now: datetime) -> str:
    """How long ago a timestamp was, "<unknown>" where there's none."""
    then = moment(timestamp)
    return UNKNOWN if then is None else age((now - then).total_seconds())


def between(start: Any, end: Any) -> str:
    """How long it was from one timestamp to another."""
    first, last = moment(start), moment(end)
    return UNKNOWN if first is None or last is None else age((last - first).total_seconds())


def moment(timestamp: Any) -> datetime | None:
    """A timestamp's time, None where it is none."""
    if not isinstance(timestamp, str) or not timestamp:
        return None
    try:
        found = go_times.moment(timestamp)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
