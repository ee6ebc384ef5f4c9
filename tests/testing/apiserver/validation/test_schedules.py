"""Schedules: the next time, and what is refused in which words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconcilekit.testing.apiserver.validation import schedules


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        ("* * * * *", "", "2025-01-01T00:00:00", "2025-01-01T00:01:00"),
        ("*/15 * * * *", "", "2025-01-01T00:14:59", "2025-01-01T00:15:00"),
        ("5/20 * * * *", "", "2025-01-01T00:26:00", "2025-01-01T00:45:00"),
        ("0 9-17/4 * * mon-FRI", "", "2025-01-03T17:00:00", "2025-01-06T09:00:00"),
        ("30 6 1,15 * *", "", "2025-01-01T06:30:00", "2025-01-15T06:30:00"),
        ("0 0 29 feb ?", "", "2025-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 13 * 5", "", "2025-06-07T00:00:00", "2025-06-13T00:00:00"),
        ("0 0 1 * 1", "", "2025-01-01T00:00:00", "2025-01-06T00:00:00"),
        ("0 0 */2 * 1", "", "2025-01-01T00:00:00", "2025-01-03T00:00:00"),
        ("@hourly", "", "2025-01-01T00:30:00", "2025-01-01T01:00:00"),
        ("@weekly", "", "2025-01-01T00:00:00", "2025-01-05T00:00:00"),
        ("@every 1h30m", "", "2025-01-01T00:00:07", "2025-01-01T01:30:07"),
        ("@every -1h", "", "2025-01-01T00:00:07", "2025-01-01T00:00:08"),
        ("@every +1h1.9s", "", "2025-01-01T00:00:07", "2025-01-01T01:00:08"),
        ("@every 0", "", "2025-01-01T00:00:07", "2025-01-01T00:00:08"),
        ("0 9 * * *", "Europe/Berlin", "2025-07-01T00:00:00", "2025-07-01T07:00:00"),
        ("30 2 * * *", "Europe/Berlin", "2025-03-29T12:00:00", "2025-03-31T00:30:00"),
        ("TZ=America/New_York 0 0 * * *", "", "2025-01-01T00:00:00", "2025-01-01T05:00:00"),
    ],
)
def test_the_next_time(text: str, zone: str, after: str, expected: str) -> None:
    schedule = schedules.parse(text, zone)
    assert schedule.next(datetime.fromisoformat(after).replace(tzinfo=UTC)) == datetime.fromisoformat(expected).replace(
        tzinfo=UTC
    )


def test_there_may_be_no_next_time() -> None:
    assert schedules.parse("0 0 31 2 *").next(datetime(2025, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@often", "unrecognized descriptor: @often"),
        ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
        ("@every 99999999999h", 'failed to parse duration @every 99999999999h: time: invalid duration "99999999999h"'),
        ("TZ=Nowhere/Here * * * * *", "provided bad location Nowhere/Here: unknown time zone Nowhere/Here"),
    ],
)
def test_what_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(schedules.ScheduleError) as caught:
        schedules.parse(text)
    assert str(caught.value) == message
