from __future__ import annotations

import logging

import pytest

from reconcilekit.cache import (
    Cache,
    HealthState,
    Scope,
    Selection,
)
from reconcilekit.kube.discovery import KindAbsentError, KindNotYetServedError, StaleDiscoveryError
from reconcilekit.testing.virtual_time import VirtualClock
from tests.cache.scripted import (
    CONFIG_MAP,
    SECRET,
    WIDGET,
    Asked,
    Recorder,
    ScriptedServer,
    refuse,
    status_error,
    tell,
)


class TestHealth:
    def test_one_forbidden_kind_is_named_and_retried_and_the_others_go_on(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = refuse(status_error(403, "Forbidden"), resource=SECRET)
            cache.declare(CONFIG_MAP)
            cache.declare(SECRET)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])
            await clock.sleep(60)
            health = cache.health()
            assert health[CONFIG_MAP].state is HealthState.SYNCED
            assert health[SECRET].state is HealthState.FORBIDDEN
            assert "403" in health[SECRET].message
            assert not cache.is_synced(SECRET)
            server.put(CONFIG_MAP, "a")
            server.on_list = lambda asked: None
            await cache.wait_synced([SECRET])
            assert clock.monotonic() < 91
            assert cache.health()[SECRET].state is HealthState.SYNCED
            assert recorder.told() == ["+a"]

        tell(story)
        record = next(record for record in caplog.records if record.__dict__.get("state") == "forbidden")
        assert record.levelno == logging.WARNING
        assert record.__dict__["resource"] == "Secret.v1"
        assert record.__dict__["verdict"] == "ConfigError"
        assert record.__dict__["rule"]

    def test_a_kind_that_becomes_unreadable_keeps_its_content_and_says_so(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.put(SECRET, "a")
            store = cache.declare(SECRET)
            await cache.start()
            await cache.wait_synced([SECRET])
            await clock.sleep(20)
            server.on_list = server.on_watch = refuse(status_error(403))
            server.end_watches()
            await clock.sleep(5)

            assert (cache.is_synced(SECRET), cache.is_readable(SECRET), len(store)) == (True, False, 1)
            assert cache.health()[SECRET].state is HealthState.FORBIDDEN
            assert recorder.told() == ["+a"]
            server.on_list = server.on_watch = lambda asked: None
            await clock.sleep(40)
            assert cache.is_readable(SECRET)

        tell(story)

    def test_a_watch_that_breaks_and_comes_back_is_no_failure_of_the_kind(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            cache.declare(SECRET)
            await cache.start()
            await cache.wait_synced([SECRET])
            told = len(recorder.health)
            await clock.sleep(20)
            server.end_watches(error=status_error(500))
            await clock.sleep(20)

            assert server.count("watch") == 2
            assert len(recorder.health) == told

        tell(story)

    def test_the_absence_of_an_optional_kind_is_its_content(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = refuse(KindAbsentError("KindAbsent", "no such kind"))
            cache.declare(WIDGET.optional())
            await cache.start()
            await cache.wait_synced([WIDGET.optional()])

            assert cache.health()[WIDGET].state is HealthState.ABSENT
            assert cache.is_readable(WIDGET.optional())
            assert not cache.is_synced(WIDGET)
            assert not cache.is_readable(WIDGET)
            with cache.view() as view:
                assert view.select(WIDGET, Selection()) == []

        tell(story)

    def test_a_kind_that_appears_is_noticed(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = refuse(KindAbsentError("KindAbsent", "no such kind"))
            cache.declare(WIDGET.optional())
            await cache.start()
            await clock.sleep(600)
            told = list(recorder.health)
            before = len(server.requests)
            server.put(WIDGET, "a")
            server.on_list = lambda asked: None
            await clock.sleep(31)

            assert before < 40
            assert (told, recorder.health) == ([WIDGET], [WIDGET, WIDGET])
            assert cache.health()[WIDGET].state is HealthState.SYNCED
            assert recorder.told() == ["+a"]

        tell(story)

    def test_a_kind_that_is_removed_takes_its_objects_along_only_where_it_is_optional(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            for kind in (WIDGET, SECRET):
                server.put(kind, kind.kind)
            cache.declare(WIDGET.optional())
            cache.declare(SECRET)
            await cache.start()
            await cache.wait_synced([WIDGET, SECRET])
            server.on_list = server.on_watch = refuse(KindAbsentError("KindAbsent", "gone"))
            server.end_watches(error=status_error(404))
            await clock.sleep(10)

            assert recorder.told() == ["+Widget", "+Secret", "-Widget"]
            assert (cache.is_synced(SECRET), cache.is_readable(SECRET), len(cache.store(SECRET))) == (True, False, 1)
            assert (cache.is_synced(WIDGET), cache.is_synced(WIDGET.optional())) == (False, True)

        tell(story)

    def test_what_goes_on_failing_is_said_aloud_once(self, caplog: pytest.LogCaptureFixture) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = refuse(KindAbsentError("KindAbsent", "no such kind"))
            cache.declare(WIDGET.optional())
            await cache.start()
            await clock.sleep(600)
            server.on_list = refuse(status_error(403))
            await clock.sleep(600)
            server.on_list = lambda asked: None
            await clock.sleep(60)

        caplog.set_level(logging.INFO, "reconcilekit.cache")
        tell(story)
        said = [(record.levelname, record.__dict__["state"]) for record in caplog.records]
        assert said == [("WARNING", "absent"), ("WARNING", "forbidden"), ("INFO", "synced")]

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (KindNotYetServedError(f"{WIDGET}: it isn't served"), "it isn't served"),
            (KindAbsentError("KindAbsent", f"{WIDGET}: it is gone"), "KindAbsent: it is gone"),
            (StaleDiscoveryError("backend down"), "backend down"),
        ],
    )
    def test_the_kind_is_named_once(self, caplog: pytest.LogCaptureFixture, error: Exception, said: str) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = refuse(error)
            cache.declare(WIDGET)
            await cache.start()
            await clock.sleep(1)
            assert cache.health()[WIDGET].message == said

        tell(story)
        assert caplog.records[0].getMessage().startswith(f"{WIDGET}: {said}; trying again in ")

    def test_stale_discovery_is_not_absence(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = refuse(StaleDiscoveryError("backend down"))
            cache.declare(WIDGET.optional())
            await cache.start()
            await clock.sleep(10)

            assert cache.health()[WIDGET].state is HealthState.FAILING
            assert not cache.is_synced(WIDGET.optional())

        tell(story)

    def test_objects_that_cannot_be_decoded_are_named_until_they_can(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            key = server.put(CONFIG_MAP, "a").key
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])
            named, told = [cache.health()[CONFIG_MAP].undecodable], [len(recorder.health)]
            for change in (server.spoil, server.put, server.spoil, server.delete):
                change(CONFIG_MAP, "a")
                await clock.sleep(1)
                named.append(cache.health()[CONFIG_MAP].undecodable)
                told.append(len(recorder.health))

            assert named == [(), (key,), (), (key,), ()]
            assert told == [1, 2, 3, 4, 5]
            assert recorder.told() == ["+a", "~a", "-a"]

        tell(story)

    def test_the_worst_namespace_speaks_for_the_kind(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            def answer(asked: Asked) -> None:
                if asked.namespace == "n2":
                    raise status_error(403)

            server.on_list = answer
            cache.declare(SECRET, scope=Scope(namespaces=("n1", "n2")))
            await cache.start()
            await clock.sleep(1)

            assert cache.health()[SECRET].state is HealthState.FORBIDDEN
            assert cache.health()[SECRET].message.startswith("namespace n2: ")

        tell(story)
