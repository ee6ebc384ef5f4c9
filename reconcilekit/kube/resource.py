"""What is talked about: kinds and the keys of objects."""

from __future__ import annotations

from typing import NamedTuple

import attrs


class ObjectKey(NamedTuple):
    """Names one object of a kind; `namespace` is "" where the kind is cluster-scoped."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@attrs.frozen(cache_hash=True)
class Resource:
    """A kind, as the user writes it down; discovery fills in the rest. Equal where apiVersion and kind are.

    Args:
        api_version: "v1", "apps/v1", "example.com/v1".
        kind: "Secret", "Deployment".
        is_optional: proven absence of the kind (complete discovery, nothing stale) counts as whole and empty; by
            default it holds back the controllers that declare it. See `optional`.
    """

    api_version: str
    kind: str
    is_optional: bool = attrs.field(default=False, kw_only=True, eq=False)

    @property
    def group(self) -> str:
        """The part before the slash of apiVersion: "example.com"; "" for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The part after the slash of apiVersion: "v1"."""
        return self.api_version.rpartition("/")[2]

    def optional(self) -> Resource:
        """The same kind, allowed to be absent from the cluster."""
        return attrs.evolve(self, is_optional=True)

    def __str__(self) -> str:
        return f"{self.kind}.{self.api_version}"
