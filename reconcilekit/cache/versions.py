"""How far a watch has come, in resourceVersions."""

from __future__ import annotations

from collections import OrderedDict

REMEMBERED = 1_000
"""Opaque versions that are remembered as seen: far more than arrive between a write's answer and its check."""


def is_older(resource_version: str, than: str) -> bool | None:
    """True if a version is below another of the same kind; None where they don't compare.

    They compare as integers (KEP-5504, GA in 1.35); some aggregated APIs' versions are no integers.
    """
    if resource_version.isdecimal() and than.isdecimal():
        return int(resource_version) < int(than)
    return False if resource_version == than else None


class ReachedVersion:
    """The latest version that a watch has brought, and for servers whose versions don't compare, the last few.

    Args:
        resource_version: that of the list that the watch started from.
    """

    __slots__ = ("_remembered", "latest")

    def __init__(self, resource_version: str) -> None:
        self.latest = resource_version
        self._remembered: OrderedDict[str, None] = OrderedDict()

    def __repr__(self) -> str:
        return f"<ReachedVersion {self.latest}>"

    def has_seen(self, resource_version: str) -> bool:
        """True if `resource_version` is the latest, or older than it, or was seen of late."""
        if resource_version in self._remembered:
            return True
        return is_older(self.latest, resource_version) is False

    def advance(self, resource_version: str) -> None:
        """The watch has come to `resource_version`; an older integer, or "", doesn't turn it back."""
        older = is_older(resource_version, self.latest)
        if not resource_version or older:
            return
        if older is None:
            self._remember(self.latest)
        self.latest = resource_version

    def _remember(self, resource_version: str) -> None:
        self._remembered[resource_version] = None
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
