from __future__ import annotations

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.runtime.parking import LAG_BOUND, Parking
from reconcilekit.runtime.queue import MAX_REASONS
from reconcilekit.testing import VirtualClock, run_virtual

A = ObjectKey("default", "a")


def test_a_parked_key_gains_reasons_each_once_and_not_without_bound() -> None:
    async def main(clock: VirtualClock) -> None:
        parking = Parking(clock=clock, on_lag=lambda key: None)
        parking.add(A, ("one", "two"))
        parking.add(A, ("two", "three"))
        for number in range(10_000):
            parking.add(A, (f"event {number}",))
        reasons = parking.remove(A)

        assert reasons[:4] == ("one", "two", "three", "event 0")
        assert len(reasons) == MAX_REASONS
        assert parking.remove(A) == ()

    run_virtual(main)


def test_it_gains_no_time() -> None:
    lagging: list[tuple[ObjectKey, float]] = []

    async def main(clock: VirtualClock) -> None:
        parking = Parking(clock=clock, on_lag=lambda key: lagging.append((key, clock.monotonic())))
        parking.add(A, ("one",))
        await clock.sleep(LAG_BOUND - 1)
        parking.add(A, ("two",))
        await clock.sleep(LAG_BOUND)

    run_virtual(main)
    assert lagging == [(A, LAG_BOUND)]
