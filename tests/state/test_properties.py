"""Whatever the interleaving of stages, failures, vetoes, NACKs and readers, against a model of plain dicts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from reconcilekit.errors import ReconcileError
from reconcilekit.state import (
    Candidate,
    EntryOwnedError,
    PreparedStage,
    Publication,
    ScopeOptions,
    ScopeSnapshot,
    StateChange,
    StateError,
    StateSnapshot,
    StateStore,
    Subscription,
    Veto,
    VetoError,
    by_entry,
    by_owner,
)

SCOPES = ("x", "y")
NAMES = ("a", "b", "c", "d", "e")
OWNERS = ("ns/1", "ns/2", "ns/3")
REFUSED = 9
VETOED = 13
VALUES = st.sampled_from([1, 2, 3, REFUSED, VETOED])

Content = dict[str, tuple[int, frozenset[str]]]


def values_of(content: Content) -> dict[str, int]:
    return {name: value for name, (value, _) in content.items()}


def judge(candidate: Candidate) -> list[Veto]:
    """No 13 at all, and no b without an a."""
    vetoes = [Veto(entry=name, message="unlucky") for name, value in candidate.values.items() if value == VETOED]
    if "b" in candidate.values and "a" not in candidate.values:
        vetoes.append(Veto(entry="b", message="needs a"))
    return vetoes


def is_valid(values: dict[str, int]) -> bool:
    return VETOED not in values.values() and not ("b" in values and "a" not in values)


@attrs.define(eq=False)
class Consumer:
    name: str
    scope: str
    machine: StoreMachine
    subscription: Subscription | None = None
    in_flight: Publication | None = None
    acked: dict[str, int] | None = None
    last_version: int = 0

    def offer(self, publication: Publication) -> None:
        with self.machine.noting_failures():
            self.take(publication)

    def take(self, publication: Publication) -> None:
        assert self.in_flight is None, "one publication in flight per subscriber"
        assert publication.version > self.last_version
        self.last_version = publication.version
        self.in_flight = publication
        self.machine.check_publication(self, publication)

    def answer(self, *, is_honest: bool) -> None:
        publication, self.in_flight = self.in_flight, None
        assert publication is not None
        values = read(publication)
        if not is_honest or REFUSED in values.values():
            assert publication.nack("refused")
        else:
            self.acked = values
            self.machine.ever_acked[self.scope].append(values)
            assert publication.ack()


def read(publication: Publication) -> dict[str, int]:
    return {name: int(str(entry.value)) for name, entry in publication.entries.items()}


@attrs.frozen
class Plan:
    """What a stage wants, for the model to repeat."""

    owner: str
    replace: bool
    puts: dict[str, dict[str, int]]


class StoreMachine(RuleBasedStateMachine):
    prepared = Bundle("prepared")

    @initialize(unit=st.sampled_from([by_entry, by_owner]), history=st.integers(1, 4))
    def start(self, unit: object, history: int) -> None:
        options = ScopeOptions(validators=(judge,), unit=unit)  # type: ignore[arg-type]  # sampled
        self.store = StateStore(history=history, options=options)
        self.model: dict[str, Content] = {scope: {} for scope in SCOPES}
        self.versions: dict[str, dict[int, dict[str, int]]] = {scope: {0: {}} for scope in SCOPES}
        self.ever_acked: dict[str, list[dict[str, int]]] = {scope: [{}] for scope in SCOPES}
        self.kept: list[tuple[StateSnapshot, object]] = []
        self.consumers: list[Consumer] = []
        self.heard = [0]
        self.connected = 0
        self.failures: list[Exception] = []
        self.store.on_change(self.hear)

    @contextmanager
    def noting_failures(self) -> Iterator[None]:
        """Keep what a callback finds wrong for an invariant: the store only logs what its callees raise."""
        try:
            yield
        except Exception as error:
            self.failures.append(error)
            raise

    def hear(self, change: StateChange) -> None:
        with self.noting_failures():
            self.check_change(change)

    def check_change(self, change: StateChange) -> None:
        assert change.snapshot.sequence > self.heard[-1], "changes are told in order"
        self.heard.append(change.snapshot.sequence)
        for scope, changed in change.scopes.items():
            before = self.versions[scope].get(change.snapshot[scope].version)
            if changed.entries:
                assert before is None
                self.versions[scope][change.snapshot[scope].version] = content(change.snapshot[scope])

    # Stages

    @rule(
        target=prepared,
        owner=st.sampled_from(OWNERS),
        replace=st.booleans(),
        puts=st.dictionaries(
            st.sampled_from(SCOPES), st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4), min_size=1
        ),
    )
    def prepare(self, owner: str, replace: bool, puts: dict[str, dict[str, int]]) -> tuple[PreparedStage, Plan] | None:
        before = self.store.snapshot()
        stage = self.store.stage(owner=owner, replace=replace)
        for scope, entries in puts.items():
            stage[scope].update(entries)
        plan = Plan(owner, replace, puts)
        try:
            handle = stage.prepare()
        except ReconcileError as error:
            self.check_refused(error, plan)
            handle = None
        assert self.store.snapshot() is before, "preparing is not visible, failed or not"
        return None if handle is None else (handle, plan)

    def check_refused(self, error: ReconcileError, plan: Plan) -> None:
        wanted = self.after(plan)
        if isinstance(error, VetoError):
            content = wanted[error.scope]
            assert content is not None
            assert not is_valid(values_of(content))
        if isinstance(error, EntryOwnedError):
            assert wanted[error.scope] is None

    @rule(handle=consumes(prepared))
    def commit(self, handle: tuple[PreparedStage, Plan] | None) -> None:
        if handle is None:
            return
        stage, plan = handle
        before = self.store.snapshot()
        try:
            after = stage.commit()
        except ReconcileError:
            assert self.store.snapshot() is before, "a failed commit leaves no trace"
            return
        for scope, wanted in self.after(plan).items():
            assert wanted is not None
            assert is_valid(values_of(wanted))
            changed = values_of(wanted) != values_of(self.model[scope])
            assert after[scope].version == before[scope].version + changed
            assert content(after[scope]) == values_of(wanted)
            self.model[scope] = wanted

    @rule(handle=consumes(prepared))
    def abandon(self, handle: tuple[PreparedStage, Plan] | None) -> None:
        if handle is not None:
            handle[0].abandon()

    @rule(owner=st.sampled_from(OWNERS))
    def fail_half_way(self, owner: str) -> None:
        before = self.store.snapshot()
        with pytest.raises(ZeroDivisionError), self.store.stage(owner=owner, replace=True) as stage:
            stage["x"]["c"] = 1 // int(stage["x"].get("nothing", 0) is None)
        assert self.store.snapshot() is before

    def after(self, plan: Plan) -> dict[str, Content | None]:
        """Return the model with `plan` made, None for a scope where it takes somebody's entry."""
        return {scope: self.after_in(scope, plan, plan.puts.get(scope, {})) for scope in SCOPES}

    def after_in(self, scope: str, plan: Plan, puts: dict[str, int]) -> Content | None:
        model = dict(self.model[scope])
        for name, value in puts.items():
            old, owners = model.get(name, (value, frozenset()))
            if old != value and owners - {plan.owner}:
                return None
            model[name] = (value, owners | {plan.owner})
        for name, (value, owners) in list(model.items()) if plan.replace else []:
            if name not in puts and plan.owner in owners:
                model[name] = (value, owners - {plan.owner})
                if owners == {plan.owner}:
                    del model[name]
        return model

    # Consumers

    @precondition(lambda self: len(self.consumers) < 4)
    @rule(scope=st.sampled_from(SCOPES))
    def connect(self, scope: str) -> None:
        self.connected += 1
        consumer = Consumer(f"envoy-{self.connected}", scope, self)
        self.consumers.append(consumer)
        consumer.subscription = self.store.scope(scope).subscribe(consumer)

    @precondition(lambda self: self.consumers)
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        consumer = data.draw(st.sampled_from(self.consumers))
        self.consumers.remove(consumer)
        assert consumer.subscription is not None
        consumer.subscription.close()
        if consumer.in_flight is not None:
            assert not consumer.in_flight.ack()

    @precondition(lambda self: any(consumer.in_flight for consumer in self.consumers))
    @rule(data=st.data(), is_honest=st.sampled_from([True, True, True, False]))
    def answer(self, data: st.DataObject, is_honest: bool) -> None:
        waiting = [consumer for consumer in self.consumers if consumer.in_flight is not None]
        data.draw(st.sampled_from(waiting)).answer(is_honest=is_honest)

    @rule(scope=st.sampled_from(SCOPES))
    def roll_back(self, scope: str) -> None:
        before = self.store.snapshot()
        try:
            self.store.scope(scope).rollback(reason="by hand")
        except StateError:
            assert self.store.snapshot() is before
            return
        assert self.values_published(scope) in self.ever_acked[scope]

    @rule(scope=st.sampled_from(SCOPES))
    def retry(self, scope: str) -> None:
        self.store.scope(scope).retry()

    def check_publication(self, consumer: Consumer, publication: Publication) -> None:
        scope = consumer.scope
        offered = read(publication)
        desired = self.desired_at(scope, publication.state_version)
        put_back = {
            name: entry
            for refusal in self.store.snapshot()[scope].quarantined.values()
            for name, entry in refusal.put_back.items()
        }
        for name in {*offered, *desired, *(consumer.acked or {})}:
            if offered.get(name) == desired.get(name):
                continue
            assert name in publication.put_back
            kept = put_back.get(name)
            last_acked = [content.get(name) for content in self.ever_acked[scope]]
            assert offered.get(name) in last_acked
            assert kept is None or offered.get(name) in (kept.value, *last_acked)
        assert is_valid(offered), "what validators refuse is never offered"
        acked = consumer.acked or {}
        changed = {name for name in {*acked, *offered} if acked.get(name) != offered.get(name)}
        assert publication.changed.names == changed

    def desired_at(self, scope: str, version: int) -> dict[str, int]:
        return self.versions[scope][version]

    def values_published(self, scope: str) -> dict[str, int]:
        return {name: int(str(value)) for name, value in self.store.snapshot()[scope].published_values.items()}

    # Readers

    @rule()
    def take_a_snapshot(self) -> None:
        snapshot = self.store.snapshot()
        self.kept.append((snapshot, picture(snapshot)))

    @invariant()
    def callbacks_found_nothing_wrong(self) -> None:
        for failure in getattr(self, "failures", ()):
            raise failure

    @invariant()
    def snapshots_never_change(self) -> None:
        for snapshot, taken in getattr(self, "kept", ()):
            assert picture(snapshot) == taken

    @invariant()
    def readers_see_the_model_whole(self) -> None:
        if hasattr(self, "model"):
            snapshot = self.store.snapshot()
            for scope in SCOPES:
                assert content(snapshot[scope]) == values_of(self.model[scope])
                owners = {name: frozenset(entry.owners) for name, entry in snapshot[scope].entries.items()}
                assert owners == {name: owners for name, (_, owners) in self.model[scope].items()}

    @invariant()
    def verdicts_say_what_consumers_have(self) -> None:
        for scope in SCOPES if hasattr(self, "model") else ():
            snapshot = self.store.snapshot()[scope]
            consumers = [consumer for consumer in self.consumers if consumer.scope == scope]
            for name in NAMES:
                wanted = snapshot.get(name)
                has_all = all(c.acked is not None and c.acked.get(name) == wanted for c in consumers)
                verdict = snapshot.verdict(name)
                if verdict.is_acked:
                    assert consumers
                    assert has_all
                if name in snapshot.quarantined:
                    assert verdict.is_nacked

    def teardown(self) -> None:
        """Honest consumers come to rest, with everything that nobody refuses."""
        self.come_to_rest()
        for scope in SCOPES if hasattr(self, "model") else ():
            self.store.scope(scope).retry()  # what was refused for no reason
        self.come_to_rest()
        self.callbacks_found_nothing_wrong()
        for consumer in getattr(self, "consumers", ()):
            self.check_rest(consumer)

    def come_to_rest(self) -> None:
        for _ in range(200):
            waiting = [consumer for consumer in getattr(self, "consumers", ()) if consumer.in_flight is not None]
            if not waiting:
                return
            waiting[0].answer(is_honest=True)
        raise AssertionError("the search for what is refused doesn't end")

    def check_rest(self, consumer: Consumer) -> None:
        scope = consumer.scope
        snapshot = self.store.snapshot()[scope]
        if snapshot.version == 0:
            assert consumer.acked is None
            return
        assert consumer.acked == self.values_published(scope)
        assert REFUSED not in consumer.acked.values()
        assert snapshot.verdict().is_nacked is bool(snapshot.quarantined)
        bad_owners = {o for entry in snapshot.entries.values() if entry.value == REFUSED for o in entry.owners}
        for name in ("c", "d", "e"):
            entry = snapshot.entries.get(name)
            if entry is not None and entry.value != REFUSED and not bad_owners:
                assert snapshot.published[name].value == entry.value
                assert snapshot.verdict(name).is_acked


def content(scope: ScopeSnapshot) -> dict[str, int]:
    return {name: int(str(value)) for name, value in scope.items()}


def picture(snapshot: StateSnapshot) -> object:
    return snapshot.sequence, {
        name: (scope.version, content(scope), dict(scope.published_values), scope.verdict())
        for name, scope in snapshot.scopes.items()
    }


StoreMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestStore = StoreMachine.TestCase
