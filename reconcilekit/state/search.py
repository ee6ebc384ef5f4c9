"""Finding what a subscriber refuses, by offering it less.

A NACK speaks of a whole publication and isn't a rollback: Envoy keeps the good resources of a push that it refused.
So the last accepted content is offered first, whole and as a fresh publication, which takes the strays away; then the
changes come back by halves. It ends after at most two probes per unit, usually after some ``k * log2(n)`` for k
offenders among n units, and the same answers lead to the same probes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from types import MappingProxyType

from reconcilekit.state.content import Entries, Entry
from reconcilekit.state.quarantine import Published, Validate, delta_units

Probing = Generator[Entries, str | None, bool]


class OffenderSearch:
    """A search in progress: `probe` is what to offer next, `answer` takes what became of it.

    Args:
        base: the content that was last accepted, None if there never was one.
        nacked: the content that was refused.
        reason: the subscriber's words.
        names: where the two can differ at most.
        suspects: entries that the reason names; the others are tried first, so that they needn't go for a moment.
        unit_of: names the unit of an entry; units are never split.
        validate: what the scope's validators say; a mix they refuse is never offered.
    """

    def __init__(
        self,
        *,
        base: Entries | None,
        nacked: Published,
        reason: str,
        names: Iterable[str],
        suspects: Collection[str],
        unit_of: Callable[[Entry], str],
        validate: Validate,
    ) -> None:
        self.base: Entries = {} if base is None else base
        self.nacked = nacked
        self.names = delta_units(self.base, nacked.entries, names=names, unit_of=unit_of)
        self.refused: dict[str, str] = {}
        self.together: dict[str, frozenset[str]] = {}
        self.is_stuck = False
        self._validate = validate
        self._accepted: list[str] = []
        self._held: list[str] = []
        self._failed: dict[frozenset[str], str] = {frozenset(self.names): reason}
        self._probed: frozenset[str] = frozenset()
        self._steps = self._run(frozenset(suspects), has_base=base is not None)
        self.probe = self._publish(next(self._steps, None))

    def answer(self, reason: str | None) -> None:
        """Take the answer to `probe`, None for an ACK; `probe` is the next one then, or None when all is known."""
        try:
            self.probe = self._publish(self._steps.send(reason))
        except StopIteration:
            self.probe = None

    def _publish(self, entries: Entries | None) -> Published | None:
        if entries is None:
            return None
        left_out = frozenset(name for unit, names in self.names.items() if unit not in self._probed for name in names)
        return Published(
            entries=MappingProxyType(entries),
            state_version=self.nacked.state_version,
            put_back=self.nacked.put_back | left_out,
        )

    def _run(self, suspects: frozenset[str], *, has_base: bool) -> Generator[Entries, str | None, None]:
        suspected = [unit for unit, names in self.names.items() if not suspects.isdisjoint(names)]
        others = [unit for unit in self.names if unit not in suspected]
        if suspected and others:
            yield from self._halve(others)
            yield from self._halve(suspected)
        elif len(self.names) == 1:
            yield from self._halve(others or suspected)
        elif not self.names or (has_base and not (yield from self._try([]))):
            self.is_stuck = True
        else:
            yield from self._halve(list(self.names))
        if not self.is_stuck:
            yield from self._close()

    def _halve(self, units: list[str]) -> Generator[Entries, str | None, None]:
        if (yield from self._try(units)) or len(units) == 1:
            return
        middle = len(units) // 2
        yield from self._halve(units[:middle])
        yield from self._halve(units[middle:])

    def _try(self, units: list[str]) -> Probing:
        """Add `units` to what is accepted if they pass; a mix that is known to fail isn't offered again."""
        mix = self._mix(units)
        if self._validate(mix):
            if len(units) == 1:
                self._held += units
            return False
        key = frozenset((*self._accepted, *units))
        reason = self._failed.get(key)
        if reason is None:
            self._probed = key
            reason = yield mix
        if reason is None:
            self._accepted += units
            return True
        self._failed[key] = reason
        if len(units) == 1:
            self.refused[units[0]] = reason
        return False

    def _close(self) -> Generator[Entries, str | None, None]:
        """Try what the validators wouldn't have alone, in the smallest groups that they take."""
        while group := self._closed_group():
            self._held = [unit for unit in self._held if unit not in group]
            if not (yield from self._try(group)):
                self.refused |= dict.fromkeys(group, self._failed[frozenset((*self._accepted, *group))])
                self.together |= dict.fromkeys(group, frozenset(group))

    def _closed_group(self) -> list[str]:
        group = self._without_vetoed(self._held)
        for unit in tuple(group):
            smaller = self._without_vetoed([other for other in group if other != unit])
            group = smaller or group
        return group

    def _without_vetoed(self, units: list[str]) -> list[str]:
        while units and (vetoes := self._validate(self._mix(units))):
            vetoed = {veto.entry for veto in vetoes}
            fewer = [unit for unit in units if vetoed.isdisjoint(self.names[unit])]
            if len(fewer) == len(units):
                return []
            units = fewer
        return units

    def _mix(self, units: list[str]) -> dict[str, Entry]:
        mix = dict(self.base)
        for unit in (*self._accepted, *units):
            for name in self.names[unit]:
                entry = self.nacked.entries.get(name)
                if entry is None:
                    mix.pop(name, None)
                else:
                    mix[name] = entry
        return mix
