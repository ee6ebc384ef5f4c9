"""What counts as a failed request, and to which phase it belongs."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from examples.gateway.certificates import KeyPair
from examples.gateway.demo.backends import SERVICE_HEADER, Backends
from examples.gateway.demo.certificates import Authority
from examples.gateway.demo.http_client import Address, Answer, Connection, RequestFailedError, Trouble
from examples.gateway.demo.traffic import PhaseTotals, Sample, Target, Traffic, judge, totals_of
from reconcilekit.clock import SystemClock
from reconcilekit.testing import VirtualClock, run_virtual

CLOCK = SystemClock()

PATIENCE = 100.0
"""Seconds for what is known to come."""


@asynccontextmanager
async def serving(answers: list[bytes], *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that answers each connection with the next of `answers` and closes it."""
    remaining = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(remaining.pop(0))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def server_context(pair: KeyPair, directory: Path) -> ssl.SSLContext:
    (directory / "pair.pem").write_bytes(pair.certificate + pair.private_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "pair.pem")
    return context


def target(port: int, *, status: int = 200, services: frozenset[str] = frozenset()) -> Target:
    address = Address(port=port, authority="shop.example.com")
    return Target(name="shop", address=address, path="/", status=status, services=services)


async def has_asked(traffic: Traffic, number: int) -> None:
    async with CLOCK.timeout(PATIENCE):
        while len(traffic.samples) < number:
            await CLOCK.sleep(0.01)


async def failure(port: int, tls: ssl.SSLContext | None = None, *, authority: str = "shop.example.com") -> Trouble:
    connection = Connection(Address(port=port, authority=authority, tls=tls), keep_alive=False)
    with pytest.raises(RequestFailedError) as caught:
        await connection.get("/")
    return caught.value.trouble


class TestConnection:
    async def test_keeps_its_connection_and_opens_a_new_one_where_told(self) -> None:
        async with Backends("blue") as backends:
            for keep_alive in (True, False):
                connection = Connection(Address(port=backends.ports["blue"], authority="x"), keep_alive=keep_alive)
                answers = [await connection.get("/") for _ in range(3)]
                connection.close()

                assert {answer.headers[SERVICE_HEADER] for answer in answers} == {"blue"}
                assert {answer.body for answer in answers} == {b"blue\n"}

    async def test_sends_again_on_a_new_connection_only_what_an_old_one_swallowed(self) -> None:
        whole = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        async with serving([whole, whole]) as port:
            connection = Connection(Address(port=port, authority="x"), keep_alive=True)
            assert [(await connection.get("/")).status for _ in range(2)] == [200, 200]
            connection.close()

        assert connection.resent == 1

    async def test_a_fresh_connection_without_an_answer_is_a_failure(self) -> None:
        async with serving([b""]) as port:
            assert await failure(port) is Trouble.RESET

    async def test_half_an_answer_is_a_failure(self) -> None:
        async with serving([b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"]) as port:
            assert await failure(port) is Trouble.RESET
            assert await failure(port) is Trouble.RESET

    async def test_reads_chunks(self) -> None:
        async with serving(
            [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"]
        ) as port:
            answer = await Connection(Address(port=port, authority="x"), keep_alive=False).get("/")

        assert answer.body == b"abcde"

    async def test_nobody_there_is_refused(self) -> None:
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))  # and never listens
            assert await failure(unheard.getsockname()[1]) is Trouble.REFUSED

    async def test_verifies_the_authority_and_the_host_name(self, tmp_path: Path) -> None:
        ours, other = Authority.create(now=CLOCK.now()), Authority.create(now=CLOCK.now())
        whole = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        tls = server_context(ours.issue(["*.example.com"]), tmp_path)
        async with serving([whole], tls=tls) as port:
            address = Address(port=port, authority="shop.example.com", tls=ours.client_context())
            answer = await Connection(address, keep_alive=False).get("/")

            assert answer.status == 200
            assert await failure(port, other.client_context()) is Trouble.HANDSHAKE
            assert await failure(port, ours.client_context(), authority="shop.example.org") is Trouble.HANDSHAKE


class TestJudging:
    @pytest.mark.parametrize(
        ("status", "service", "expected"),
        [
            (200, "blue", (None, "")),
            (200, "green", (Trouble.SERVICE, "green")),
            (200, "", (Trouble.SERVICE, "none")),
            (503, "", (Trouble.STATUS, "503")),
        ],
    )
    def test_status_and_service_have_to_be_right(
        self, status: int, service: str, expected: tuple[Trouble | None, str]
    ) -> None:
        answer = Answer(status=status, headers={SERVICE_HEADER: service}, body=b"")

        assert judge(target(1), answer, frozenset({"blue"})) == expected

    def test_what_should_be_turned_away_and_is_served_has_a_name_of_its_own(self) -> None:
        served = Answer(status=200, headers={SERVICE_HEADER: "blue"}, body=b"")
        broken = Answer(status=500, headers={}, body=b"")

        assert judge(target(1, status=401), served, frozenset()) == (Trouble.UNPROTECTED, "200")
        assert judge(target(1, status=401), broken, frozenset()) == (Trouble.STATUS, "500")

    def test_totals_count_reasons(self) -> None:
        def sample(trouble: Trouble | None, detail: str = "", seconds: float = 0.1) -> Sample:
            return Sample(at=0, seconds=seconds, phase="p", target="t", trouble=trouble, detail=detail)

        totals = totals_of(
            [sample(None), sample(Trouble.STATUS, "503", 0.4), sample(Trouble.STATUS, "503"), sample(Trouble.REFUSED)]
        )

        assert totals == PhaseTotals(
            requests=4, failed=3, troubles={"wrong status: 503": 2, "connection refused": 1}, slowest=0.4
        )


class TestTraffic:
    async def test_counts_by_phase(self) -> None:
        async with Backends("blue") as backends:
            shop = target(backends.ports["blue"], services=frozenset({"blue"}))
            async with Traffic([shop], clock=CLOCK, clients=4, rate=50, timeout=PATIENCE) as traffic:
                traffic.begin_phase("first")
                await has_asked(traffic, 20)
                traffic.begin_phase("second")
                traffic.move("shop", "green")
                await has_asked(traffic, 40)
                due = 4 * 50 * traffic.elapsed

        totals = traffic.totals()
        assert totals["first"].failed == 0
        assert totals["second"].failed == totals["second"].requests > 0
        assert totals["second"].troubles == {"wrong service: blue": totals["second"].failed}
        assert len(traffic.samples) <= due + 4

    def test_keeps_its_rate_and_makes_no_burst_after_a_stall(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def main(clock: VirtualClock) -> list[float]:
            async def get(connection: Connection, path: str, **_: object) -> Answer:
                if 1.0 <= traffic.elapsed < 1.1:
                    await clock.sleep(1.0)
                return Answer(status=200, headers={}, body=b"")

            monkeypatch.setattr(Connection, "get", get)
            async with Traffic([target(1)], clock=clock, clients=2, rate=50) as traffic:
                await clock.sleep(3.495)
            return [sample.at for sample in traffic.samples]

        at = run_virtual(main)
        counts = [len([each for each in at if start <= each < start + 0.495]) for start in (0.0, 0.5, 1.5, 2.0, 2.5)]
        # Each client makes up for one of those that it is late for.
        assert counts[:3] + counts[4:] == [50, 50, 0, 50]
        assert counts[3] <= 52

    async def test_ends_by_itself(self) -> None:
        async with (
            Backends("blue") as backends,
            Traffic([target(backends.ports["blue"])], clock=CLOCK, clients=2, rate=100, limit=0.1) as traffic,
        ):
            traffic.begin_phase("only")
            async with CLOCK.timeout(PATIENCE):
                await asyncio.wait(traffic._tasks)

        assert 0 < len(traffic.samples) <= 2 * 100 * 0.1 + 2

    async def test_a_request_without_an_answer_times_out(self) -> None:
        silent = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        async with (
            silent,
            Traffic([target(port)], clock=CLOCK, clients=1, rate=100, timeout=0.05, limit=0.01) as traffic,
        ):
            traffic.begin_phase("only")
            await CLOCK.sleep(0.02)

        assert traffic.totals()["only"].troubles == {"no answer in time: 0.05 s": 1}

    async def test_an_unknown_target_cannot_move(self) -> None:
        with pytest.raises(ValueError, match=r"target 'web' isn't known; use one of \['shop'\]"):
            Traffic([target(1)], clock=CLOCK).move("web", "blue")
