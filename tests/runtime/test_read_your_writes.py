"""A key never runs on a view that is older than its own writes."""

from __future__ import annotations

import pytest

from tests.runtime.reconcilers import Counts, Waker, lists_and_watches
from tests.runtime.world import WIDGET, World, key, simulate, widget


class TestReadYourWrites:
    def test_no_run_is_on_a_view_older_than_its_own_writes(self) -> None:
        async def main(world: World) -> None:
            await world.create(widget("w"))
            counts = Counts()
            async with world.running(counts) as manager:
                world.server.lag("widgets", 100.0)
                assert counts.seen == [0]
                await world.patch(WIDGET, "w", {"spec": {"n": 1}})
                await world.clock.sleep(101)
                assert counts.seen == [0, 1]
                await world.patch(WIDGET, "w", {"spec": {"n": 2}})
                await world.clock.sleep(99)
                assert counts.seen == [0, 1]
                await world.settle(2000)
                assert counts.seen == sorted(set(counts.seen))
                assert manager.statistics()["counts"].parked == 0
                assert {r.status for r in world.server.requests if r.user_agent == "tests"} == {200}

        simulate(main)

    def test_a_key_that_is_woken_before_it_has_seen_its_write_is_parked_for_30_s_and_then_reads_live(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        waker = Waker()

        class Woken(Counts):
            watches = (waker,)

        async def main(world: World) -> None:
            await world.create(widget("w"))
            world.server.lag("widgets", 100.0)
            counts = Woken()
            async with world.running(counts) as manager:
                assert counts.seen == [0]
                (wake,) = waker.wakes
                wake(key("w"), "the test says so")
                await world.clock.sleep(25)
                assert counts.seen == [0]
                assert manager.statistics()["woken"].parked == 1
                before = lists_and_watches(world, "widgets")[0]

                await world.clock.sleep(6)
                assert counts.seen == [0, 1]
                assert lists_and_watches(world, "widgets")[0] == before + 1
                assert "the test says so" in world.runs("w")[1].reasons
                assert world.server.count(method="GET", path="*/widgets/w") == 1

        simulate(main)
        assert (
            "the watch hasn't shown for 30 s what this key waits for; reading it live: Widget default/w" in caplog.text
        )
