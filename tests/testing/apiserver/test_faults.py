from __future__ import annotations

import asyncio
import math
import re
from typing import Any, get_args

import attrs
import msgspec
import pytest

from reconcilekit.errors import LostAnswerError, NotSentError
from reconcilekit.testing import Fault
from reconcilekit.testing.apiserver import fault_options, oddities
from reconcilekit.testing.apiserver.faults import Action

MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name: str = "a") -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"a": "1"}}


def test_the_default_fault_is_one_unmapped_etcd_error(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        armed = call.server.faults.add(Fault())
        answer = await call("GET", MAPS)
        assert (answer.status, answer.message) == (500, "etcdserver: leader changed")
        assert "reason" not in answer.body
        assert (await call("GET", MAPS)).status == 200
        assert (armed.hits, armed.is_spent) == (1, True)
        [hit] = call.server.faults.log
        assert (hit.method, hit.path, hit.at) == ("GET", MAPS, 0.0)

    on_server(scenario)


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (Fault(method="PUT"), [200, 200, 200, 200]),
        (Fault(path="*/configmaps", count=2), [500, 500, 200, 200]),
        (Fault(path=re.compile(r".*/config.*"), after_calls=2), [200, 200, 500, 200]),
        (Fault(path="/api/v1/secrets*", count=None), [200, 200, 200, 200]),
        (Fault(query={"limit": "5"}, count=None), [500, 500, 500, 500]),
        (Fault(query={"limit": "6"}, count=None), [200, 200, 200, 200]),
        (Fault(user_agent="somebody*", count=None), [200, 200, 200, 200]),
        (Fault(user_agent="tester/*", count=None), [500, 500, 500, 500]),
    ],
)
def test_rules_choose_requests(fault: Fault, statuses: list[int], on_server: Any) -> None:
    async def scenario(call: Any) -> list[int]:
        call.server.faults.add(fault)
        return [(await call("GET", MAPS, limit="5")).status for _ in statuses]

    assert on_server(scenario) == statuses


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"action": "explode"}, "action='explode' is none of answer, delay, drop"),
        ({"when": "later"}, "when='later' is none of before, after"),
        ({"method": "GET,get"}, "method='GET,get': 'get' is none of GET, HEAD"),
        ({"path": "api/v1"}, "path='api/v1': paths begin with a slash"),
        ({"probability": 2.0}, "probability=2.0 isn't above 0 and at most 1"),
        ({"probability": 0}, "probability=0 isn't above 0 and at most 1"),
        ({"probability": math.nan}, "probability=nan isn't above 0"),
        ({"retry_after": -1, "status": 429}, "retry_after=-1 is negative"),
        ({"delay": math.inf}, "delay=inf is no time; pass seconds >= 0"),
        ({"action": "delay"}, "action='delay' delays nothing by 0 seconds"),
        ({"action": "late_write", "method": "GET"}, "action='late_write' is for writes, not GET"),
        ({"action": "second_try", "method": "GET,HEAD"}, "action='second_try' is for writes, not GET,HEAD"),
        (
            {"lands_after": 5.0},
            "action='answer' ignores lands_after=5.0; leave it away, or choose one that goes by it: late_write",
        ),
        ({"action": "drop", "status": 503}, "action='drop' ignores status=503; leave it away, or choose one that"),
        ({"action": "delay", "delay": 1.0, "when": "after"}, "action='delay' ignores when='after'"),
        ({"action": "refuse", "when": "after"}, "action='refuse' ignores when='after'"),
        ({"action": "close", "message": "m"}, "action='close' ignores message='m'"),
        ({"action": "error_event", "retry_after": 1}, "action='error_event' ignores retry_after=1"),
        ({"after_events": 1}, "action='answer' ignores after_events=1"),
        ({"action": "close", "after_events": 1, "delay": 1.0}, "after_events=1 beside delay=1.0: it strikes by one"),
        ({"bare": True, "body": "x"}, "bare=True is of the Status, which body='x' replaces; leave one of them away"),
        ({"reason": "Conflict", "body": {}}, "reason='Conflict' is of the Status, which body={} replaces"),
        ({"count": 0}, "count=0; None is for ever"),
        ({"status": 42}, "status=42 isn't from 200 to 599"),
        ({"delay": -1.0}, "delay=-1.0 is negative"),
        ({"after_calls": -1}, "after_calls=-1 is negative"),
        ({"action": "close", "method": "PATCH"}, "action='close' is for watches, which are GETs, not PATCH"),
        ({"path": "/api/v1/pods?limit=5"}, "path='/api/v1/pods?limit=5': parameters are no part of it"),
    ],
)
def test_a_rule_that_would_do_nothing_is_refused(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        Fault(**wrong)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"method": ["GET"]}, "method=['GET'] is no str; pass method='GET', or method='GET,PUT' for several"),
        ({"path": 1}, "path=1 is no str or Pattern; pass path='*/configmaps', or a compiled pattern"),
        ({"path": re.compile(b"x")}, "path=re.compile(b'x') is for bytes; pass re.compile("),
        ({"query": "watch=1"}, "query='watch=1' is no Mapping; pass query={'watch': '1'}"),
        ({"query": {"dryRun": 1}}, "query={'dryRun': 1}: 'dryRun' and 1 are compared as text; pass {'watch': '1'}"),
        ({"user_agent": None}, "user_agent=None is no str; pass user_agent='my-controller*', or '*' for all"),
        ({"count": "3"}, "count='3' is no int; pass count=3, or count=None for ever"),
        ({"count": True}, "count=True is no int"),
        ({"action": ["drop"]}, "action=['drop'] is no str; pass action='drop'"),
        ({"delay": "1"}, "delay='1' is no int or float; pass delay=0.5, in seconds"),
        ({"details": "x"}, "details='x' is no Mapping; pass details={'kind': 'configmaps'}"),
        ({"body": b"x"}, "body=b'x' is no str or Mapping; pass body="),
        ({"bare": 1}, "bare=1 is no bool; pass bare=True"),
    ],
)
def test_an_option_of_another_type_is_refused(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(TypeError, match=re.escape(problem)):
        Fault(**wrong)


def test_every_option_and_action_is_checked() -> None:
    assert list(fault_options.HEEDED) == list(get_args(Action))
    fault = Fault(action="error_event", status=410, reason="Expired", details={}, after_events=2)
    assert attrs.evolve(fault, count=None).status == 410


def test_what_was_added_is_removed_not_its_rule(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        rule: Any = Fault()
        call.server.faults.add(rule)
        with pytest.raises(TypeError, match="Fault can't be removed: remove takes the ArmedFault that add gave"):
            call.server.faults.remove(rule)

    on_server(scenario)


def test_several_rules_are_added_one_by_one(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        with pytest.raises(TypeError, match="tuple is no Fault; several are added one by one"):
            call.server.faults.add(oddities.dead_storage())

    on_server(scenario)


@pytest.mark.parametrize("watch", ["1", "true", "True", "yes"])
def test_what_is_done_to_watches_is_done_to_nothing_else(on_server: Any, watch: str) -> None:
    async def scenario(call: Any) -> None:
        armed = call.server.faults.add(Fault(action="close", path="*configmaps"))
        await call("GET", MAPS)
        await call("GET", MAPS, watch="0")
        assert (armed.calls, armed.hits) == (0, 0)
        request = call.request("GET", MAPS, silence=400.0, query={"watch": watch, "resourceVersion": "0"})
        await call.events(await call.server.transport("t").open(request))
        assert (armed.hits, call.clock.monotonic()) == (1, 0.0)

    on_server(scenario)


def test_chance_comes_from_the_seed(on_server: Any) -> None:
    async def scenario(call: Any) -> list[int]:
        call.server.faults.add(Fault(probability=0.5, count=None))
        return [(await call("GET", MAPS)).status for _ in range(40)]

    assert on_server(scenario, seed=3) == on_server(scenario, seed=3)
    assert set(on_server(scenario, seed=3)) == {200, 500}
    assert on_server(scenario, seed=3) != on_server(scenario, seed=4)


@pytest.mark.parametrize(
    ("fault", "error", "is_done"),
    [
        (Fault(action="drop"), LostAnswerError, False),
        (Fault(action="drop", when="after"), LostAnswerError, True),
        (Fault(action="refuse"), NotSentError, False),
        (Fault(action="truncate"), LostAnswerError, True),
    ],
)
def test_broken_connections(fault: Fault, error: type[Exception], is_done: bool, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(fault)
        with pytest.raises(error):
            await call("POST", MAPS, config_map())
        assert ((await call("GET", f"{MAPS}/a")).status == 200) is is_done

    on_server(scenario)


def test_an_answer_after_the_effect_lies_about_it(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(Fault(when="after", status=504, reason="Timeout", message="m", retry_after=7))
        answer = await call("POST", MAPS, config_map())
        assert (answer.status, answer.headers["retry-after"]) == (504, "7")
        assert (await call("POST", MAPS, config_map())).body["reason"] == "AlreadyExists"

    on_server(scenario)


def test_half_a_body_is_a_whole_answer_that_can_not_be_read(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(Fault(action="half_body"))
        with pytest.raises(msgspec.DecodeError):
            await call("POST", MAPS, config_map())
        assert (await call("GET", f"{MAPS}/a")).status == 200

    on_server(scenario)


def test_a_late_write_lands_though_its_sender_gave_up(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(Fault(action="delay", delay=50.0))
        with pytest.raises(LostAnswerError, match=r"no answer within 35\.0 s"):
            await call("POST", MAPS, config_map())
        assert (await call("GET", f"{MAPS}/a")).status == 404
        await call.clock.sleep(15)
        assert (await call("GET", f"{MAPS}/a")).status == 200

    on_server(scenario)


def test_a_delay_only_delays(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(Fault(action="delay", delay=8.0))
        assert (await call("POST", MAPS, config_map())).status == 201
        assert call.clock.monotonic() == 8.0

    on_server(scenario)


WATCH = {"resourceVersion": "0", "timeoutSeconds": "20"}


@pytest.mark.parametrize(
    ("action", "lines", "ended_at"),
    [
        ("close", [b"ADDED"], 1.0),
        ("break", [b"ADDED", LostAnswerError], 1.0),
        ("silence", [LostAnswerError], 61.0),
        ("half_line", [b"ADDED", b'{"type":"MODIFIED","object":{"kind":"', LostAnswerError], 1.0),
        ("garbage_line", [b"ADDED", b"<html>502 Bad Gateway</html>", b"ADDED"], 20.0),
        ("error_event", [b"ADDED", b"ERROR"], 1.0),
    ],
)
def test_what_befalls_a_watch(action: Any, lines: list[Any], ended_at: float, on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        told: Any = {"status": 410, "reason": "Expired"} if action == "error_event" else {}
        call.server.faults.add(Fault(query={"watch": "1"}, action=action, after_events=1, **told))
        watch = await call.watch(MAPS, silence=60.0, **WATCH)
        await call.clock.sleep(1)
        await call("POST", MAPS, config_map("a"))
        await call("POST", MAPS, config_map("b"))
        seen: list[Any] = []
        try:
            async for chunk in watch:
                seen.extend(chunk.splitlines())
        except LostAnswerError as error:
            seen.append(type(error))
        shown = [msgspec.json.decode(line)["type"].encode() if _is_json(line) else line for line in seen]
        assert shown == lines
        assert call.clock.monotonic() == ended_at

    on_server(scenario)


def _is_json(line: Any) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, TypeError):
        return False
    return True


def test_a_watch_can_be_struck_after_a_while(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(Fault(query={"watch": "1"}, action="close", delay=7.5))
        assert await call.events(await call.watch(MAPS, **WATCH)) == []
        assert call.clock.monotonic() == 7.5

    on_server(scenario)


def test_a_watch_can_be_refused_at_its_start(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(Fault(query={"watch": "1"}, status=429, reason="TooManyRequests", retry_after=3))
        watch = await call.watch(MAPS, **WATCH)
        assert (watch.status, watch.headers["retry-after"]) == (429, "3")
        assert (await call.events(watch))[0]["code"] == 429

    on_server(scenario)


def test_the_first_rule_that_strikes_decides_until_it_is_taken_out(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        faults = call.server.faults
        first = faults.add(Fault(status=503, count=None))
        faults.add(Fault(status=502, count=None))
        assert (await call("GET", MAPS)).status == 503
        faults.remove(first)
        faults.remove(first)
        assert (await call("GET", MAPS)).status == 502
        faults.clear()
        assert (await call("GET", MAPS)).status == 200
        assert [hit.fault.status for hit in faults.log] == [503, 502]

    on_server(scenario)


def test_requests_are_recorded_and_counted(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call("POST", MAPS, config_map())
        await call.clock.sleep(2)
        await call("POST", MAPS, config_map())
        await call("GET", f"{MAPS}/a")
        first, second, third = call.server.requests
        assert (first.method, first.path, first.status, first.user_agent) == ("POST", MAPS, 201, "tester/1.0")
        assert (second.status, second.at) == (409, 2.0)
        assert third.path == f"{MAPS}/a"
        server = call.server
        assert (server.count(), server.count(method="POST"), server.count(status=409)) == (3, 2, 1)
        assert server.count(path="*/configmaps/*") == 1

    on_server(scenario)


def test_one_seed_gives_one_trace_of_everything(on_server: Any) -> None:
    async def scenario(call: Any) -> list[Any]:
        call.server.lag("configmaps", lambda: call.clock.random.uniform(0, 3))
        call.server.faults.add(Fault(method="POST", probability=0.3, count=None))
        trace: list[Any] = []

        async def write() -> None:
            for number in range(20):
                await call.clock.sleep(call.clock.random.uniform(0, 1))
                trace.append((await call("POST", MAPS, config_map(f"m{number}"))).body["metadata"])

        async def follow() -> None:
            watch = await call.watch(MAPS, resourceVersion="0", timeoutSeconds="60")
            trace.extend([(call.clock.monotonic(), chunk) async for chunk in watch])

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            group.create_task(follow())
        return trace

    traces = [on_server(scenario, seed=1) for _ in range(5)]
    assert len(traces[0]) > 20
    assert all(trace == traces[0] for trace in traces)
    assert on_server(scenario, seed=2) != traces[0]


@pytest.mark.parametrize("fault", [Fault(action="delay", delay=1.0), Fault(action="late_write", lands_after=1.0)])
def test_a_deadline_that_cant_be_read_is_refused_as_ever(on_server: Any, fault: Fault) -> None:
    async def scenario(call: Any) -> None:
        call.server.faults.add(fault)

        answer = await call("POST", MAPS, config_map(), timeout="xyz")

        assert answer.status == 400
        assert 'time: invalid duration "xyz"' in answer.message
        await call.clock.sleep(5.0)
        assert (await call("GET", f"{MAPS}/a")).status == 404

    on_server(scenario)
