"""What a write does to ownership (KEP-555).

An update takes what it changes away from everybody else, an apply may take it only by force, and what an applier no
longer names goes if nobody else owns it.
The algorithms are those of sigs.k8s.io/structured-merge-diff, `merge/update.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from reconcilekit.testing.apiserver.ownership import field_sets
from reconcilekit.testing.apiserver.ownership.checking import UnfitError
from reconcilekit.testing.apiserver.ownership.field_sets import (
    NO_FIELDS,
    FieldSet,
    difference,
    intersection,
    union,
    without_all_below,
)
from reconcilekit.testing.apiserver.ownership.managers import Manager, Managers, Owned
from reconcilekit.testing.apiserver.ownership.types import Type
from reconcilekit.testing.apiserver.ownership.values import (
    ABSENT,
    Comparison,
    compare,
    field_set,
    merge,
    remove,
    with_named_fields,
)

Content = dict[str, Any]


class ConflictError(Exception):
    """What an apply changes is owned by others.

    Args:
        conflicts: the fields, by their owner.
    """

    def __init__(self, conflicts: dict[Manager, FieldSet]) -> None:
        super().__init__(f"{len(conflicts)} managers own what is applied")
        self.conflicts = conflicts


@attrs.frozen(kw_only=True)
class Updater:
    """The rules for one kind.

    Attributes:
        kind_of: the type by which a version's fields are told; None for a version that is no more.
        reset: what a write to this resource or subresource can't change and so can't own, by version.
        shown: an object as a version has it; raises `UnfitError` where it doesn't fit that version.
    """

    kind_of: Callable[[str], Type | None]
    reset: Callable[[str], FieldSet]
    shown: Callable[[Content, str], Content] = lambda content, _: content

    def update(
        self, live: Content, new: Content, version: str, managers: Managers, manager: Manager
    ) -> tuple[Managers, FieldSet]:
        """The other owners after an update from `live` to `new`, and what the updater owns by it.

        Args:
            live: the object as it was.
            new: the object as it is to be.
            version: that the update was written in.
            managers: the owners so far, `manager` not among them.
            manager: who updates.

        Raises:
            UnfitError: the object doesn't fit a version in which somebody owns some of it.
        """
        comparisons = _Comparisons(self, live, new)
        self._check_live(live, managers)
        rest = self._take(comparisons, managers, manager, force=True)
        found = comparisons.of(version)
        assert found is not None
        return rest, without_all_below(union(found.modified, found.added), self.reset(version))

    def apply(
        self, live: Content, config: Content, version: str, managers: Managers, manager: Manager, *, force: bool
    ) -> tuple[Content, Managers]:
        """What an apply makes of the live object, and who owns it then; the applier's time is left as it was.

        Raises:
            ConflictError: others own what it would change, and it isn't forced.
            UnfitError: as for `update`.
        """
        self._check_live(live, managers)
        kind = self.kind_of(version)
        assert kind is not None
        merged = merge(live, config, kind)
        new: Content = {} if merged is ABSENT else merged
        last = managers.get(manager)
        fields = without_all_below(field_set(config, kind), self.reset(version))
        owned = Owned(fields, version, last.time if last else "")
        after = {**managers, manager: owned}
        if last is not None and last.fields:
            new = self._prune(new, after, manager, last)
        after = self._take(_Comparisons(self, live, new), after, manager, force=force)
        return new, after

    def _check_live(self, live: Content, managers: Managers) -> None:
        for version in {owned.api_version: None for owned in managers.values()}:
            if self.kind_of(version) is not None:
                self.shown(live, version)

    def _check_merged(self, merged: Content, version: str, what_failed: str) -> None:
        try:
            self.shown(merged, version)
        except UnfitError as error:
            raise UnfitError(f"failed to prune fields: {what_failed}: {error}") from error

    def _take(self, comparisons: _Comparisons, managers: Managers, manager: Manager, *, force: bool) -> Managers:
        after: Managers = {}
        conflicts: dict[Manager, FieldSet] = {}
        for other, owned in managers.items():
            if other == manager:
                after[other] = owned
                continue
            found = comparisons.of(owned.api_version)
            if found is None:
                continue
            taken = intersection(owned.fields, union(found.modified, found.added))
            if taken:
                conflicts[other] = taken
            rest = difference(difference(owned.fields, taken), found.removed)
            if rest:
                after[other] = owned if rest is owned.fields else attrs.evolve(owned, fields=rest)
        if conflicts and not force:
            raise ConflictError(conflicts)
        return {other: owned for other, owned in after.items() if owned.fields}

    def _prune(self, merged: Content, managers: Managers, manager: Manager, last: Owned) -> Content:
        kind = self.kind_of(last.api_version)
        if kind is None:
            return merged
        self._check_merged(merged, last.api_version, "failed to convert merged object to last applied version")
        pruned = remove(merged, with_named_fields(last.fields, kind), kind) or {}
        pruned = self._with_owned_items(merged, pruned, last.api_version, managers)
        kept = with_named_fields(field_set(pruned, kind), kind)
        there = with_named_fields(field_set(merged, kind), kind)
        # What nobody owned, or only updaters that own nothing now, isn't this applier's to remove.
        gone = intersection(difference(there, kept), with_named_fields(last.fields, kind))
        result: Content = remove(merged, gone, kind) or {}
        return result

    def _with_owned_items(self, merged: Content, pruned: Content, version: str, managers: Managers) -> Content:
        by_version: dict[str, FieldSet] = {version: NO_FIELDS}
        for owned in managers.values():
            by_version[owned.api_version] = union(by_version.get(owned.api_version, NO_FIELDS), owned.fields)
        for other, fields in by_version.items():
            kind = self.kind_of(other)
            if kind is None or not fields:
                continue
            at_version = f"failed to convert merged object at version {other}"
            self._check_merged(merged, other, f"failed add back owned items: {at_version}")
            kept = union(with_named_fields(field_set(pruned, kind), kind), with_named_fields(fields, kind))
            there = with_named_fields(field_set(merged, kind), kind)
            pruned = remove(merged, difference(there, kept), kind) or {}
        return pruned


class _Comparisons:
    """One change, told in the fields of each version in which somebody owns any."""

    def __init__(self, updater: Updater, live: Content, new: Content) -> None:
        self._updater = updater
        self._live = live
        self._new = new
        self._found: dict[str, Comparison | None] = {}

    def of(self, version: str) -> Comparison | None:
        """The comparison in a version, None where that is no more."""
        if version not in self._found:
            self._found[version] = self._compare(version)
        return self._found[version]

    def _compare(self, version: str) -> Comparison | None:
        kind = self._updater.kind_of(version)
        if kind is None:
            return None
        live = self._updater.shown(self._live, version)
        try:
            new = self._updater.shown(self._new, version)
        except UnfitError as error:
            raise UnfitError(f"failed to convert new object: {error}") from error
        found = compare(live, new, kind)
        reset = self._updater.reset(version)
        if not reset:
            return found
        return Comparison(
            added=without_all_below(found.added, reset),
            modified=without_all_below(found.modified, reset),
            removed=without_all_below(found.removed, reset),
        )


def with_update(managers: Managers, manager: Manager, owned: Owned) -> Managers:
    """The owners with what an update took put to what its manager had."""
    if not owned.fields:
        return managers
    known = managers.get(manager)
    if known is not None:
        owned = attrs.evolve(owned, fields=field_sets.union(owned.fields, known.fields))
    return {**managers, manager: owned}
