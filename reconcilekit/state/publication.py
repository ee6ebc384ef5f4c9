"""The seam to consumers: who subscribes, what it is offered, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Protocol

import attrs

from reconcilekit.state.content import Diff, Entries, diff
from reconcilekit.state.quarantine import Published

Answer = Callable[["Publication", str | None, frozenset[str]], bool]


class Subscriber(Protocol):
    """Somebody who takes a scope's content: an xDS stream, a file writer, a test."""

    @property
    def name(self) -> str:
        """What verdicts and logs call it, such as a node's id."""

    def offer(self, publication: Publication) -> None:
        """Take note of `publication` and answer it later, or at once, by `ack` or `nack`.

        Called without locks, on the thread that caused it, and never while the last one is unanswered. Must not
        block: another thread's commit may be delivering. One that raises is logged and counts as unanswered. After
        its subscription was closed from another thread one more call can come; its answer is ignored.
        """


@attrs.frozen(kw_only=True, eq=False)
class Publication:
    """A whole content of a scope as it is offered to one subscriber; immutable, answered once, from any thread.

    Attributes:
        scope: the scope's name.
        version: fresh for every offer that the scope makes, also where the content was offered before: after a NACK
            a subscriber such as Envoy still reports the version before, so equal content needs a new one.
        state_version: the version of the desired content that its entries are of, those in `put_back` excepted.
        entries: the whole content.
        put_back: entries that are kept at, or left out like in, what was last accepted.
    """

    scope: str
    version: int
    state_version: int
    entries: Entries = attrs.field(repr=False)
    put_back: frozenset[str]
    content: Published = attrs.field(repr=False, alias="content")
    _acked: Entries = attrs.field(repr=False)
    _names: frozenset[str] | None = attrs.field(repr=False)
    _answer: Answer = attrs.field(repr=False)

    @cached_property
    def changed(self) -> Diff:
        """How it differs from what this subscriber accepted last; everything is added for one that is new."""
        return diff(self._acked, self.entries, names=self._names)

    def ack(self) -> bool:
        """Accept it; False if that came too late (answered before, or disconnected) and was ignored."""
        return self._answer(self, None, frozenset())

    def nack(self, reason: str, *, suspects: Iterable[str] = ()) -> bool:
        """Refuse it; what changed since the last ACK is put back, unit by unit, until the rest passes.

        Args:
            reason: the consumer's words, for people; it ends up in verdicts.
            suspects: entries that the consumer's error names: everything else is tried first, which finds the
                offender in one more publication instead of several.

        Returns:
            False if that came too late (answered before, or disconnected) and was ignored.
        """
        return self._answer(self, reason or "refused without a reason", frozenset(suspects))
