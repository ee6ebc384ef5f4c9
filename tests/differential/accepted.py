"""Differences that are meant: what ours does otherwise, and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import attrs

from tests.differential.comparison import Difference


@attrs.frozen(kw_only=True)
class Accepted:
    """One difference that stays.

    Attributes:
        reason: as docs/apiserver.md has it.
        holds_for: as narrow as it can be.
    """

    reason: str
    holds_for: Callable[[Difference], bool]


_TYPED = "failed to create typed patch object"
_QUOTED_OBJECT = re.compile(r'patch: Invalid value: "\{.*\}"|^Invalid value: "\{.*\}"', re.DOTALL)


def _is_apply_with_mistakes(difference: Difference) -> bool:
    """Both refuse it for its types; which mistake is told, or told first, differs."""
    texts = (str(difference.real), str(difference.ours))
    return difference.path == "message" and all(text.startswith(_TYPED) for text in texts)


def _is_quoted_object(difference: Difference) -> bool:
    """All but the quoted object is the same."""
    real, ours = str(difference.real), str(difference.ours)
    is_quoted = all(_QUOTED_OBJECT.search(text) for text in (real, ours))
    return is_quoted and _QUOTED_OBJECT.sub("", real) == _QUOTED_OBJECT.sub("", ours)


ACCEPTED: Sequence[Accepted] = (
    Accepted(
        reason=(
            "Of several mistakes in an applied configuration, the real server tells some, in an order that hangs on "
            "that of Go's maps; ours tells all that it finds, in the configuration's order."
        ),
        holds_for=_is_apply_with_mistakes,
    ),
    Accepted(
        reason="The object that a bad patch made is quoted with its fields in another order.",
        holds_for=_is_quoted_object,
    ),
)
"""What docs/apiserver.md lists, in its order and its words."""


def accepted_by(difference: Difference) -> str:
    """The reason for which a difference stays, "" if it doesn't."""
    return next((accepted.reason for accepted in ACCEPTED if accepted.holds_for(difference)), "")
