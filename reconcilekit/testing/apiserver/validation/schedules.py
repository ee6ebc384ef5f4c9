"""A CronJob's schedule: read, refused and reckoned as github.com/robfig/cron's standard parser does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo

import attrs

from reconcilekit.testing.apiserver.go_text import whole_number
from reconcilekit.testing.apiserver.go_times import GoTimeError, read_duration

_MONTHS = {"janfebmaraprmayjunjulaugsepoctnovdec"[i : i + 3]: i // 3 + 1 for i in range(0, 36, 3)}
_DAYS = {"sunmontuewedthufrisat"[i : i + 3]: i // 3 for i in range(0, 21, 3)}
_YEARS = 5
"""How far the next time is looked for: February 29th comes every four."""

_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class ScheduleError(ValueError):
    """It is no schedule; the message says why in Go's words."""


@attrs.frozen(kw_only=True)
class Schedule:
    """When something is to be done.

    Attributes:
        minutes: of an hour; hours, days and months likewise.
        weekdays: 0 is Sunday.
        needs_both: a day must be right by month and by week; else one of them is enough.
        zone: whose clock it is.
        every: seconds between two times, instead of all this; 0 for none.
    """

    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    needs_both: bool = True
    zone: tzinfo = UTC
    every: float = 0.0

    def next(self, after: datetime) -> datetime | None:
        """The first time later than `after`, in UTC; None where there is none for years."""
        if self.every:
            return after.replace(microsecond=0) + timedelta(seconds=self.every)
        first = after.astimezone(self.zone).date()
        for offset in range(366 * _YEARS):
            day = first + timedelta(days=offset)
            if not self._is_on(day):
                continue
            for found in self._times(day):
                if found > after:
                    return found
        return None

    def _is_on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_month and by_week if self.needs_both else by_month or by_week

    def _times(self, day: date) -> Iterator[datetime]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
                found = local.astimezone(UTC)
                # An hour that the clock skips isn't there.
                if found.astimezone(self.zone).hour == hour:
                    yield found


def parse(text: str, zone: str = "") -> Schedule:
    """Read a schedule.

    Args:
        text: five fields, or a descriptor such as "@hourly".
        zone: the name of a time zone, "" for UTC.

    Raises:
        ScheduleError: it is none.
    """
    if not text:
        raise ScheduleError("empty spec string")
    if text.startswith(("TZ=", "CRON_TZ=")):
        told, space, text = text.partition(" ")
        if not space:
            # The real server's parser stumbles here.
            raise ScheduleError("invalid schedule format: runtime error: slice bounds out of range [:-1]")
        zone, text = told.partition("=")[2], text.strip()
        if find_zone(zone) is None:
            raise ScheduleError(f"provided bad location {zone}: unknown time zone {zone}")
    location = find_zone(zone) or UTC
    if text.startswith("@"):
        every = _every(text)
        if every:
            return Schedule(every=every)
        if text not in _DESCRIPTORS:
            raise ScheduleError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    fields = text.split()
    if len(fields) != 5:
        raise ScheduleError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours, days, months, weekdays = fields
    days_set, any_day = _field(days, 1, 31)
    weekdays_set, any_weekday = _field(weekdays, 0, 6, _DAYS)
    return Schedule(
        minutes=_field(minutes, 0, 59)[0],
        hours=_field(hours, 0, 23)[0],
        days=days_set,
        months=_field(months, 1, 12, _MONTHS)[0],
        weekdays=weekdays_set,
        needs_both=any_day or any_weekday,
        zone=location,
    )


def find_zone(name: str) -> tzinfo | None:
    """A time zone by its name, None where nobody knows it."""
    if name in ("", "UTC"):
        return UTC
    # Most schedules are in UTC, and need none of this.
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _every(text: str) -> float:
    if not text.startswith("@every "):
        return 0.0
    try:
        nanos = read_duration(text.removeprefix("@every "))
    except GoTimeError as error:
        raise ScheduleError(f"failed to parse duration {text}: {error}") from error
    # Less than a second is rounded up to one.
    return float(max(nanos // 10**9, 1))


def _field(text: str, low: int, high: int, names: Mapping[str, int] | None = None) -> tuple[frozenset[int], bool]:
    """The numbers that a field stands for, and whether it stands for all of them by a star."""
    found: set[int] = set()
    is_star = False
    for part in filter(None, text.split(",")):
        numbers, starred = _range(part, low, high, names or {})
        found.update(numbers)
        is_star |= starred
    return frozenset(found), is_star


def _range(part: str, low: int, high: int, names: Mapping[str, int]) -> tuple[range, bool]:
    bounds, *steps = part.split("/")
    ends = bounds.split("-")
    is_star = ends[0] in ("*", "?")
    start, end = low, high
    if not is_star:
        start = end = _number(ends[0], names)
        if len(ends) > 2:
            raise ScheduleError(f"too many hyphens: {part}")
        if len(ends) == 2:
            end = _number(ends[1], names)
    if len(steps) > 1:
        raise ScheduleError(f"too many slashes: {part}")
    step = 1
    if steps:
        step = _number(steps[0], {})
        end = high if len(ends) == 1 else end
    if start < low:
        raise ScheduleError(f"beginning of range ({start}) below minimum ({low}): {part}")
    if end > high:
        raise ScheduleError(f"end of range ({end}) above maximum ({high}): {part}")
    if start > end:
        raise ScheduleError(f"beginning of range ({start}) beyond end of range ({end}): {part}")
    if step == 0:
        raise ScheduleError(f"step of range should be a positive number: {part}")
    return range(start, end + 1, step), is_star and step == 1


def _number(text: str, names: Mapping[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    value = whole_number(text)
    if value is None:
        raise ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    if not -(1 << 63) <= value < 1 << 63:
        raise ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": value out of range')
    if value < 0:
        raise ScheduleError(f"negative number ({value}) not allowed: {text}")
    return value
