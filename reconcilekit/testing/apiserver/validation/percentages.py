"""Numbers of Pods, and shares of them such as "25%"."""

from __future__ import annotations

import re

from reconcilekit.testing.apiserver.go_text import whole_number
from reconcilekit.testing.apiserver.validation.causes import Found, invalid, not_negative

_PERCENT = re.compile("[0-9]+%")
_PERCENT_RULE = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)


def share_causes(value: int | str, field: str) -> Found:
    """What is wrong with a number or a share."""
    if isinstance(value, int):
        yield from not_negative(field, value)
    elif not _PERCENT.fullmatch(value):
        yield invalid(field, value, _PERCENT_RULE)


def most_causes(value: int | str, field: str) -> Found:
    """What is wrong with a share of more than there is."""
    if isinstance(value, str) and share(value) > 100:
        yield invalid(field, value, "must not be greater than 100%")


def share(value: int | str) -> int:
    """A number, or how many hundredths; -1 of what is neither."""
    if isinstance(value, int):
        return value
    found = whole_number(value[:-1]) if _PERCENT.fullmatch(value) else None
    return -1 if found is None else found


def known_share(value: int | str) -> int:
    """The same, and 0 of what is neither."""
    return value if isinstance(value, int) else max(share(value), 0)
