from __future__ import annotations

from collections.abc import Callable

import pytest

from reconcilekit.cache import Cache, HealthState, ReflectorSettings
from reconcilekit.cache.reconnect import ReconnectBackoff
from reconcilekit.errors import LostAnswerError
from reconcilekit.kube.client import ContinueExpiredError
from reconcilekit.kube.watch import WatchEvent
from reconcilekit.testing.virtual_time import VirtualClock
from tests.cache.scripted import (
    CONFIG_MAP,
    SECRET,
    Asked,
    Recorder,
    ScriptedServer,
    make_object,
    refuse,
    status_error,
    tell,
)

SETTINGS = ReflectorSettings()


def once(error: Exception) -> Callable[[Asked], None]:
    """Answer the next request with an error, and the others as usual."""
    errors = [error]

    def answer(_asked: Asked) -> None:
        if errors:
            raise errors.pop()

    return answer


def verbs(server: ScriptedServer) -> list[str]:
    return [asked.verb for asked in server.requests]


def pages(server: ScriptedServer) -> list[tuple[int, str]]:
    return [(asked.limit, asked.continue_token) for asked in server.requests if asked.verb == "list"]


class TestBackoff:
    def test_pauses_double_with_jitter_from_0_8_s_to_30_s(self) -> None:
        backoff = ReconnectBackoff(clock=VirtualClock(), settings=SETTINGS)
        delays = [backoff.next_delay() for _ in range(50)]

        assert all(0.8 * 2**n <= delay <= 1.6 * 2**n for n, delay in enumerate(delays[:4]))
        assert all(15 <= delay <= 30 for delay in delays[6:])
        assert len(set(delays)) == 50

    def test_failures_far_apart_start_from_the_shortest_pause(self) -> None:
        clock = VirtualClock()
        backoff = ReconnectBackoff(clock=clock, settings=SETTINGS)
        for _ in range(10):
            last = backoff.next_delay()
        clock.advance(last + 119)
        soon = backoff.next_delay()
        clock.advance(soon + 121)

        assert soon > 10
        assert backoff.next_delay() <= 1.6

    def test_what_the_server_asks_for_is_a_floor(self) -> None:
        backoff = ReconnectBackoff(clock=VirtualClock(), settings=SETTINGS)

        assert backoff.next_delay(at_least=45) == 45

    def test_one_odd_header_does_not_blind_the_cache_for_a_day(self) -> None:
        backoff = ReconnectBackoff(clock=VirtualClock(), settings=SETTINGS)

        assert backoff.next_delay(at_least=86_400) == 60


class TestPace:
    def test_watches_that_close_empty_make_no_loop(self) -> None:
        """The official client's informer made 1,223 requests a second of this."""

        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.closes_at_once = True
            cache.declare(CONFIG_MAP)
            await cache.start()
            await clock.sleep(10)
            early = len(server.requests)
            await clock.sleep(3_590)

            assert early <= 12
            assert len(server.requests) <= 3_600 / 15 * 2 + 12
            assert server.count("watch") >= 3_600 / 30

        tell(story)

    def test_watches_that_close_after_one_event_make_no_loop(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.closes_at_once = True

            def change(_asked: Asked) -> None:
                server.put(CONFIG_MAP, "a")

            server.on_watch = change
            cache.declare(CONFIG_MAP)
            await cache.start()
            await clock.sleep(600)

            assert len(server.requests) <= 600 / 15 * 2 + 12

        tell(story)

    @pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 429, 500, 503, 504])
    def test_refusals_make_no_loop(self, code: int) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = refuse(status_error(code))
            cache.declare(CONFIG_MAP)
            server.on_watch = refuse(status_error(code))
            cache.declare(SECRET)
            await cache.start()
            await clock.sleep(600)

            assert 600 / 30 <= server.count("list", CONFIG_MAP) <= 600 / 15 + 10

        tell(story)

    def test_watches_that_are_refused_make_no_loop(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_watch = refuse(status_error(410, "Expired"))
            cache.declare(CONFIG_MAP)
            await cache.start()
            await clock.sleep(600)

            assert len(server.requests) <= (600 / 15 + 10) * 2
            assert server.count("list") == server.count("watch")

        tell(story)

    def test_one_kind_backs_off_alone(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = refuse(status_error(403), resource=SECRET)
            cache.declare(SECRET)
            await cache.start()
            await clock.sleep(300)
            cache.declare(CONFIG_MAP)
            await cache.wait_synced([CONFIG_MAP])

            assert clock.monotonic() == 300

        tell(story)

    def test_retry_after_is_honoured(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.on_list = once(status_error(429, "TooManyRequests", retry_after=40))
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])

            assert clock.monotonic() == 40

        tell(story)

    def test_an_ordinary_end_is_followed_by_the_next_watch_at_once(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            cache.declare(CONFIG_MAP)
            await cache.start()
            for _ in range(10):
                await clock.sleep(60)
                server.put(CONFIG_MAP, "a")
            await clock.sleep(1)

            assert [(asked.verb, asked.at) for asked in server.requests] == [
                ("list", 0),
                ("watch", 0),
                ("watch", 290),
                ("watch", 580),
            ]

        tell(story)


class TestDistrust:
    def test_a_watch_without_one_event_is_followed_by_a_question_for_the_version(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            cache.declare(CONFIG_MAP)
            await cache.start()
            await clock.sleep(300)

            assert [(asked.verb, asked.at) for asked in server.requests[2:]] == [("check", 290), ("watch", 290)]

        tell(story)

    def test_so_is_an_end_before_its_time(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            cache.declare(CONFIG_MAP)
            await cache.start()
            await clock.sleep(200)
            server.put(CONFIG_MAP, "a")
            server.end_watches()
            await clock.sleep(1)

            assert [(asked.verb, asked.at) for asked in server.requests[2:]] == [("check", 200), ("watch", 200)]

        tell(story)

    def test_so_is_a_failure(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            cache.declare(CONFIG_MAP)
            await cache.start()
            await clock.sleep(20)
            server.put(CONFIG_MAP, "a")
            server.end_watches(error=LostAnswerError("reset"))
            await clock.sleep(20)

            assert verbs(server) == ["list", "watch", "check", "watch"]

        tell(story)

    def test_a_restored_server_is_listed_anew(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            old = make_object("a", 11, data="old")
            for name in "ab":
                server.put(CONFIG_MAP, name)
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])
            server.go_back(11, {CONFIG_MAP: [old]})
            await clock.sleep(20)
            store = cache.store(CONFIG_MAP)

            assert recorder.told() == ["+a", "+b", "-b", "~a"]
            assert store.get(old.key) is old
            assert store.resource_version("") == "11"
            assert verbs(server) == ["list", "watch", "check", "list", "watch"]

        tell(story)

    def test_an_object_older_than_the_cached_one_is_not_believed(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.put(CONFIG_MAP, "a")
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])
            server.send(CONFIG_MAP, WatchEvent(type="MODIFIED", object=make_object("a", 3), resource_version="3"))
            await clock.sleep(5)

            assert recorder.told() == ["+a"]
            assert verbs(server) == ["list", "watch", "list", "watch"]

        tell(story)

    def test_a_watch_that_never_ends_is_dropped(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.never_ends = True
            cache.declare(CONFIG_MAP)
            await cache.start()
            await clock.sleep(290)
            server.bookmark()
            await clock.sleep(10)

            assert verbs(server) == ["list", "watch", "check", "watch"]
            assert 295 + 0.8 <= server.requests[-1].at <= 295 + 1.6

        tell(story)

    def test_watches_that_bring_nothing_are_replaced_by_lists(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            server.closes_at_once = True
            cache.declare(CONFIG_MAP)
            await cache.start()
            await clock.sleep(300)
            assert cache.health()[CONFIG_MAP].state is HealthState.FAILING
            server.put(CONFIG_MAP, "a")
            server._history.clear()
            await clock.sleep(31)
            assert recorder.told() == ["+a"]
            server.closes_at_once = False
            await clock.sleep(40)
            server.put(CONFIG_MAP, "a")
            await clock.sleep(1)
            assert cache.health()[CONFIG_MAP].state is HealthState.SYNCED

        tell(story)


class TestLists:
    def test_pages_are_put_together(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            for number in range(7):
                server.put(CONFIG_MAP, f"o{number}")
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])

            assert len(recorder.changes) == 7
            assert pages(server) == [(3, ""), (3, "3"), (3, "6")]

        tell(story, settings=ReflectorSettings(page_size=3))

    def test_an_expired_continue_token_starts_over_with_everything_in_one_page(self) -> None:
        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            for number in range(7):
                server.put(CONFIG_MAP, f"o{number}")

            def answer(asked: Asked) -> None:
                if asked.continue_token == "6":
                    server.delete(CONFIG_MAP, "o0")
                    raise ContinueExpiredError(410)

            server.on_list = answer
            cache.declare(CONFIG_MAP)
            await cache.start()
            await cache.wait_synced([CONFIG_MAP])

            assert len(cache.store(CONFIG_MAP)) == 6
            assert clock.monotonic() == 0
            assert pages(server) == [
                (3, ""),
                (3, "3"),
                (3, "6"),
                (0, ""),
            ]

        tell(story, settings=ReflectorSettings(page_size=3))

    def test_lists_never_name_a_version(self) -> None:
        """resourceVersion "0" can go back in time after a restart: kubernetes/kubernetes#59848."""

        async def story(clock: VirtualClock, server: ScriptedServer, cache: Cache, recorder: Recorder) -> None:
            cache.declare(CONFIG_MAP)
            await cache.start()
            await clock.sleep(20)
            server.end_watches(error=status_error(410, "Expired"))
            await clock.sleep(20)

            assert {asked.resource_version for asked in server.requests if asked.verb != "watch"} == {""}

        tell(story)
