"""What the store may cost, counted in operations rather than seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconcilekit.state import ScopeOptions, StateStore, content_hash, freeze

Connect = Callable[..., Any]


def test_staging_one_entry_among_ten_thousand_touches_that_one() -> None:
    frozen: list[object] = []
    hashed: list[object] = []
    units: list[str] = []

    def counting_freeze(value: object) -> object:
        frozen.append(value)
        return freeze(value)

    def counting_hash(value: object) -> str:
        hashed.append(value)
        return content_hash(value)

    def counting_unit(entry: Any) -> str:
        units.append(entry.name)
        return str(entry.name)

    store = StateStore(options=ScopeOptions(freeze=counting_freeze, content_hash=counting_hash, unit=counting_unit))
    with store.stage(owner="ns/a") as stage:
        stage.replace_owned("x", {f"entry-{number}": {"number": number} for number in range(10_000)})
    before = store.snapshot()["x"]
    for calls in (frozen, hashed, units):
        calls.clear()
    with store.stage(owner="ns/a") as stage:
        stage["x"]["entry-7"] = {"number": -7}
    after = store.snapshot()["x"]
    assert (len(frozen), len(hashed), set(units)) == (1, 1, {"entry-7"})
    assert len(units) <= 2  # once to prepare and once to commit
    assert sum(after.entries[name] is not entry for name, entry in before.entries.items()) == 1


def test_reading_is_a_reference(store: StateStore) -> None:
    with store.stage() as stage:
        stage["x"]["one"] = 1
    assert store.snapshot() is store.snapshot()
    assert store.snapshot()["x"] is store.scope("x").snapshot()


def test_an_undisturbed_publication_shares_the_desired_entries(store: StateStore, connect: Connect) -> None:
    envoy = connect("x")
    with store.stage() as stage:
        stage["x"]["one"] = 1
    assert envoy.last.entries is store.snapshot()["x"].entries


def test_one_offender_among_a_thousand_changes_costs_a_bisection(store: StateStore, connect: Connect) -> None:
    def refuses(values: set[object]) -> str | None:
        return "bad" if "bad" in values else None

    envoy = connect("x", refuses=refuses)
    with store.stage() as stage:
        stage["x"].update({f"entry-{number}": number for number in range(1_000)})
    with store.stage() as stage:
        stage["x"].update({f"entry-{number}": number + 1_000 for number in range(1_000)}, **{"entry-617": "bad"})
    assert set(store.snapshot()["x"].quarantined) == {"entry-617"}
    assert len(envoy.offered) <= 2 + 1 + 2 * 10 + 1
