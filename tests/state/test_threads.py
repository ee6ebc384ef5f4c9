"""Real threads: readers beside writers and a consumer never see a mix of two versions."""

from __future__ import annotations

import threading
from collections.abc import Callable

import attrs

from reconcilekit.state import Publication, StateChange, StateStore

ROUNDS = 400


@attrs.define(eq=False)
class Answering:
    """A consumer whose answers come from a thread of its own."""

    name: str = "envoy"
    waiting: list[Publication] = attrs.field(factory=list)
    seen: list[Publication] = attrs.field(factory=list)
    wake: threading.Event = attrs.field(factory=threading.Event)

    def offer(self, publication: Publication) -> None:
        self.waiting.append(publication)
        self.wake.set()

    def answer_until(self, done: threading.Event) -> None:
        while not (done.is_set() and not self.waiting):
            self.wake.wait(0.05)
            self.wake.clear()
            while self.waiting:
                publication = self.waiting.pop()
                assert not self.waiting, "one in flight"
                self.seen.append(publication)
                publication.ack()


def run_all(*targets: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def guarded(target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001 -- a thread's failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
        assert not thread.is_alive()
    assert not failures, failures


def test_readers_and_consumers_never_see_a_mix() -> None:
    store = StateStore(history=3)
    done = threading.Event()
    both_have_written = threading.Barrier(2, action=done.set, timeout=100)
    consumer = Answering()
    store.scope("x").subscribe(consumer)
    sequences: list[int] = []

    def hear(change: StateChange) -> None:
        sequences.append(change.snapshot.sequence)

    store.on_change(hear)

    def write() -> None:
        try:
            for value in range(ROUNDS):
                with store.stage(owner="ns/pair") as stage:
                    for scope in ("x", "y"):
                        stage.replace_owned(scope, {f"{side}{value % 3}": value for side in ("left", "right")})
        finally:
            both_have_written.wait()

    def disturb() -> None:
        try:
            for value in range(ROUNDS):
                with store.stage(owner="ns/other") as stage:
                    stage["x"]["noise"] = value
                stage = store.stage(owner="ns/other")
                stage["y"]["never"] = value
                stage.prepare().abandon()
        finally:
            both_have_written.wait()

    def look() -> None:
        last = (-1, -1)
        while not done.is_set():
            snapshot = store.snapshot()
            x, y = snapshot["x"], snapshot["y"]
            assert is_whole(dict(x))
            assert dict(y) == {name: value for name, value in x.items() if name != "noise"}
            assert last <= (snapshot.sequence, x.version)
            last = (snapshot.sequence, x.version)

    run_all(write, disturb, look, look, lambda: consumer.answer_until(done))
    for publication in consumer.seen:
        assert is_whole({name: entry.value for name, entry in publication.entries.items()})
    assert sequences == sorted(sequences)
    assert len(sequences) == len(set(sequences))
    assert store.snapshot()["x"].version <= 2 * ROUNDS
    assert store.snapshot()["x"].verdict().is_acked


def is_whole(values: dict[str, object]) -> bool:
    """True if the pair is of one commit: both sides, one value."""
    pair = {name: value for name, value in values.items() if name != "noise"}
    return len(pair) in (0, 2) and len(set(pair.values())) <= 1
