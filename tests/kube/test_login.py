"""TLS, and what becomes of credentials and CAs that are refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path

import attrs
import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.errors import CertificateError, ConfigError, LostAnswerError, NotSentError
from reconcilekit.kube.config import ConnectionConfig
from reconcilekit.kube.http import HttpTransport
from reconcilekit.kube.transport import Request, Response
from tests.kube.certificates import Authority
from tests.kube.raw_server import CHUNKED, Connection, Handler, answer, answering, serve
from tests.stepped_time import SteppedLoop, run_stepped

GET = Request(method="GET", path="/x")
PUT = Request(method="PUT", path="/x", body=b"{}")
REFUSED = b'{"kind":"Status","status":"Failure","message":"Unauthorized","code":401}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"), "theirs")


@attrs.frozen
class StepClock(SystemClock):
    """Real, but for a monotonic time that is set by hand."""

    hand: list[float] = attrs.field(factory=lambda: [0.0])

    def monotonic(self) -> float:
        return self.hand[0]


async def send_once(config: ConnectionConfig, request: Request = GET) -> Response:
    async with aclosing(HttpTransport(config, user_agent="me")) as transport:
        return await transport.send(request)


async def test_a_server_of_the_configured_ca_is_trusted(authority: Authority) -> None:
    async with serve(answering(answer()), tls=authority.server_context()) as server:
        assert (await send_once(ConnectionConfig(server=server.url, ca_file=authority.ca_file))).status == 200


async def test_a_server_of_another_ca_is_not(authority: Authority, stranger: Authority) -> None:
    async with serve(answering(answer()), tls=authority.server_context()) as server:
        with pytest.raises(CertificateError, match=r"^PUT /x: the certificate of https://127.0.0.1:\d+ doesn't verify"):
            await send_once(ConnectionConfig(server=server.url, ca_file=stranger.ca_file), PUT)
    assert server.requests == []


async def test_any_server_is_trusted_where_that_is_asked_for(authority: Authority) -> None:
    async with serve(answering(answer()), tls=authority.server_context()) as server:
        assert (await send_once(ConnectionConfig(server=server.url, verify_tls=False))).status == 200


@pytest.mark.parametrize(("name", "expected"), [("api.test", 200), ("other.test", None)])
async def test_the_server_must_bear_the_configured_name(authority: Authority, name: str, expected: int | None) -> None:
    async with serve(answering(answer()), tls=authority.server_context("api.test")) as server:
        config = ConnectionConfig(server=server.url, ca_file=authority.ca_file, tls_server_name=name)
        if expected:
            assert (await send_once(config)).status == expected
        else:
            with pytest.raises(CertificateError):
                await send_once(config)


async def test_a_client_certificate_is_shown(authority: Authority) -> None:
    cert_file, key_file = authority.issue("client.test")
    tls = authority.server_context(client_ca=authority.ca_file)
    async with serve(answering(answer()), tls=tls) as server:
        plain = ConnectionConfig(server=server.url, ca_file=authority.ca_file)
        shown = attrs.evolve(plain, cert_file=cert_file, key_file=key_file)
        assert (await send_once(shown)).status == 200
        with pytest.raises((NotSentError, LostAnswerError)):
            await send_once(plain)
    assert len(server.requests) == 1


async def test_a_server_that_speaks_no_tls_was_sent_nothing(authority: Authority) -> None:
    async with serve(lambda connection: connection.send(answer())) as server:
        with pytest.raises(NotSentError):
            await send_once(ConnectionConfig(server=server.url.replace("http:", "https:"), ca_file=authority.ca_file))


def test_a_handshake_that_hangs_ends_before_the_request_s_time_and_was_not_sent() -> None:
    async def main(loop: SteppedLoop) -> None:
        is_said = asyncio.Event()

        async def hang(connection: Connection) -> None:
            await connection.reader.readexactly(1)
            is_said.set()
            await connection.reader.read()

        async with serve(hang) as server:
            config = ConnectionConfig(server=server.url.replace("http:", "https:"), verify_tls=False)
            sending = asyncio.ensure_future(send_once(config, attrs.evolve(PUT, timeout=10)))
            await is_said.wait()
            loop.pass_time(8)
            with pytest.raises(NotSentError, match=r"^PUT /x: no connection to https://127.0.0.1:\d+: "):
                await sending

    run_stepped(main)


async def test_a_proxy_is_asked_for_distant_servers() -> None:
    async with serve(answering(answer())) as proxy:
        assert (await send_once(ConnectionConfig(server="http://far.test", proxy=proxy.url))).status == 200
    assert [each.target for each in proxy.requests] == ["http://far.test/x"]


async def test_a_proxy_that_refuses_sent_nothing() -> None:
    async with serve(answering(answer(b"", "403 Forbidden"))) as proxy:
        with pytest.raises(NotSentError):
            await send_once(ConnectionConfig(server="https://far.test", proxy=proxy.url), PUT)
    assert [each.method for each in proxy.requests] == ["CONNECT"]


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("nonsense")
    with pytest.raises(ConfigError, match=rf"^BadCertificateFile: One of {path} can't be used as a PEM file: "):
        HttpTransport(ConnectionConfig(server="https://localhost", ca_file=str(path)), user_agent="me")


async def test_a_rotated_ca_is_loaded_once_and_the_request_sent_once(authority: Authority, stranger: Authority) -> None:
    async with serve(answering(answer()), tls=authority.server_context()) as server:
        good = ConnectionConfig(server=server.url, ca_file=authority.ca_file)
        stale = ConnectionConfig(server=server.url, ca_file=stranger.ca_file, reload=lambda: good)
        assert (await send_once(stale, PUT)).status == 200
        assert (await send_once(stale, PUT)).status == 200
    assert len(server.requests) == 2


async def test_a_ca_that_stays_wrong_is_reloaded_once_only(authority: Authority, stranger: Authority) -> None:
    loads: list[ConnectionConfig] = []

    def reload() -> ConnectionConfig:
        loads.append(stale)
        return stale

    async with serve(answering(answer()), tls=authority.server_context()) as server:
        stale = ConnectionConfig(server=server.url, ca_file=stranger.ca_file, reload=reload)
        with pytest.raises(CertificateError):
            await send_once(stale)
    assert len(loads) == 1


def only(token: str) -> Handler:
    """A server that knows one token."""

    async def handle(connection: Connection) -> None:
        while seen := await connection.read():
            known = seen.headers.get("authorization") == f"Bearer {token}"
            await connection.send(answer() if known else answer(REFUSED, "401 Unauthorized"))

    return handle


def tokens(server: str, *values: str) -> tuple[ConnectionConfig, list[str]]:
    """A configuration whose reloads give these tokens in turn, and what was loaded."""
    loaded: list[str] = []
    queue = list(values)

    def config() -> ConnectionConfig:
        return ConnectionConfig(server=server, authorization=f"Bearer {queue.pop(0)}", reload=reload)

    def reload() -> ConnectionConfig:
        loaded.append(queue[0])
        return config()

    return config(), loaded


@pytest.mark.parametrize("opens", [False, True])
async def test_a_refused_credential_is_loaded_anew_and_the_request_sent_once_more(opens: bool) -> None:
    async with serve(only("new")) as server:
        config, loaded = tokens(server.url, "old", "new")
        async with aclosing(HttpTransport(config, user_agent="me")) as transport:
            if opens:
                stream = await transport.open(GET)
                assert stream.status == 200
                await stream.aclose()
            else:
                assert (await transport.send(PUT)).status == 200
            assert (await transport.send(PUT)).status == 200
    assert loaded == ["new"]
    assert [each.headers["authorization"] for each in server.requests] == ["Bearer old", "Bearer new", "Bearer new"]


async def test_a_refused_stream_is_hung_up_before_the_next() -> None:
    hung_up = asyncio.Event()

    async def refuse_at_length(connection: Connection) -> None:
        seen = await connection.read()
        if seen and seen.headers["authorization"] == "Bearer new":
            await connection.send(answer())
            return
        await connection.send(CHUNKED.replace(b"200 OK", b"401 Unauthorized"))
        await connection.reader.read()
        hung_up.set()

    async with serve(refuse_at_length) as server:
        config, _ = tokens(server.url, "old", "new")
        async with aclosing(HttpTransport(config, user_agent="me")) as transport:
            stream = await transport.open(GET)
            async with asyncio.timeout(50):
                await hung_up.wait()
            assert stream.status == 200
            await stream.aclose()


async def test_a_credential_that_stays_refused_is_not_reloaded_at_each_request() -> None:
    clock = StepClock()
    async with serve(only("right")) as server:
        config, loaded = tokens(server.url, "a", "b", "c", "d")
        async with aclosing(HttpTransport(config, user_agent="me", clock=clock)) as transport:
            first = await transport.send(PUT)
            await transport.send(PUT)
            clock.hand[0] = 10.0
            await transport.send(PUT)
    assert (first.status, first.body) == (401, REFUSED)
    assert loaded == ["b", "c"]
    assert len(server.requests) == 5


async def test_a_refusal_says_whether_a_freshly_loaded_credential_was_refused() -> None:
    clock = StepClock()
    async with serve(only("right")) as server:
        config, _ = tokens(server.url, "a", "b", "right")
        async with aclosing(HttpTransport(config, user_agent="me", clock=clock)) as transport:
            retried, within_the_pause = await transport.send(PUT), await transport.send(PUT)
            clock.hand[0] = 10.0
            accepted = await transport.send(PUT)
    assert (retried.status, within_the_pause.status, accepted.status) == (401, 401, 200)
    assert (retried.is_credential_reloaded, within_the_pause.is_credential_reloaded) == (True, True)
    assert not accepted.is_credential_reloaded


async def test_requests_that_are_refused_together_reload_once() -> None:
    async with serve(only("new")) as server:
        config, loaded = tokens(server.url, "old", "new", "newer")
        async with aclosing(HttpTransport(config, user_agent="me")) as transport:
            answers = await asyncio.gather(*(transport.send(PUT) for _ in range(5)))
    assert [each.status for each in answers] == [200] * 5
    assert loaded == ["new"]


async def test_a_reload_that_fails_leaves_the_refusal(caplog: pytest.LogCaptureFixture) -> None:
    def reload() -> ConnectionConfig:
        raise ConfigError("BadKubeConfig", "it is gone")

    async with serve(only("new")) as server:
        config = ConnectionConfig(server=server.url, authorization="Bearer old", reload=reload)
        refused = await send_once(config)
    assert (refused.status, refused.is_credential_reloaded) == (401, False)
    assert [each.message for each in caplog.records] == [
        "The credential was refused and can't be loaded anew: BadKubeConfig: it is gone"
    ]


async def test_without_a_source_a_refusal_is_final() -> None:
    async with serve(only("new")) as server:
        refused = await send_once(ConnectionConfig(server=server.url, authorization="Bearer old"))
    assert (refused.status, refused.is_credential_reloaded) == (401, True)
    assert len(server.requests) == 1


def renewals(*outcomes: str | ConfigError) -> Callable[[], str]:
    queue = list(outcomes)

    def renew() -> str:
        outcome = queue.pop(0)
        if isinstance(outcome, ConfigError):
            raise outcome
        return outcome

    return renew


async def test_a_credential_is_renewed_each_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = StepClock()
    renew = renewals("Bearer b", ConfigError("CredentialNotRenewed", "no plugin"), "Bearer c")
    async with serve(answering(answer())) as server:
        config = ConnectionConfig(server=server.url, authorization="Bearer a", renew=renew)
        async with aclosing(HttpTransport(config, user_agent="me", clock=clock)) as transport:
            for clock.hand[0] in (0.0, 59.9, 60.0, 61.0, 120.0, 180.0):
                await transport.send(GET)
    sent = [each.headers["authorization"][-1] for each in server.requests]
    assert sent == ["a", "a", "b", "b", "b", "c"]
    assert server.connections == 1
    assert [each.message for each in caplog.records] == ["CredentialNotRenewed: no plugin"]


async def test_a_stream_survives_a_renewal() -> None:
    clock = StepClock()
    go_on = asyncio.Event()

    async def stream_or_answer(connection: Connection) -> None:
        seen = await connection.read()
        if seen and seen.method == "PUT":
            await connection.send(answer())
            return
        await connection.send(CHUNKED)
        await go_on.wait()
        await connection.chunk(b"still here\n")

    async with serve(stream_or_answer) as server:
        config = ConnectionConfig(server=server.url, authorization="Bearer a", renew=renewals("Bearer b"))
        async with aclosing(HttpTransport(config, user_agent="me", clock=clock)) as transport:
            stream = await transport.open(GET)
            clock.hand[0] = 60.0
            await transport.send(PUT)
            go_on.set()
            assert await anext(stream) == b"still here\n"
            await stream.aclose()


@attrs.frozen
class HurryingClock(StepClock):
    """Times out a hundred times sooner."""

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(None if seconds is None else seconds / 100)


async def test_a_plugin_that_hangs_costs_a_while_and_not_the_request(caplog: pytest.LogCaptureFixture) -> None:
    clock = HurryingClock()
    release = threading.Event()

    def hang() -> str:
        release.wait(50)
        return "Bearer late"

    async with serve(answering(answer())) as server:
        config = ConnectionConfig(server=server.url, authorization="Bearer a", renew=hang)
        async with aclosing(HttpTransport(config, user_agent="me", clock=clock)) as transport:
            clock.hand[0] = 60.0
            assert (await transport.send(GET)).status == 200
    release.set()
    assert [each.message for each in caplog.records] == ["The credential can't be read within 30 s; see its plugin"]
