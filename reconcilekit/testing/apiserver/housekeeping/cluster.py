"""What controllers need of the cluster that they keep: the seam by which they don't know who made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from reconcilekit.clock import Clock
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.kinds.resources import Registry
from reconcilekit.testing.apiserver.storage.storage import Storage
from reconcilekit.testing.apiserver.writing.preconditions import Target
from reconcilekit.testing.apiserver.writing.writes import Outcome, Transform

TokenMaker = Callable[[ObjectKey, ObjectKey], str | None]
"""Makes a ServiceAccount's token that lives as long as a Secret; None where nothing can sign it."""


class KeptCluster(Protocol):
    """Storage and kinds as they are now, and the writes that requests go through, too."""

    @property
    def clock(self) -> Clock:
        """Of everything."""

    @property
    def registry(self) -> Registry:
        """The kinds; another one after a restore."""

    @property
    def storage(self) -> Storage:
        """The objects."""

    @property
    def make_token(self) -> TokenMaker | None:
        """None where there are no tokens."""

    @property
    def root_certificate(self) -> Callable[[], str]:
        """Tells what clients inside the cluster trust, in PEM; "" while there is no TLS."""

    def create(self, target: Target, obj: dict[str, Any]) -> Outcome:
        """See `Writer.create`."""

    def patch(self, target: Target, transform: Transform) -> Outcome:
        """See `Writer.patch`."""

    def delete(self, target: Target, options: Mapping[str, Any]) -> Outcome:
        """See `Writer.delete`."""
