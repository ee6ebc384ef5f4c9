from __future__ import annotations

from collections.abc import Callable, Coroutine

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.runtime.queue import AGING_SECONDS, INITIAL_PRIORITY, MAX_REASONS, KeyedQueue, QueueStatistics, Taken
from reconcilekit.testing.virtual_time import VirtualClock, run_virtual

A, B, C = ObjectKey("default", "a"), ObjectKey("default", "b"), ObjectKey("default", "c")


def virtually(test: Callable[[VirtualClock], Coroutine[object, object, None]]) -> Callable[[], None]:
    """Run the test on virtual time: delays are timers of the loop."""

    def run() -> None:
        run_virtual(test)

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


class Rings:
    """Counts when the queue says that a key may have become ready by itself."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.at: list[float] = []

    def __call__(self) -> None:
        self.at.append(self._clock.monotonic())


def make_queue(clock: VirtualClock) -> tuple[KeyedQueue, Rings]:
    rings = Rings(clock)
    return KeyedQueue(clock=clock, on_ready=rings), rings


def take_all(queue: KeyedQueue) -> list[ObjectKey]:
    """Take and end one after the other until there is none."""
    keys = []
    while (taken := queue.take()) is not None:
        keys.append(taken.key)
        queue.done(taken.key)
    return keys


@virtually
async def test_a_key_is_taken_once_however_often_it_was_added(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add(A, "one")
    await clock.sleep(2)
    queue.add(A, "two")

    assert queue.take() == Taken(A, ("one", "two"), 2.0)
    assert queue.take() is None


@virtually
async def test_a_key_is_not_taken_twice_at_a_time(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add(A, "one")
    queue.take()
    queue.add(A, "two", priority=5)
    assert queue.take() is None
    await clock.sleep(3)
    queue.done(A)

    assert queue.take() == Taken(A, ("two",), 3.0)


@virtually
async def test_ending_a_run_alone_does_not_make_its_key_ready(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add(A, "one")
    queue.take()
    queue.done(A)
    assert queue.take() is None


@virtually
async def test_equals_come_in_the_order_in_which_they_were_added(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    for key in (C, A, B):
        queue.add(key, "here")
    queue.add(C, "again")
    assert take_all(queue) == [C, A, B]


@virtually
async def test_a_key_added_while_it_runs_keeps_its_place_among_equals(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add(A, "one")
    queue.take()
    queue.add(A, "two")
    queue.add(B, "later")
    queue.done(A)
    assert take_all(queue) == [A, B]


@virtually
async def test_a_place_that_a_key_has_left_is_not_taken_up_again(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add(A, "first")
    queue.add(A, "urgent", priority=1)
    queue.take()
    queue.done(A)
    queue.add(B, "before")
    queue.add(A, "after")
    assert take_all(queue) == [B, A]


@virtually
async def test_the_more_urgent_key_comes_first(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add(A, "first list", priority=INITIAL_PRIORITY)
    queue.add(B, "changed")
    queue.add(C, "urgent", priority=1)
    assert take_all(queue) == [C, B, A]


@virtually
async def test_an_urgent_reason_moves_a_waiting_key_up_and_a_lesser_one_never_down(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add(A, "first list", priority=INITIAL_PRIORITY)
    queue.add(B, "changed")
    queue.add(A, "changed", priority=1)
    queue.add(A, "resync", priority=-5)
    assert take_all(queue) == [A, B]


@virtually
async def test_a_key_of_the_first_list_waits_thirty_seconds_at_the_most_though_urgent_ones_keep_coming(
    clock: VirtualClock,
) -> None:
    """The bound that the docstring states: controller-runtime's queue has none (its issue 3496)."""
    queue, _ = make_queue(clock)
    queue.add(A, "first list", priority=INITIAL_PRIORITY)
    bound = -INITIAL_PRIORITY * AGING_SECONDS
    assert bound == 30.0
    for second in range(1000):
        queue.add(ObjectKey("default", f"urgent-{second}"), "changed")
        taken = queue.take()
        assert taken is not None
        if taken.key == A:
            assert taken.waited == bound
            return
        await clock.sleep(1)
    pytest.fail("it was never taken")


@given(
    priority=st.integers(-50, 50),
    others=st.lists(st.tuples(st.floats(0, 200), st.integers(-50, 50)), max_size=40),
)
def test_nothing_overtakes_that_comes_later_than_the_difference_of_priorities(
    priority: int, others: list[tuple[float, int]]
) -> None:
    """Also where keys come faster than they're taken, so that no time bounds the wait."""

    async def main(clock: VirtualClock) -> None:
        queue, _ = make_queue(clock)
        queue.add(A, "waits", priority=priority)
        may_overtake = set()
        for number, (at, urgency) in enumerate(sorted(others)):
            await clock.sleep(at - clock.monotonic())
            key = ObjectKey("others", str(number))
            queue.add(key, "comes", priority=urgency)
            if at < (urgency - priority) * AGING_SECONDS:
                may_overtake.add(key)
        order = take_all(queue)
        assert set(order[: order.index(A)]) == may_overtake

    run_virtual(main)


@virtually
async def test_reasons_are_kept_once_each_and_no_more_than_the_bound(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    for number in range(100):
        queue.add(A, f"reason {number // 2}")
    taken = queue.take()
    assert taken is not None
    assert taken.reasons == tuple(f"reason {number}" for number in range(MAX_REASONS))


@virtually
async def test_a_delayed_key_is_ready_when_its_delay_has_elapsed_and_says_so(clock: VirtualClock) -> None:
    queue, rings = make_queue(clock)
    queue.add_after(A, 10, "requeue")
    await clock.sleep(9.999)
    assert queue.take() is None
    assert rings.at == []
    await clock.sleep(0.002)
    assert rings.at == [10.0]
    taken = queue.take()
    assert taken is not None
    assert (taken.key, taken.reasons) == (A, ("requeue",))


@virtually
async def test_a_later_delay_replaces_an_earlier_one(clock: VirtualClock) -> None:
    queue, rings = make_queue(clock)
    queue.add_after(A, 5, "earlier")
    queue.add_after(A, 10, "later")
    await clock.sleep(9)
    assert queue.take() is None
    await clock.sleep(2)
    taken = queue.take()
    assert taken is not None
    assert taken.reasons == ("later",)
    assert rings.at[-1] == 10.0


@virtually
async def test_a_replaced_delay_is_not_released_along_with_one_that_is_due_with_it(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add_after(B, 5, "due")
    queue.add_after(A, 5, "earlier")
    queue.add_after(A, 10, "later")
    await clock.sleep(6)
    assert take_all(queue) == [B]
    await clock.sleep(5)
    assert take_all(queue) == [A]


@virtually
async def test_an_earlier_delay_replaces_a_later_one(clock: VirtualClock) -> None:
    queue, rings = make_queue(clock)
    queue.add_after(A, 10, "later")
    queue.add_after(A, 5, "earlier")
    await clock.sleep(100)
    assert rings.at == [5.0]
    taken = queue.take()
    assert taken is not None
    assert taken.reasons == ("earlier",)
    assert queue.take() is None


@virtually
async def test_a_cancelled_delay_makes_nothing_ready(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add_after(A, 10, "requeue")
    queue.cancel_delay(A)
    queue.cancel_delay(B)
    await clock.sleep(100)
    assert queue.take() is None
    assert queue.statistics() == QueueStatistics(ready=0, delayed=0, running=0)


@virtually
async def test_a_delay_does_not_hold_back_a_key_that_something_else_wakes(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add_after(A, 10, "requeue")
    queue.add(A, "changed")
    assert take_all(queue) == [A]
    await clock.sleep(11)
    assert take_all(queue) == [A]


@virtually
async def test_a_delay_that_elapses_while_its_key_runs_waits_for_the_end_of_the_run(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add(A, "one")
    queue.take()
    queue.add_after(A, 1, "requeue")
    await clock.sleep(5)
    assert queue.take() is None
    queue.done(A)
    assert queue.take() == Taken(A, ("requeue",), 4.0)


@attrs.define
class CountingClock:
    """A clock that knows how many timers are set on it."""

    inner: VirtualClock
    timers: list[object] = attrs.field(factory=list)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def call_later(self, seconds: float, callback: Callable[[], object], /) -> object:
        handle = self.inner.call_later(seconds, callback)
        self.timers.append(handle)
        return handle

    @property
    def pending(self) -> int:
        return sum(not handle.cancelled() and handle.when() > self.inner.monotonic() for handle in self.timers)  # type: ignore[attr-defined]


@virtually
async def test_five_hundred_delays_take_one_timer(clock: VirtualClock) -> None:
    counting = CountingClock(clock)
    rings = Rings(clock)
    queue = KeyedQueue(clock=counting, on_ready=rings)  # type: ignore[arg-type]
    for number in range(500):
        queue.add_after(ObjectKey("default", str(number)), 500 - number, "requeue")
        assert counting.pending == 1
    await clock.sleep(3.5)
    assert counting.pending == 1
    assert rings.at == [1.0, 2.0, 3.0]
    assert queue.statistics() == QueueStatistics(ready=3, delayed=497, running=0)


@virtually
async def test_later_delays_set_no_timer_until_it_is_their_turn(clock: VirtualClock) -> None:
    counting = CountingClock(clock)
    queue = KeyedQueue(clock=counting, on_ready=Rings(clock))  # type: ignore[arg-type]
    for number in range(100):
        queue.add_after(ObjectKey("default", str(number)), 10 + number, "requeue")
    assert len(counting.timers) == 1
    await clock.sleep(11.5)
    assert len(counting.timers) == 3


@virtually
async def test_a_cleared_queue_is_empty_and_sets_no_timer(clock: VirtualClock) -> None:
    counting = CountingClock(clock)
    queue = KeyedQueue(clock=counting, on_ready=Rings(clock))  # type: ignore[arg-type]
    queue.add(A, "runs")
    queue.take()
    queue.add(A, "again")
    queue.add(B, "waits")
    queue.add_after(C, 10, "delayed")
    queue.clear()
    assert counting.pending == 0
    assert repr(queue) == "<KeyedQueue ready=0 delayed=0 running=1>"
    queue.done(A)
    assert queue.take() is None


@virtually
async def test_a_delay_replaced_again_and_again_leaves_nothing_behind(clock: VirtualClock) -> None:
    """A key that each minute asks for ten hours: what it asked for before is dropped long before it's due."""
    queue, rings = make_queue(clock)
    queue.add_after(B, 30_000, "earlier, so that nothing of the other's comes up")
    for _ in range(1_000):
        queue.add_after(A, 36_000, "requeue")
        await clock.sleep(1)
    assert len(queue._delays) <= 70
    await clock.sleep(36_000)
    assert [at for at in rings.at if at >= 36_900] == [36_999.0]
    assert take_all(queue) == [B, A]


KEYS = st.sampled_from([A, B, C, ObjectKey("", "d"), ObjectKey("", "e")])
STEPS = st.one_of(
    st.tuples(st.just("add"), KEYS, st.integers(-3, 3)),
    st.tuples(st.just("add_after"), KEYS, st.integers(1, 6)),
    st.tuples(st.just("cancel_delay"), KEYS, st.just(0)),
    st.tuples(st.just("take"), KEYS, st.just(0)),
    st.tuples(st.just("done"), KEYS, st.just(0)),
    st.tuples(st.just("advance"), KEYS, st.integers(1, 4)),
)


@attrs.define
class Model:
    """The queue as one list and one dict, searched from end to end."""

    now: float = 0.0
    waiting: list[tuple[float, ObjectKey, float, list[str]]] = attrs.field(factory=list)
    delayed: dict[ObjectKey, tuple[float, str]] = attrs.field(factory=dict)
    running: set[ObjectKey] = attrs.field(factory=set)

    def add(self, key: ObjectKey, reason: str, priority: int = 0) -> None:
        rank, since, reasons = self.now - priority, self.now, [reason]
        for entry in self.waiting:
            if entry[1] == key:
                reasons = entry[3] if reason in entry[3] else [*entry[3], reason][:MAX_REASONS]
                if rank >= entry[0]:
                    entry[3][:] = reasons
                    return
                since = entry[2]
                self.waiting.remove(entry)
                break
        self.waiting.append((rank, key, since, reasons))

    def advance(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            for key, (due, reason) in list(self.delayed.items()):
                if due <= self.now:
                    del self.delayed[key]
                    self.add(key, reason)

    def take(self) -> Taken | None:
        ready = [entry for entry in self.waiting if entry[1] not in self.running]
        if not ready:
            return None
        entry = min(ready, key=lambda entry: entry[0])
        self.waiting.remove(entry)
        self.running.add(entry[1])
        return Taken(entry[1], tuple(entry[3]), self.now - entry[2])


@given(steps=st.lists(STEPS, max_size=60))
def test_it_does_what_a_list_would_do(steps: list[tuple[str, ObjectKey, int]]) -> None:
    """Whole seconds, so the model need not care how delays that elapse between two steps are interleaved."""

    async def main(clock: VirtualClock) -> None:
        queue, _ = make_queue(clock)
        model = Model()
        for number, (step, key, amount) in enumerate(steps):
            match step:
                case "add":
                    queue.add(key, f"r{number % 4}", priority=amount)
                    model.add(key, f"r{number % 4}", amount)
                case "add_after":
                    queue.add_after(key, amount, f"d{number}")
                    model.delayed.pop(key, None)
                    model.delayed[key] = (model.now + amount, f"d{number}")
                case "cancel_delay":
                    queue.cancel_delay(key)
                    model.delayed.pop(key, None)
                case "take":
                    assert queue.take() == model.take()
                case "done" if key in model.running:
                    queue.done(key)
                    model.running.remove(key)
                case "advance":
                    await clock.sleep(amount)
                    await clock.sleep(0)
                    model.advance(amount)
            assert queue.statistics() == QueueStatistics(
                ready=len(model.waiting), delayed=len(model.delayed), running=len(model.running)
            )
        while (expected := model.take()) is not None:
            assert queue.take() == expected
        assert queue.take() is None

    run_virtual(main)


@virtually
async def test_a_delay_keeps_several_reasons_apart(clock: VirtualClock) -> None:
    queue, _ = make_queue(clock)
    queue.add_after(A, 5, "one", "two")
    queue.add(A, "two")
    await clock.sleep(6)

    assert queue.take() == Taken(A, ("two", "one"), 6.0)
