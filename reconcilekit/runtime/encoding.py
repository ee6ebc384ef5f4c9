"""What users stage, as JSON: copied, checked and made comparable in one go, before anything is sent."""

from __future__ import annotations

from typing import Any

import msgspec

from reconcilekit.runtime.staging import StagingError


def copy_as_json(value: dict[str, Any], *, subject: str) -> dict[str, Any]:
    """A deep copy of `value` as the server will give it back: tuples have become lists, dates have become texts.

    Args:
        value: a dict of a user's.
        subject: what it is, for the error.

    Raises:
        StagingError: something in it has no JSON form.
    """
    try:
        copied: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise StagingError(f"{subject} can't be sent as JSON: {error}; stage plain values") from error
    return copied


def is_same_json(one: object, other: object) -> bool:
    """True where both say the same in JSON, to which True, 1 and 1.0 are three things."""
    return _encode(one) == _encode(other)


_encode = msgspec.json.Encoder(order="sorted").encode
