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


def _is_empty_map(difference: Difference) -> bool:
    told = "Invalid value: {}: `selector` does not match template `labels`"
    real, ours = str(difference.real), str(difference.ours)
    return told in real and real.replace(told, told.replace("{}", "null")) == ours


def _is_before_the_start(difference: Difference) -> bool:
    is_first = difference.step.method == "GET" and difference.step.query.get("resourceVersion") == "1"
    too_old = "410 Expired: The resourceVersion for the provided list is too old."
    return is_first and difference.real == "200" and str(difference.ours).startswith(too_old)


def _is_of_a_nameless_service(difference: Difference) -> bool:
    """The failure of one that has no name and asks for none: its message, and its one cause's parts."""
    step, told = difference.step, "Required value: name or generateName is required"
    metadata = step.body.get("metadata") if isinstance(step.body, dict) else None
    names = {"name", "generateName"} & (metadata.keys() if isinstance(metadata, dict) else set())
    parts = (told, f'Service "" is invalid: metadata.name: {told}', "metadata.name", "FieldValueRequired")
    return (step.plural, step.method, names) == ("services", "POST", set()) and difference.ours in parts


def _is_other_time(difference: Difference) -> bool:
    texts = [str(text).partition(": parsing time ")[::2] for text in (difference.real, difference.ours)]
    (real, of_real), (ours, of_ours) = texts
    return real == ours and real.startswith("failed to convert new object") and bool(of_real and of_ours)


ACCEPTED: Sequence[Accepted] = (
    Accepted(
        reason=(
            "Of several mistakes in an applied configuration, the real server tells some, in an order that hangs on "
            "that of Go's maps; ours tells all that it finds, in the configuration's order."
        ),
        holds_for=_is_apply_with_mistakes,
    ),
    Accepted(
        reason="A template's labels that are an empty map are quoted as null where they don't match the selector.",
        holds_for=_is_empty_map,
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
            "A new Service without any name is refused for that; the real server tries to give it an address first, "
            "and is refused the IPAddress."
        ),
        holds_for=_is_of_a_nameless_service,
    ),
    Accepted(
        reason=(
            "Of several times in an applied configuration that can't be read, the real server tells that whose field "
            "comes first in Go's struct; ours tells that which comes first in the configuration."
        ),
        holds_for=_is_other_time,
    ),
)
"""What docs/apiserver.md lists, in its order and its words."""


def accepted_by(difference: Difference) -> str:
    """The reason for which a difference stays, "" if it doesn't."""
    return next((accepted.reason for accepted in ACCEPTED if accepted.holds_for(difference)), "")
