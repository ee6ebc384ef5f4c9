"""Resource quantities in their canonical form: "0.5" is "500m", "1024Mi" is "1Gi" (k8s.io/apimachinery, resource)."""

from __future__ import annotations

import functools
import re
from decimal import Decimal
from fractions import Fraction

from reconcilekit.testing.apiserver.go_text import BEYOND, whole_number
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError

_PATTERN = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([eE][+-]?[0-9]+|[numkMGTPE]?|[KMGTPE]i)")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIXES = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_MILLI = Fraction(1, 1000)
_NANO = Fraction(1, 10**9)
_MOST = 2**63 - 1
"""What a quantity with a binary suffix comes to at most, as the real server caps it."""

_LARGEST = 10_000
"""Exponents that are worked with; the real server takes larger ones, where it doesn't work with them either."""

_MALFORMED = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


def parse_quantity(text: object) -> Fraction:
    """What it comes to, rounded up to the nano.

    Raises:
        DecodeError: it is no quantity.
    """
    return _parsed(text) if isinstance(text, str) else _parse(text)


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> Fraction:
    return _parse(text)


def _parse(text: object) -> Fraction:
    number, suffix = _split(text)
    # By way of a decimal, which has no limit of digits.
    mantissa = Fraction(Decimal(number))
    if suffix in _BINARY[1:]:
        exact = max(min(mantissa * (1 << 10 * _BINARY.index(suffix)), Fraction(_MOST)), Fraction(-_MOST))
    elif suffix[:1] in ("e", "E") and len(suffix) > 1:
        exact = mantissa * _power(_exponent(suffix[1:]))
    else:
        exact = mantissa * _power(_DECIMAL[suffix])
    nanos = exact / _NANO
    whole = -(-nanos.numerator // nanos.denominator) if nanos >= 0 else nanos.numerator // nanos.denominator
    return whole * _NANO


@functools.lru_cache(maxsize=1024)
def canonical_quantity(text: str, *, rounds_to_milli: bool = False) -> str:
    """The form in which the server writes it; amounts of resources are rounded up to the milli.

    Raises:
        DecodeError: it is no quantity.
    """
    _, suffix = _split(text)
    value = parse_quantity(text)
    if rounds_to_milli:
        value = -(-value * 1000 // 1) * _MILLI
    if value == 0:
        return "0"
    if suffix in _BINARY[1:]:
        if abs(value) < 1024 or value.denominator != 1:
            return _decimal(value) if value.denominator != 1 else str(value)
        return _binary(value.numerator)
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        return _scientific(value)
    return _decimal(value)


def _exponent(text: str) -> int:
    exponent = whole_number(text)
    if exponent is None or not -_LARGEST <= exponent <= _LARGEST:
        raise DecodeError("unable to parse quantity's suffix")
    return exponent


def _split(text: object) -> tuple[str, str]:
    found = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise DecodeError(_MALFORMED)
    return found[1], found[2]


def _binary(value: int) -> str:
    step = 0
    while value % 1024 == 0 and step < len(_BINARY) - 1:
        value, step = value // 1024, step + 1
    return f"{value}{_BINARY[step]}"


def _decimal(value: Fraction) -> str:
    exponent = _largest_exponent(value)
    return f"{_digits(_scaled(value, exponent))}{_SUFFIXES[exponent]}"


def _scientific(value: Fraction) -> str:
    exponent = _largest_exponent(value)
    while exponent >= max(_SUFFIXES) and (value / _power(exponent + 3)).denominator == 1:
        exponent += 3
    return f"{_digits(_scaled(value, exponent))}{f'e{exponent}' if exponent else ''}"


def _largest_exponent(value: Fraction) -> int:
    return next(e for e in sorted(_SUFFIXES, reverse=True) if (value / _power(e)).denominator == 1)


def _scaled(value: Fraction, exponent: int) -> int:
    return (value / _power(exponent)).numerator


def _digits(value: int) -> str:
    return f"{Decimal(value):f}" if abs(value) > BEYOND else str(value)


def _power(exponent: int) -> Fraction:
    return Fraction(10**exponent) if exponent >= 0 else Fraction(1, 10**-exponent)
