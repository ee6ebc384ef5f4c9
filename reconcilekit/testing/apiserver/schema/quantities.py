"""Resource quantities in their canonical form: "0.5" is "500m", "1024Mi" is "1Gi" (k8s.io/apimachinery, resource)."""

from __future__ import annotations

import functools
import re
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from reconcilekit.testing.apiserver.go_text import BEYOND, WIDE_BLANKS, whole_number
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError

# Possessive, so that no text takes longer than its length.
_PATTERN = re.compile(r"([+-]?)0*+([0-9]*+)(?:\.([0-9]*+))?+([eEinumkKMGTP]*+(?:[+-])?+[0-9]*+)")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIXES = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_NANO = -9
_MILLI = -3
_MOST = 2**63 - 1
"""What 64 bits hold, and what a quantity with a binary suffix comes to at most."""

_FEW = 18
"""Digits of what the real server keeps in 64 bits."""

_LARGEST = 10_000
"""Exponents and digits that are worked with; the real server takes more, and soon takes a minute for it."""

_REMEMBERED = 64
"""Characters of the quantities that are remembered; longer ones would fill the memory."""

MALFORMED = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_NOT_NUMERIC = "unable to parse numeric part of quantity"


class _Amount(NamedTuple):
    """A quantity as the real server has it.

    Attributes:
        value: times ten to the power of `scale`.
        form: "decimal", "binary" or "exponent", which is how it is written.
        is_small: true of what is kept in 64 bits, which is reckoned with in another way.
        text: what is written of it, "" where that is the canonical form.
    """

    value: int
    scale: int
    form: str
    is_small: bool
    text: str = ""


def parse_quantity(text: object) -> Fraction:
    """What it comes to, rounded up to the nano.

    Raises:
        DecodeError: it is no quantity.
    """
    value, scale, *_ = _read(text)
    return Fraction(value * 10**scale) if scale >= 0 else Fraction(value, 10**-scale)


def whole_value(text: object, *, millis: bool = False) -> int:
    """What Go's ``Value`` or ``MilliValue`` makes of it: rounded up, and turned over or 0 where 64 bits don't hold it.

    Raises:
        DecodeError: it is no quantity.
    """
    value, scale, _, is_small, _ = _read(text)
    shift = scale - (_MILLI if millis else 0)
    if shift < 0:
        return _turned_over(_divided(value, -shift) if is_small else -(-value // 10**-shift))
    whole: int = value * pow(10, shift, 2**64)
    # Go multiplies at once by the powers that it minds, and else step by step for as long as it holds.
    if is_small and shift not in (0, 1, 2, 3, 6, 9) and (shift > _FEW or abs(value) * 10**shift > _MOST):
        return 0
    return _turned_over(whole)


def canonical_quantity(text: object, *, rounds_to_milli: bool = False) -> str:
    """The form in which the server writes it; amounts of resources are rounded up to the milli.

    Raises:
        DecodeError: it is no quantity.
    """
    if type(text) is str and len(text) <= _REMEMBERED:
        return _remembered(text, rounds_to_milli)
    return _canonical(text, rounds_to_milli)


@functools.lru_cache(maxsize=1024)
def _remembered(text: str, rounds_to_milli: bool) -> str:
    return _canonical(text, rounds_to_milli)


def _canonical(text: object, rounds_to_milli: bool) -> str:
    amount = _read(text)
    value, scale = amount.value, amount.scale
    if rounds_to_milli and scale < _MILLI:
        value, scale = _divided(value, _MILLI - scale), _MILLI
    elif amount.text:
        return amount.text
    if value == 0:
        return "0"
    if amount.form == "binary":
        whole, rest = (value * 10**scale, 0) if scale >= 0 else divmod(value, 10**-scale)
        if not rest and abs(whole) >= 1024:
            return _binary(whole)
    while value % 10 == 0:
        value, scale = value // 10, scale + 1
    value, scale = value * 10 ** (scale % 3), scale - scale % 3
    if amount.form == "exponent":
        return f"{_digits(value)}e{scale}" if scale else _digits(value)
    # There is no suffix for what is larger, and the real server leaves it away.
    return f"{_digits(value)}{_SUFFIXES.get(scale, '')}"


def _read(text: object) -> _Amount:
    if type(text) is not str:
        raise DecodeError(MALFORMED)
    return _read_short(text) if len(text) <= _REMEMBERED else _read_text(text)


def _read_text(told: str) -> _Amount:
    text = told.strip(WIDE_BLANKS)
    found = _PATTERN.fullmatch(text) if text else None
    if found is None:
        raise DecodeError(MALFORMED)
    sign, number, fraction, suffix = found[1], found[2] or "0", found[3] or "", found[4]
    form, exponent = _suffix(suffix)
    digits = number + fraction
    if len(digits) > _LARGEST:
        raise DecodeError(_NOT_NUMERIC)
    value = int(digits) if len(digits) <= _FEW else int(Decimal(digits))
    negative = -value if sign == "-" else value
    if form == "binary":
        amount = _read_binary(text, negative, number, fraction, exponent)
    else:
        amount = _read_decimal(text, negative, digits, form, exponent - len(fraction))
    if not (amount.is_small or value or re.search("[0-9]", text.removesuffix(suffix))):
        raise DecodeError(_NOT_NUMERIC)
    return amount


_read_short = functools.lru_cache(maxsize=1024)(_read_text)


def _read_decimal(text: str, value: int, digits: str, form: str, scale: int) -> _Amount:
    if len(digits) <= _FEW and scale >= _NANO:
        is_written = scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"
        return _Amount(value, scale, form, is_small=True, text=text if is_written else "")
    return _Amount(*_to_nano(value, scale), form, is_small=False)


def _read_binary(text: str, value: int, number: str, fraction: str, exponent: int) -> _Amount:
    whole = value << exponent
    if not fraction and 15 - len(number) - exponent * 3 // 10 - 1 >= 0 and abs(whole) <= _MOST:
        return _Amount(whole, 0, "binary", is_small=True, text=text if value & 7 else "")
    scaled, scale = _to_nano(whole, -len(fraction))
    if abs(scaled) > _MOST * 10**-scale:
        scaled, scale = (_MOST if scaled > 0 else -_MOST), 0
    form = "decimal" if abs(scaled) < 10**-scale else "binary"
    return _Amount(scaled, scale, form, is_small=False)


def _suffix(suffix: str) -> tuple[str, int]:
    """How it is written, and by which power it is meant."""
    if suffix in _DECIMAL:
        return "decimal", _DECIMAL[suffix]
    if suffix in _BINARY:
        return "binary", 10 * _BINARY.index(suffix)
    exponent = whole_number(suffix[1:]) if suffix[0] in "eE" else None
    if exponent is None or not -_LARGEST <= exponent <= _LARGEST:
        raise DecodeError("unable to parse quantity's suffix")
    return "exponent", exponent


def _to_nano(value: int, scale: int) -> tuple[int, int]:
    return (value, scale) if scale >= _NANO else (_divided(value, _NANO - scale), _NANO)


def _divided(value: int, power: int) -> int:
    """A number without its last digits, rounded away from 0."""
    whole: int = -(-abs(value) // 10**power)
    return -whole if value < 0 else whole


def _turned_over(value: int) -> int:
    """What is left of a number in 64 bits."""
    return (value + 2**63) % 2**64 - 2**63


def _binary(value: int) -> str:
    step = 0
    while value % 1024 == 0 and step < len(_BINARY) - 1:
        value, step = value // 1024, step + 1
    return f"{value}{_BINARY[step]}"


def _digits(value: int) -> str:
    return f"{Decimal(value):f}" if abs(value) > BEYOND else str(value)
