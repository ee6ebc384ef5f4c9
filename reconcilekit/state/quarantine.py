"""What is published: the desired content, less what was refused and put back to what was last accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import attrs

from reconcilekit.state.content import Entries, Entry, Veto, is_same

Validate = Callable[[Entries], Sequence[Veto]]
"""What a scope's validators say of a content; never raises."""


@attrs.frozen(kw_only=True)
class Refusal:
    """Why a unit's entries are kept at older content, in what is published; it lasts until their content changes.

    Attributes:
        unit: the unit that was put back, by default an entry's name.
        reason: the subscriber's, the validator's or the operator's words.
        subscriber: who refused it; "" for a validator or a rollback.
        put_back: the entries concerned and what is published in their place, None for nothing.
        refused: the hash of each of the unit's entries when it was refused, None for one that is gone.
        together: the units that were refused with it, as they can't do without each other: which of them is to blame
            isn't known, so a change of any of them is reason to offer all of them again.
    """

    unit: str
    reason: str
    subscriber: str = ""
    put_back: Mapping[str, Entry | None] = attrs.field(repr=False)
    refused: Mapping[str, str | None] = attrs.field(repr=False)
    together: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True, eq=False)
class Published:
    """A content as it is offered to subscribers; immutable.

    Attributes:
        entries: the whole of it.
        state_version: the version of the desired content that it was made of.
        refusals: by entry name, why an entry isn't as desired.
        put_back: the names where it may differ from the desired content of that version.
    """

    entries: Entries
    state_version: int
    refusals: Mapping[str, Refusal] = MappingProxyType({})
    put_back: frozenset[str] = frozenset()


def refuse(
    unit: str, reason: str, *, names: Iterable[str], base: Entries, content: Entries, unit_of: Callable[[Entry], str]
) -> Refusal:
    """Return the refusal of what `unit` has in `content`, with `names` put back to what `base` has."""
    listed = tuple(names)
    refused: dict[str, str | None] = dict.fromkeys(listed)
    refused.update((name, entry.hash) for name, entry in content.items() if unit_of(entry) == unit)
    return Refusal(
        unit=unit,
        reason=reason,
        put_back=MappingProxyType({name: base.get(name) for name in listed}),
        refused=MappingProxyType(refused),
    )


def still_refused(
    refusals: Mapping[str, Refusal], entries: Entries, *, unit_of: Callable[[Entry], str]
) -> dict[str, Refusal]:
    """Return the refusals whose unit, and whatever was refused together with it, still has the refused content."""
    if not refusals:
        return {}
    now: dict[str, dict[str, str | None]] = {
        unit: {name: None for name in refusal.refused if name not in entries} for unit, refusal in refusals.items()
    }
    for name, entry in entries.items():
        members = now.get(unit_of(entry))
        if members is not None:
            members[name] = entry.hash
    unchanged = {unit for unit, refusal in refusals.items() if now[unit] == dict(refusal.refused)}
    return {unit: refusal for unit, refusal in refusals.items() if unit in unchanged and refusal.together <= unchanged}


def assemble(
    entries: Entries,
    *,
    version: int,
    refusals: Mapping[str, Refusal],
    base: Entries,
    validate: Validate,
    unit_of: Callable[[Entry], str],
) -> Published:
    """Return what to publish of the desired `entries`.

    Refused units are put back. Where the validators won't have the mix, the units they name are put back to `base`
    as well, and if that doesn't satisfy them, everything is: a mix that was never validated is never published.
    """
    if not refusals:
        return Published(entries=entries, state_version=version)
    mixed = dict(entries)
    reasons: dict[str, Refusal] = {}
    for refusal in refusals.values():
        _put_back(refusal, mixed, reasons)
    _satisfy(validate, mixed, reasons, base=base, entries=entries, unit_of=unit_of)
    return Published(
        entries=MappingProxyType(mixed),
        state_version=version,
        refusals=MappingProxyType(reasons),
        put_back=frozenset(reasons),
    )


def _put_back(refusal: Refusal, mixed: dict[str, Entry], reasons: dict[str, Refusal]) -> None:
    for name, entry in refusal.put_back.items():
        reasons[name] = refusal
        if entry is None:
            mixed.pop(name, None)
        else:
            mixed[name] = entry


def _satisfy(
    validate: Validate,
    mixed: dict[str, Entry],
    reasons: dict[str, Refusal],
    *,
    base: Entries,
    entries: Entries,
    unit_of: Callable[[Entry], str],
) -> None:
    while vetoes := validate(mixed):
        differing = delta_units(base, mixed, names=base.keys() | mixed.keys(), unit_of=unit_of)
        if not differing:
            return  # the last accepted content itself: nothing older to fall back to
        by_name = {name: unit for unit, names in differing.items() for name in names}
        named = {by_name[veto.entry]: veto.message for veto in vetoes if veto.entry in by_name}
        fallen = named or dict.fromkeys(differing, vetoes[0].message)
        for unit, message in fallen.items():
            refusal = refuse(unit, message, names=differing[unit], base=base, content=entries, unit_of=unit_of)
            _put_back(refusal, mixed, reasons)


def delta_units(
    base: Entries, content: Entries, *, names: Iterable[str], unit_of: Callable[[Entry], str]
) -> dict[str, tuple[str, ...]]:
    """Return by unit, sorted, the `names` whose entries differ between `base` and `content`."""
    units: dict[str, list[str]] = {}
    for name in sorted(names):
        old, new = base.get(name), content.get(name)
        entry = new or old
        if entry is not None and not is_same(old, new):
            units.setdefault(unit_of(entry), []).append(name)
    return {unit: tuple(units[unit]) for unit in sorted(units)}
