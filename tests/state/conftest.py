from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from reconcilekit.state import Publication, StateStore, Subscription


@attrs.define(eq=False)
class Consumer:
    """A subscriber that remembers what it was offered; `refuses` makes it answer at once, by entry values."""

    name: str = "envoy"
    refuses: Callable[[set[object]], str | None] | None = None
    offered: list[Publication] = attrs.field(factory=list)
    subscription: Subscription | None = None

    def offer(self, publication: Publication) -> None:
        self.offered.append(publication)
        if self.refuses is None:
            return
        reason = self.refuses({entry.value for entry in publication.entries.values()})
        if reason is None:
            publication.ack()
        else:
            publication.nack(reason)

    @property
    def last(self) -> Publication:
        return self.offered[-1]

    def contents(self) -> list[dict[str, object]]:
        return [values(publication) for publication in self.offered]


def values(publication: Publication) -> dict[str, object]:
    return {name: entry.value for name, entry in publication.entries.items()}


@pytest.fixture
def store() -> StateStore:
    return StateStore()


@pytest.fixture
def connect(store: StateStore) -> Callable[..., Consumer]:
    """connect("scope", name=..., refuses=...) gives a connected consumer."""

    def connect(scope: str, **options: object) -> Consumer:
        consumer = Consumer(**options)  # type: ignore[arg-type]  # a test's shorthand
        consumer.subscription = store.scope(scope).subscribe(consumer)
        return consumer

    return connect


@pytest.fixture
def put(store: StateStore) -> Callable[..., None]:
    """put("scope", owner=..., name=value, ...) commits these entries next to what the owner has."""

    def put(scope: str, *, owner: str = "ns/a", **entries: object) -> None:
        with store.stage(owner=owner) as stage:
            stage[scope].update(entries)

    return put
