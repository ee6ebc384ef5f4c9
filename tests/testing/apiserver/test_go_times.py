"""Times and durations: what Go's package time takes, in which words it refuses, and how far it reckons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.testing.apiserver.go_times import (
    MICROS,
    GoTimeError,
    moment,
    read_duration,
    read_time,
    seconds_as_duration,
    stored_time,
)


@pytest.mark.parametrize(
    ("text", "expected", "seconds"),
    [
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z", 1709208000),
        ("2024-01-01T4:00:00.123456789123+00:30", "2024-01-01T03:30:00Z", 1704079800),
        ("2024-01-01T00:00:00,5Z", "2024-01-01T00:00:00Z", 1704067200),
        ("2024-01-01T00:00:00+24:60", "2023-12-30T23:00:00Z", 1703977200),
        ("0001-01-01T00:00:00+01:00", "0000-12-31T23:00:00Z", -62135600400),
        ("0000-01-01T00:00:00+01:00", "-0001-12-31T23:00:00Z", -62167222800),
        ("9999-12-31T23:59:59-01:00", "10000-01-01T00:59:59Z", 253402304399),
    ],
)
def test_times_of_all_years_are_read_and_written(text: str, expected: str, seconds: int) -> None:
    time = read_time(text)

    assert (time.text(), time.seconds) == (expected, seconds)
    assert stored_time(time.text()).seconds == seconds


@pytest.mark.parametrize(
    ("text", "layout", "why"),
    [
        ("2024-13-01T24:00:00x", "", "month out of range"),
        ("2024-01-01T24:00:00Z", MICROS, "hour out of range"),
        ("2023-02-29T00:00:00Z", "", "day out of range"),
        ("2024-01-01T00:00:00+25:00", "", "time zone offset hour out of range"),
        ("2024-01-01T00:00:00+23:61", "", "time zone offset minute out of range"),
        ("2024-01-32T00:00:00Zx", "", 'extra text: "x"'),
    ],
)
def test_what_is_out_of_range_is_refused(text: str, layout: str, why: str) -> None:
    with pytest.raises(GoTimeError) as caught:
        read_time(text, layout)
    assert str(caught.value) == f'parsing time "{text}": {why}'


def test_what_cant_be_parsed_is_quoted_in_bytes() -> None:
    with pytest.raises(GoTimeError) as caught:
        read_time("2024-٣", MICROS)
    told = 'parsing time "2024-\\xd9\\xa3" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "\\xd9\\xa3" as "01"'
    assert str(caught.value) == told


@given(st.datetimes(), st.integers(-1439, 1439))
def test_a_zone_makes_no_difference_to_the_moment(local: datetime, east: int) -> None:
    sign, minutes = ("-" if east < 0 else "+"), abs(east)
    time = read_time(f"{local:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f"{sign}{minutes // 60:02d}:{minutes % 60:02d}")

    plain = read_time(f"{local:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + "Z")
    assert time.seconds == plain.seconds - east * 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-06T07:08:09Z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("10000-05-06T07:08:09Z", datetime(9000, 1, 1, tzinfo=UTC)),
        ("-0001-05-06T07:08:09Z", datetime(1000, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_is_reckoned_with_stays_within_what_can_be_reckoned(text: str, expected: datetime) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (30, timedelta(seconds=30)),
        (2**63 - 1, timedelta(seconds=-1)),
        (2**62, timedelta()),
        (99_999_999_999, timedelta(days=89_887, seconds=42_830, microseconds=452_241)),
    ],
)
def test_seconds_turn_over_in_64_bits_of_nanoseconds(seconds: int, expected: timedelta) -> None:
    assert seconds_as_duration(seconds) == expected


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0", 0),
        ("-0", 0),
        ("+5s", 5 * 10**9),
        ("-1h2.5s", -3_602_500_000_000),
        ("1.5µs", 1500),
        (".5ms1.ns", 500_001),
        ("2562047h", 2562047 * 3600 * 10**9),
        ("9223372036854775807ns", 2**63 - 1),
        ("-9223372036854775808ns", -(2**63)),
        ("0." + "3" * 400 + "s", 333_333_333),
    ],
)
def test_durations_are_read(text: str, nanos: int) -> None:
    assert read_duration(text) == nanos


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", 'invalid duration ""'),
        ("+", 'invalid duration "+"'),
        ("1", 'missing unit in duration "1"'),
        ("1d", 'unknown unit "d" in duration "1d"'),
        (".s", 'invalid duration ".s"'),
        ("1é", 'unknown unit "\\xc3\\xa9" in duration "1\\xc3\\xa9"'),
        ("2562048h", 'invalid duration "2562048h"'),
        ("9223372036854775808ns", 'invalid duration "9223372036854775808ns"'),
        ("9" * 5000 + "h", 'invalid duration "' + "9" * 5000 + 'h"'),
    ],
)
def test_what_is_no_duration_is_refused_in_the_words_of_go(text: str, why: str) -> None:
    with pytest.raises(GoTimeError) as caught:
        read_duration(text)
    assert str(caught.value) == f"time: {why}"
