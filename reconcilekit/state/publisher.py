"""A scope's publishing: what each subscriber is offered, what its answers mean, and what is kept back."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import attrs

from reconcilekit.state.content import Entries, Entry, Veto, diff
from reconcilekit.state.desired import Desired
from reconcilekit.state.errors import StateError
from reconcilekit.state.publication import Answer, Publication, Subscriber
from reconcilekit.state.quarantine import Published, Refusal, assemble, delta_units, refuse, still_refused
from reconcilekit.state.search import OffenderSearch
from reconcilekit.state.snapshot import SubscriberState

_NO_ENTRIES: Entries = MappingProxyType({})


@attrs.define(eq=False)
class Link:
    """One subscriber's connection: what it accepted, what it is thinking about, what is tried on it.

    Attributes:
        is_good: what it accepted wasn't rolled back since it was offered.
        search: the search for what it refuses, while there is one.
        stuck_on: the content it refused with nothing left to put back, and `refusal` its words.
    """

    subscriber: Subscriber
    acked: Published | None = None
    is_good: bool = False
    in_flight: Publication | None = None
    was_nacked: bool = False
    search: OffenderSearch | None = None
    stuck_on: Published | None = None
    refusal: str = ""
    is_closed: bool = False

    def free(self) -> None:
        """Forget that it was refused for good: it may be offered anything again."""
        self.stuck_on, self.refusal = None, ""


@attrs.define(eq=False)
class Outcome:
    """What a step did to a scope, collected while it runs.

    Attributes:
        names: entries whose verdict may have changed.
        all_names: any entry's verdict may have changed.
        offers: what to give to subscribers once the lock is given back.
    """

    names: set[str] = attrs.field(factory=set)
    all_names: bool = False
    offers: list[tuple[Link, Publication]] = attrs.field(factory=list)


class Publisher:
    """The published side of one scope; every method needs the store's lock."""

    def __init__(self, desired: Desired, *, history: int, answer: Answer, log: logging.Logger) -> None:
        self.content = Published(entries=desired.entries, state_version=desired.version)
        self.links: list[Link] = []
        self.is_open = False
        self._desired = desired
        self._refusals: dict[str, Refusal] = {}
        self._good: deque[Published] = deque(maxlen=history)
        self._version = 0
        self._rolled_back_at = 0
        self._answer = answer
        self._log = log

    def refresh(self, outcome: Outcome) -> None:
        """Take over the desired content, less what is refused, and offer it to whoever is free."""
        desired = self._desired
        unit_of = desired.options.unit
        outcome.names |= self.content.put_back
        self._refusals = still_refused(self._refusals, desired.entries, unit_of=unit_of)
        self.content = assemble(
            desired.entries,
            version=desired.version,
            refusals=self._refusals,
            base=self._last_good(),
            validate=self._vetoes,
            unit_of=unit_of,
        )
        outcome.names |= self.content.put_back
        for link in self.links:
            self._advance(link, outcome)
        self._record_good()

    def connect(self, subscriber: Subscriber, outcome: Outcome) -> Link:
        """Add a subscriber and offer it the whole content."""
        link = Link(subscriber)
        self.links.append(link)
        outcome.all_names = True
        self._advance(link, outcome)
        return link

    def disconnect(self, link: Link, outcome: Outcome) -> None:
        """Forget a subscriber; what it still answers is ignored."""
        link.is_closed = True
        self.links.remove(link)
        outcome.all_names = True
        self._record_good()

    def take_answer(
        self, publication: Publication, reason: str | None, suspects: frozenset[str], outcome: Outcome
    ) -> bool:
        """Act on an ACK (`reason` is None) or NACK; False if the publication isn't in flight any more."""
        link = next((link for link in self.links if link.in_flight is publication), None)
        if link is None:
            return False
        link.in_flight = None
        outcome.names |= publication.changed.names
        link.was_nacked = reason is not None
        if reason is None:
            link.acked = publication.content
            link.is_good = publication.version > self._rolled_back_at
        if link.search is not None:
            link.search.answer(reason)
        elif reason is not None:
            link.search = self._search(link, publication.content, reason, suspects)
        if link.search is not None and link.search.probe is None:
            self._conclude(link, link.search, reason or "", outcome)
        self._advance(link, outcome)
        self._record_good()
        return True

    def roll_back(self, reason: str, to: int | None, outcome: Outcome) -> None:
        """Refuse whatever differs from an earlier accepted content, in the operator's name."""
        good = self._choose_good(to)
        while self._good[-1] is not good:
            self._good.pop()
        entries = self._desired.entries
        unit_of = self._desired.options.unit
        units = delta_units(good.entries, entries, names=good.entries.keys() | entries.keys(), unit_of=unit_of)
        self._refusals = {
            unit: refuse(unit, reason, names=names, base=good.entries, content=entries, unit_of=unit_of)
            for unit, names in units.items()
        }
        self._rolled_back_at = self._version
        for link in self.links:
            link.search, link.is_good = None, False
            link.free()
        self.refresh(outcome)

    def retry(self, names: Iterable[str], outcome: Outcome) -> None:
        """Offer again what was refused of `names`, or all of it."""
        listed = set(names)
        self._refusals = {
            unit: refusal for unit, refusal in self._refusals.items() if listed and listed.isdisjoint(refusal.put_back)
        }
        for link in self.links:
            link.free()
        self.refresh(outcome)

    def subscriber_states(self) -> tuple[SubscriberState, ...]:
        """Return how far each subscriber is."""
        return tuple(
            SubscriberState(
                name=link.subscriber.name,
                acked=None if link.acked is None else link.acked.entries,
                refusal=link.refusal,
            )
            for link in self.links
        )

    def _advance(self, link: Link, outcome: Outcome) -> None:
        if link.in_flight is not None or not self.is_open:
            return
        if link.search is not None:
            assert link.search.probe is not None
            self._offer(link, link.search.probe, outcome)
            return
        if link.stuck_on is not None and not self._differ(link.stuck_on, self.content):
            return
        link.free()
        if link.acked is None or link.was_nacked or self._differ(link.acked, self.content):
            self._offer(link, self.content, outcome)
        else:
            link.acked, link.is_good = self.content, True

    def _offer(self, link: Link, content: Published, outcome: Outcome) -> None:
        self._version += 1
        publication = Publication(
            scope=self._desired.scope,
            version=self._version,
            state_version=content.state_version,
            entries=content.entries,
            put_back=content.put_back,
            content=content,
            acked=_NO_ENTRIES if link.acked is None else link.acked.entries,
            names=None if link.acked is None else self._may_differ(link.acked, content),
            answer=self._answer,
        )
        link.in_flight = publication
        outcome.offers.append((link, publication))

    def _search(self, link: Link, nacked: Published, reason: str, suspects: frozenset[str]) -> OffenderSearch:
        base = link.acked or (self._good[-1] if self._good else None)
        names = None if base is None else self._may_differ(base, nacked)
        if names is None:
            names = frozenset(nacked.entries) | frozenset(base.entries if base is not None else ())
        return OffenderSearch(
            base=None if base is None else base.entries,
            nacked=nacked,
            reason=reason,
            names=names,
            suspects=suspects,
            unit_of=self._desired.options.unit,
            validate=self._vetoes,
        )

    def _conclude(self, link: Link, search: OffenderSearch, reason: str, outcome: Outcome) -> None:
        link.search = None
        outcome.names.update(*search.names.values())
        found = {
            unit: why for unit, why in search.refused.items() if search.nacked.put_back.isdisjoint(search.names[unit])
        }
        new = {
            unit: attrs.evolve(
                refuse(
                    unit,
                    why,
                    names=search.names[unit],
                    base=search.base,
                    content=search.nacked.entries,
                    unit_of=self._desired.options.unit,
                ),
                subscriber=link.subscriber.name,
                together=search.together.get(unit, frozenset()) & found.keys(),
            )
            for unit, why in found.items()
        }
        if search.is_stuck or (search.refused and not new):
            # Nothing is left to put back, or only what was put back before: another offer would only be refused, too.
            link.stuck_on = search.nacked
            link.refusal = reason or next(iter(search.refused.values()))
            return
        self._refusals.update(new)
        self.refresh(outcome)

    def _record_good(self) -> None:
        accepted = {id(link.acked): link.acked for link in self.links}
        if len(accepted) != 1 or not all(self._is_settled(link) for link in self.links):
            return
        (good,) = accepted.values()
        assert good is not None
        if self._good and not self._differ(self._good[-1], good):
            self._good[-1] = good
        else:
            self._good.append(good)

    @staticmethod
    def _is_settled(link: Link) -> bool:
        return link.acked is not None and link.is_good and link.search is None and not link.was_nacked

    def _choose_good(self, to: int | None) -> Published:
        for good in reversed(self._good):
            if good.state_version == to or (to is None and self._differ(good, self.content)):
                return good
        wanted = "other than the one published now" if to is None else f"of version {to}"
        raise StateError(
            f"scope {self._desired.scope!r} has no accepted content {wanted} to roll back to: it keeps the last "
            f"{self._good.maxlen} that all its subscribers accepted"
        )

    def _last_good(self) -> Entries:
        return self._good[-1].entries if self._good else _NO_ENTRIES

    def _differ(self, old: Published, new: Published) -> bool:
        if old is new:
            return False
        return bool(diff(old.entries, new.entries, names=self._may_differ(old, new)))

    def _may_differ(self, old: Published, new: Published) -> frozenset[str] | None:
        names = self._desired.names_between(old.state_version, new.state_version)
        return None if names is None else names | old.put_back | new.put_back

    def _vetoes(self, entries: Mapping[str, Entry]) -> Sequence[Veto]:
        try:
            return self._desired.vetoes(entries)
        except Exception as error:  # noqa: BLE001 -- an answer has no caller who could act on a validator's bug
            self._log.exception("a validator of scope %r raised; that counts as a veto", self._desired.scope)
            return [Veto(entry="", message=f"a validator raised {error!r}")]
