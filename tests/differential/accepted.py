"""Differences that are meant: what ours does otherwise, and why."""

from __future__ import annotations

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


ACCEPTED: Sequence[Accepted] = ()


def accepted_by(difference: Difference) -> str:
    """The reason for which a difference stays, "" if it doesn't."""
    return next((accepted.reason for accepted in ACCEPTED if accepted.holds_for(difference)), "")
