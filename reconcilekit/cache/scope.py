"""How much of a kind is cached: users have Roles rather than ClusterRoles, and won't cache every Secret."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from reconcilekit.errors import BugError


class OutOfScopeError(BugError):
    """A read asks the cache for something that it doesn't hold, so "not found" would be a guess."""


class ScopeConflictError(Exception):
    """Two callers declared one kind with different scopes; they would share one store."""


def _distinct(namespaces: Iterable[str]) -> tuple[str, ...]:
    if isinstance(namespaces, str):
        raise TypeError(f"namespaces={namespaces!r}: a string, not a sequence of them; write ({namespaces!r},)")
    return tuple(sorted(set(namespaces)))


@attrs.frozen(kw_only=True)
class Scope:
    """The part of a kind that is listed, watched and kept.

    Args:
        namespaces: only these, with one list and one watch each; by default all of them, which needs a ClusterRole.
        label_selector: only objects that match it, in the API's syntax.
        field_selector: likewise for fields; which ones a kind offers is the server's to say.
    """

    namespaces: tuple[str, ...] = attrs.field(default=(), converter=_distinct)
    label_selector: str = ""
    field_selector: str = ""

    def covers(self, namespace: str) -> bool:
        """True if objects of `namespace` ("" for cluster-scoped ones) are within the namespaces of this scope."""
        return not self.namespaces or namespace in self.namespaces

    @property
    def has_selectors(self) -> bool:
        """True where an object of a covered namespace may still be left out, by its labels or fields."""
        return bool(self.label_selector or self.field_selector)

    @property
    def segments(self) -> tuple[str, ...]:
        """The namespaces to be listed and watched one by one; ("",) for one list over all of them."""
        return self.namespaces or ("",)

    def segment_of(self, namespace: str) -> str:
        """Which of `segments` holds the objects of `namespace`."""
        return namespace if self.namespaces else ""

    def __str__(self) -> str:
        parts = [
            f"namespaces {', '.join(self.namespaces)}" if self.namespaces else "",
            f"labels {self.label_selector}" if self.label_selector else "",
            f"fields {self.field_selector}" if self.field_selector else "",
        ]
        return ", ".join(part for part in parts if part) or "everything"
