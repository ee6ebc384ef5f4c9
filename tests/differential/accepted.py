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


_TYPED = "failed to create typed patch object"


def _is_apply_with_mistakes(difference: Difference) -> bool:
    """Both refuse the same object for its types, and ours tells the real one's mistakes, of several."""
    if difference.path != "message":
        return False
    (head, real), (other, ours) = (_mistakes(str(text)) for text in (difference.real, difference.ours))
    return head.startswith(_TYPED) and head == other and real <= ours and len(ours) > 1


def _mistakes(message: str) -> tuple[str, frozenset[str]]:
    """What was refused, and what is wrong with it: one mistake, or a line for each."""
    head, _, told = message.partition("): ")
    lines = told.removeprefix("errors:").split("\n")
    return head, frozenset(line.strip() for line in lines if line.strip())


def _is_before_the_start(difference: Difference) -> bool:
    is_first = difference.step.method == "GET" and difference.step.query.get("resourceVersion") == "1"
    too_old = "410 Expired: The resourceVersion for the provided list is too old."
    return is_first and difference.real == "200" and str(difference.ours).startswith(too_old)


def _is_panic(difference: Difference) -> bool:
    is_write = difference.step.is_write and difference.step.plural == "services"
    is_refused = str(difference.ours).startswith("422 Invalid: Service ")
    return is_write and is_refused and difference.real == "0 closed"


ACCEPTED: Sequence[Accepted] = (
    Accepted(
        reason=(
            "Of several mistakes in an applied configuration, the real server tells some, in an order that hangs on "
            "that of Go's maps; ours tells all that it finds, in the configuration's order."
        ),
        holds_for=_is_apply_with_mistakes,
    ),
    Accepted(
        reason=(
            "A list at resourceVersion 1 is too old for ours, which has no past before its start; a real server has it "
            "until its etcd is compacted."
        ),
        holds_for=_is_before_the_start,
    ),
    Accepted(
        reason=(
            "An update that makes a Service headless and takes its selector away is refused; where its policy was "
            "PreferDualStack, the real server panics, as it has one family, and closes the connection."
        ),
        holds_for=_is_panic,
    ),
)
"""What docs/apiserver.md lists, in its order and its words."""


def accepted_by(difference: Difference) -> str:
    """The reason for which a difference stays, "" if it doesn't."""
    return next((accepted.reason for accepted in ACCEPTED if accepted.holds_for(difference)), "")
