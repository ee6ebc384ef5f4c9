"""Quantities are read and written as a real kube-apiserver v1.37.2 reads and writes them."""

from __future__ import annotations

import time
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from reconcilekit.testing.apiserver.schema.mistakes import DecodeError
from reconcilekit.testing.apiserver.schema.quantities import canonical_quantity, parse_quantity, whole_value

PODS = "/api/v1/namespaces/default/pods"
MALFORMED = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NOT_NUMERIC = "unable to parse numeric part of quantity"
NO_SUFFIX = "unable to parse quantity's suffix"


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1024Ki", "1Mi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("1000", "1k"),
        ("10000", "10k"),
        # What is in its canonical form, or nearly so, is written as it came.
        ("+1", "+1"),
        ("5.", "5."),
        ("007", "007"),
        ("1e0", "1e0"),
        ("1e3", "1e3"),
        ("5.Ki", "5.Ki"),
        ("1e4", "10e3"),
        ("15e-1", "1500e-3"),
        # Blanks around it, but not those that JSON escapes.
        (" 5Gi", "5Gi"),
        ("1 ", "1"),
        ("\u00a05", "5"),
        # There is no suffix above "E", which leaves none.
        ("1000E", "1"),
        ("1000000000000000000000", "1"),
        ("9Ei", "9223372036854775807"),
        ("0.0000000001", "1n"),
        ("-0.0000000001", "-1n"),
        ("1e-9999", "1e-9"),
        ("+", "0"),
        (".", "0"),
        ("1e9999", "1e9999"),
    ],
)
def test_it_is_written_as_go_does(told: str, written: str) -> None:
    assert canonical_quantity(told) == written


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("", MALFORMED),
        (" ", MALFORMED),
        ("5Gi\n", MALFORMED),
        ("1.2.3", MALFORMED),
        ("٣", MALFORMED),
        ([], MALFORMED),
        ({}, MALFORMED),
        (None, MALFORMED),
        ("1KK", NO_SUFFIX),
        ("1-5", NO_SUFFIX),
        ("1e", NO_SUFFIX),
        ("+Pi", NOT_NUMERIC),
        (".e-30", NOT_NUMERIC),
    ],
)
def test_what_is_none_is_refused(told: object, why: str) -> None:
    with pytest.raises(DecodeError) as refused:
        canonical_quantity(told)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("told", "value", "millis"),
    [
        ("1500m", 2, 1500),
        ("-1500m", -2, -1500),
        ("1n", 1, 1),
        ("1e10", 10**10, 10**13),
        ("1e400", 0, 0),
        ("9223372036854776", 9223372036854776, -9223372036854775616),
        ("12345678901234567890123", 4807115922877859019, -7484280360333952776),
    ],
)
def test_64_bits_hold_some_of_it(told: str, value: int, millis: int) -> None:
    assert (whole_value(told), whole_value(told, millis=True)) == (value, millis)


@hypothesis.given(
    st.integers(-(10**30), 10**30), st.sampled_from(["", "n", "u", "m", "k", "M", "Ki", "Mi", "e3", "e-5"])
)
def test_the_canonical_form_stays(number: int, suffix: str) -> None:
    written = canonical_quantity(f"{number}{suffix}")
    hypothesis.assume(abs(parse_quantity(f"{number}{suffix}")) < 10**18)
    assert canonical_quantity(written) == written
    assert parse_quantity(written) == parse_quantity(f"{number}{suffix}")


@pytest.mark.parametrize(
    "told", ["1e9999", "1e-9999", "9" * 10_000, "0" * 200_000 + "x", "E" * 200_000, "9" * 3_000_000]
)
def test_none_takes_long(told: str) -> None:
    before = time.process_time()
    for forms in (False, True):
        try:
            canonical_quantity(told, rounds_to_milli=forms)
        except DecodeError:
            continue
    assert time.process_time() - before < 5


@pytest.mark.parametrize("amount", [[], {}, [1], {"a": []}])
def test_a_list_or_map_is_none(on_server: Any, amount: object) -> None:
    async def scenario(call: Any) -> None:
        container = {"name": "c", "image": "i", "resources": {"limits": {"cpu": amount}}}
        pod = {"metadata": {"name": "p"}, "spec": {"containers": [container]}}
        refused = await call("POST", PODS, pod)
        assert (refused.status, refused.message.endswith(MALFORMED)) == (400, True)
        container["resources"] = {}
        assert (await call("POST", PODS, pod)).status == 201
        container["resources"] = {"limits": {"cpu": amount}}
        for patch in ("merge", "strategic"):
            refused = await call("PATCH", f"{PODS}/p", {"spec": {"containers": [container]}}, patch=patch)
            assert (refused.status, MALFORMED in refused.message) == (422, True), patch

    on_server(scenario)
