from __future__ import annotations

import asyncio
import logging

import pytest

from reconcilekit.cache import (
    Cache,
    CacheClosedError,
    HealthState,
    Scope,
    ScopeConflictError,
    Selection,
    UndeclaredKindError,
)
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.virtual_time import VirtualClock
from tests.cache.scripted import (
    CONFIG_MAP,
    SECRET,
    WIDGET,
    Recorder,
    ScriptedServer,
    refuse,
    status_error,
    tell,
)


class TestFilling:
    def test_what_is_there_and_what_comes_is_told_in_order(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.put(CONFIG_MAP, "a")
            server.put(CONFIG_MAP, "b")
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])
            server.put(CONFIG_MAP, "a")
            server.delete(CONFIG_MAP, "b")
            await clock.sleep(0)
            await clock.sleep(0)

            assert recorder.told() == ["+a", "+b", "~a", "-b"]
            assert [change.sequence for change in recorder.changes] == [1, 2, 3, 4]
            assert cache.sequence == 4

        tell(story)

    def test_a_view_holds_all_kinds_at_one_instant(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            key = server.put(CONFIG_MAP, "a").key
            server.put(SECRET, "a")
            cache.declare(CONFIG_MAP)
            cache.declare(SECRET)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP, SECRET])
            with cache.view() as view:
                server.delete(CONFIG_MAP, "a")
                server.put(SECRET, "b")
                await clock.sleep(1)
                assert view.get(CONFIG_MAP, key) is not None
                assert len(view.select(SECRET, Selection())) == 1
            with cache.view() as view:
                assert view.get(CONFIG_MAP, key) is None
                assert len(view.select(SECRET, Selection())) == 2

        tell(story)

    def test_a_relist_is_told_when_the_store_holds_all_of_it(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            seen: list[int] = []

            class Counting(Recorder):
                def changed(self, change: object) -> None:
                    seen.append(len(cache.store(CONFIG_MAP)))

            cache.subscribe(Counting())
            for name in "abc":
                server.put(CONFIG_MAP, name)
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])

            assert seen == [3, 3, 3]

        tell(story)

    def test_own_writes_are_seen_by_event_or_bookmark(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            store = cache.declare(CONFIG_MAP)
            cache.declare(SECRET)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP, SECRET])
            written = server.put(CONFIG_MAP, "a")
            later = server.put(SECRET, "s").meta.resource_version
            at_once = store.has_seen(written.key, written.meta.resource_version)
            await clock.sleep(1)
            by_event = store.has_seen(written.key, written.meta.resource_version), store.has_seen(written.key, later)
            told = len(recorder.progress)
            server.bookmark()
            await clock.sleep(1)

            assert (at_once, by_event) == (False, (True, False))
            assert store.has_seen(written.key, later)
            assert recorder.progress[told:] == [CONFIG_MAP, SECRET]

        tell(story)

    def test_one_seed_gives_one_order_of_changes(self) -> None:
        def trace(seed: int) -> list[tuple[str, str, int]]:
            recorded: list[tuple[str, str, int]] = []

            async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
                kinds = [CONFIG_MAP, SECRET, WIDGET]
                for kind in kinds:
                    cache.declare(kind)
                await cache.start()
                for number in range(200):
                    kind = clock.random.choice(kinds)
                    server.put(kind, clock.random.choice("abcdef"))
                    if number % 20 == 0:
                        server.end_watches(kind)
                    await clock.sleep(clock.random.random())
                await clock.sleep(60)
                recorded.extend((change.resource.kind, change.key.name, change.sequence) for change in recorder.changes)

            tell(story, seed=seed)
            return recorded

        assert len({tuple(trace(7)) for _ in range(3)}) == 1
        assert trace(7) != trace(8)


class TestDeclaring:
    def test_callers_share_a_store(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            scope = Scope(label_selector="a=b")

            assert cache.declare(CONFIG_MAP, scope=scope) is cache.declare(CONFIG_MAP) is cache.store(CONFIG_MAP)
            with pytest.raises(ScopeConflictError, match=r"declared with the scope \(everything\), but it is cached"):
                cache.declare(CONFIG_MAP, scope=Scope())

        tell(story)

    def test_a_kind_can_be_declared_after_the_start(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.put(CONFIG_MAP, "a")
            await cache.start()
            store = cache.declare(CONFIG_MAP)
            await cache.wait_synced([CONFIG_MAP])

            assert len(store) == 1

        tell(story)

    def test_several_namespaces_have_a_list_and_a_watch_each(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            for namespace in ("n1", "n2", "n3"):
                server.put(CONFIG_MAP, "a", namespace=namespace)
            store = cache.declare(CONFIG_MAP, scope=Scope(namespaces=("n1", "n2")))
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])
            await clock.sleep(1)
            server.put(CONFIG_MAP, "b", namespace="n2")
            server.put(CONFIG_MAP, "b", namespace="n3")
            await clock.sleep(1)

            assert [(asked.verb, asked.namespace) for asked in server.requests] == [
                ("list", "n1"),
                ("list", "n2"),
                ("watch", "n1"),
                ("watch", "n2"),
            ]
            assert sorted(store.keys()) == [("n1", "a"), ("n2", "a"), ("n2", "b")]

        tell(story)

    def test_undeclared_kinds_are_named(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            for ask in (cache.store, cache.relist, cache.is_synced, cache.is_readable):
                with pytest.raises(UndeclaredKindError, match=r"Secret\.v1: not declared"):
                    ask(SECRET)

        tell(story)

    def test_misuse_raises(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            cache.declare(CONFIG_MAP)
            await cache.start()
            with pytest.raises(RuntimeError, match="already started"):
                await cache.start()
            await cache.aclose()
            with pytest.raises(CacheClosedError):
                cache.declare(SECRET)
            with pytest.raises(CacheClosedError):
                await cache.wait_synced([CONFIG_MAP])

        tell(story)

    def test_closing_ends_waiting(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = refuse(status_error(403))
            cache.declare(CONFIG_MAP)
            await cache.start()
            waiting = asyncio.ensure_future(cache.wait_synced([CONFIG_MAP]))
            await clock.sleep(1)
            await cache.aclose()
            with pytest.raises(CacheClosedError):
                await waiting

        tell(story)


class TestListeners:
    def test_one_that_raises_is_reported_and_the_others_are_told(self, caplog: pytest.LogCaptureFixture) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            class Broken(Recorder):
                def changed(self, change: object) -> None:
                    raise ZeroDivisionError

            cache.subscribe(Broken())
            last = Recorder()
            cache.subscribe(last)
            server.put(CONFIG_MAP, "a")
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])

            assert recorder.told() == last.told() == ["+a"]

        tell(story)
        assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]

    def test_one_that_left_is_told_no_more(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            leaving = Recorder()
            leave = cache.subscribe(leaving)
            leave()
            leave()
            server.put(CONFIG_MAP, "a")
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])

            assert (leaving.told(), recorder.told()) == ([], ["+a"])

        tell(story)


class TestSupervision:
    def test_a_reflector_that_dies_of_a_bug_is_reported_and_started_again(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = refuse(ZeroDivisionError("a bug"))
            cache.declare(CONFIG_MAP)
            await cache.start()
            await clock.sleep(0.5)
            assert cache.health()[CONFIG_MAP].state is HealthState.FAILING
            assert "died of a bug (ZeroDivisionError: a bug)" in cache.health()[CONFIG_MAP].message
            await clock.sleep(100)
            assert 4 < len(server.requests) < 10
            server.on_list = lambda asked: None
            await cache.wait_synced([CONFIG_MAP])
            assert cache.is_readable(CONFIG_MAP)

        tell(story)
        death = next(record for record in caplog.records if record.exc_info)
        assert death.levelno == logging.ERROR
        assert death.exc_info is not None
        assert death.exc_info[0] is ZeroDivisionError
        assert death.__dict__["resource"] == "ConfigMap.v1"

    def test_cancelled_by_nobody_counts_as_a_death(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])
            server.end_watches(error=asyncio.CancelledError())
            await clock.sleep(0.5)
            assert "cancelled by nobody" in cache.health()[CONFIG_MAP].message
            await clock.sleep(10)

            assert cache.is_readable(CONFIG_MAP)

        tell(story)

    def test_an_object_missed_while_dead_is_found(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.put(CONFIG_MAP, "a")
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])
            server.end_watches(error=ZeroDivisionError())
            server.delete(CONFIG_MAP, "a", quietly=True)
            await clock.sleep(10)

            assert recorder.told() == ["+a", "-a"]

        tell(story)


class TestRelist:
    def test_an_open_watch_is_interrupted(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.put(CONFIG_MAP, "a")
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])
            await clock.sleep(1)
            server.delete(CONFIG_MAP, "a", quietly=True)
            cache.relist(CONFIG_MAP)
            cache.relist(CONFIG_MAP)
            await clock.sleep(0.1)

            assert recorder.told() == ["+a", "-a"]
            assert [asked.verb for asked in server.requests] == ["list", "watch", "list", "watch"]

        tell(story)

    def test_a_list_under_way_is_followed_by_another(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            cache.declare(CONFIG_MAP)
            await cache.start()
            while not server.requests:
                await clock.sleep(0)
            cache.relist(CONFIG_MAP)
            await clock.sleep(0.1)

            assert [asked.verb for asked in server.requests] == ["list", "list", "watch"]

        tell(story)


def test_the_view_of_a_closed_cache_can_still_be_read() -> None:
    async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
        server.put(CONFIG_MAP, "a")
        cache.declare(CONFIG_MAP)
        await cache.start()
        await cache.wait_synced([CONFIG_MAP])
        with cache.view() as view:
            await cache.aclose()
            assert view.get(CONFIG_MAP, ObjectKey("default", "a")) is not None

    tell(story)
