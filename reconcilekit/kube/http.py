"""The transport over real sockets: aiohttp without its traps.

- aiohttp sends PUT and DELETE again by itself when a reused connection turns out closed; switched off, since a guarded
  write would then meet a 409 for its own success.
- Watches have connections of their own: each holds one for minutes, and a shared pool would leave none for writes.
- No total time-out on watches, keepalive probes and TCP_USER_TIMEOUT against half-open sockets, no cookies, no netrc,
  no redirects (a redirected write would be sent twice).

aiohttp takes 0.15 s to import: import this module where it is needed, not at the top of others.
"""

from __future__ import annotations

import asyncio
import functools
import io
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlencode, urlsplit

import aiohttp
import attrs
from yarl import URL

from reconcilekit._version import __version__
from reconcilekit.clock import Clock, SystemClock
from reconcilekit.errors import CertificateError, ConfigError, NotSentError
from reconcilekit.kube.blocking import call_in_daemon_thread
from reconcilekit.kube.config import ConnectionConfig
from reconcilekit.kube.transport import DEFAULT_TIMEOUT, Request, Response
from reconcilekit.kube.wire_errors import FAILURES, READ_FAILURES, wire_error

CONNECT_TIMEOUT = 10.0
"""Seconds for a connection, whether new or from the pool: less than a request's, so that a request that times out
before it was sent is known not to have been."""

RENEWAL_INTERVAL = 60.0
"""Seconds between two looks at whether the credential must be renewed; plugins renew theirs 5 minutes ahead."""

RELOAD_PAUSE = 10.0
"""Seconds between two reloads after refusals: one that stays refused must not run its plugin at each request."""

CREDENTIAL_TIMEOUT = 30.0
"""Seconds for reading a credential: plugins ask distant servers, and one that asks a person never ends."""

USER_TIMEOUT = 30.0
"""Seconds that sent data may stay unacknowledged before the kernel gives the connection up (RFC 5482)."""

POOL_SIZE = 100
"""Connections for requests other than watches; more wait for `CONNECT_TIMEOUT`."""

_LARGE_BODY = 1024 * 1024
_log = logging.getLogger(__name__)
_Read = TypeVar("_Read")
_Answer = TypeVar("_Answer", "Response", "HttpStream")


def user_agent(controller: str, version: str = "") -> str:
    """The header by which audit logs name who calls: "<controller>/<version> reconcilekit/<version>".

    Args:
        controller: its name.
        version: of the controller; "" leaves it out.
    """
    name = f"{controller}/{version}" if version else controller
    return f"{name} reconcilekit/{__version__}"


class HttpTransport:
    """Requests to one API server over HTTP/1.1.

    A 401 reloads the credential once and sends the request once more: the server hasn't executed it. So does a
    certificate that doesn't verify, for the CA: the request wasn't sent. Nothing else is ever repeated.

    Made anywhere, used on one event loop only.

    Args:
        config: where the server is and who we are.
        user_agent: see `user_agent`.
        clock: measures the time between renewals; by default the system's.

    Raises:
        ConfigError: a certificate or key can't be read.
    """

    def __init__(self, config: ConnectionConfig, *, user_agent: str, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._user_agent = user_agent
        self._login = _Login.of(config, user_agent)
        self._renew_at = self._clock.monotonic() + RENEWAL_INTERVAL
        self._reload_at = self._clock.monotonic()
        self._reloading = asyncio.Lock()
        self._sessions: tuple[aiohttp.ClientSession, aiohttp.ClientSession] | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<HttpTransport {self._login.config.server}{' closed' if self._is_closed else ''}>"

    @property
    def config(self) -> ConnectionConfig:
        """As it was last loaded."""
        return self._login.config

    async def send(self, request: Request) -> Response:
        """See `Transport.send`."""
        return await self._with_login(functools.partial(self._send, request))

    async def open(self, request: Request) -> HttpStream:
        """See `Transport.open`; the head must come within the time-out of an ordinary request."""
        return await self._with_login(functools.partial(self._open, request))

    async def aclose(self) -> None:
        """See `Transport.aclose`; may be called twice."""
        self._is_closed = True
        sessions, self._sessions = self._sessions, None
        for session in sessions or ():
            await session.close()

    async def _with_login(self, exchange: Callable[[_Login], Awaitable[_Answer]]) -> _Answer:
        if self._login.config.renew is not None and self._clock.monotonic() >= self._renew_at:
            await self._renew()
        login = self._login
        try:
            answer = await exchange(login)
        except CertificateError:
            if not await self._reload(login):
                raise
        else:
            if answer.status != 401 or not await self._reload(login):
                return answer
            if isinstance(answer, HttpStream):
                await answer.aclose()
        return await exchange(self._login)

    async def _renew(self) -> None:
        """Others go on with the old credential meanwhile: it is renewed minutes before it ends."""
        self._renew_at = self._clock.monotonic() + RENEWAL_INTERVAL
        login = self._login
        assert login.config.renew is not None
        try:
            authorization = await self._read_credential(login.config.renew)
        except (ConfigError, TimeoutError) as error:
            # The old one may well be good still; if it isn't, the 401 loads everything anew.
            _log.warning("%s", error)
            return
        if authorization != login.config.authorization and self._login is login:
            self._login = login.renewed(authorization, self._user_agent)

    async def _reload(self, refused: _Login) -> bool:
        """True where there is another credential or CA to try than the one that was refused."""
        async with self._reloading:
            if self._login is not refused:
                return True
            reload = refused.config.reload
            if reload is None or self._clock.monotonic() < self._reload_at:
                return False
            self._reload_at = self._clock.monotonic() + RELOAD_PAUSE
            try:
                config = await self._read_credential(reload)
                self._login = _Login.of(config, self._user_agent, fresh_until=self._reload_at)
            except (ConfigError, TimeoutError) as error:
                _log.warning("The credential was refused and can't be loaded anew: %s", error)
                return False
            return True

    async def _read_credential(self, read: Callable[[], _Read]) -> _Read:
        try:
            async with self._clock.timeout(CREDENTIAL_TIMEOUT):
                return await call_in_daemon_thread(read, name="reconcilekit-credential")
        except TimeoutError as error:
            raise TimeoutError(
                f"The credential can't be read within {CREDENTIAL_TIMEOUT:g} s; see its plugin"
            ) from error

    async def _send(self, request: Request, login: _Login) -> Response:
        session = self._open_sessions()[0]
        try:
            response = await login.request(session, request, _send_timeout(request.timeout))
            body = await response.read()
        except READ_FAILURES as error:
            raise wire_error(error, request, login.config.server, patience=request.timeout) from error
        # A success's headers are read by nobody but by name, and aiohttp's mapping takes that in any case.
        headers = response.headers if response.status < 300 else _headers(response)
        is_final = response.status == 401 and self._is_final(login)
        return Response(status=response.status, headers=headers, body=body, is_credential_reloaded=is_final)

    def _is_final(self, login: _Login) -> bool:
        """True where a refusal of `login` means that no other credential is to be had for now."""
        return login.config.reload is None or self._clock.monotonic() < login.fresh_until

    async def _open(self, request: Request, login: _Login) -> HttpStream:
        session = self._open_sessions()[1]
        patience = min(DEFAULT_TIMEOUT, request.timeout)
        try:
            async with self._clock.timeout(patience):
                response = await login.request(session, request, _stream_timeout(request.timeout))
        except FAILURES as error:
            raise wire_error(error, request, login.config.server, patience=patience) from error
        return HttpStream(response, request, login.config.server)

    def _open_sessions(self) -> tuple[aiohttp.ClientSession, aiohttp.ClientSession]:
        """For requests and for streams; made here because aiohttp wants the running loop."""
        if self._is_closed:
            raise NotSentError(f"{self!r}: nothing can be sent any more")
        if self._sessions is None:
            self._sessions = _session(POOL_SIZE), _session(0)
        return self._sessions


class HttpStream:
    """The answer to `HttpTransport.open`."""

    def __init__(self, response: aiohttp.ClientResponse, request: Request, server: str) -> None:
        self._response = response
        self._request = request
        self._server = server
        self.status = response.status
        self.headers: Mapping[str, str] = _headers(response)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except READ_FAILURES as error:
            raise wire_error(error, self._request, self._server, patience=self._request.timeout) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """See `Stream.aclose`."""
        self._response.close()


@attrs.frozen(eq=False)
class _Login:
    """One loaded configuration, in the form that each request needs.

    Two that were loaded share no connections: aiohttp's pool tells connections apart by their SSL context.

    Attributes:
        fresh_until: until then it counts as just loaded after a refusal.
    """

    config: ConnectionConfig
    server: SplitResult
    headers: Mapping[str, str]
    ssl: ssl.SSLContext | bool
    fresh_until: float

    @classmethod
    def of(cls, config: ConnectionConfig, user_agent: str, *, fresh_until: float = float("-inf")) -> _Login:
        headers = _login_headers(config, user_agent)
        return cls(config, urlsplit(config.server), headers, _ssl_context(config), fresh_until)

    def renewed(self, authorization: str, user_agent: str) -> _Login:
        config = attrs.evolve(self.config, authorization=authorization)
        return attrs.evolve(self, config=config, headers=_login_headers(config, user_agent))

    async def request(
        self, session: aiohttp.ClientSession, request: Request, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        config, server = self.config, self.server
        # Put together from its parts, which takes half the time of taking a string apart again.
        url = URL.build(
            scheme=server.scheme,
            authority=server.netloc,
            path=server.path + request.path,
            query_string=_query(tuple(request.query.items())) if request.query else "",
            encoded=True,
        )
        return await session.request(
            request.method,
            url,
            data=_data(request.body),
            headers={**self.headers, **request.headers},
            timeout=timeout,
            ssl=self.ssl,
            server_hostname=config.tls_server_name,
            proxy=config.proxy,
            allow_redirects=False,
        )


def _login_headers(config: ConnectionConfig, user_agent: str) -> dict[str, str]:
    headers = {"user-agent": user_agent}
    return headers | {"authorization": config.authorization} if config.authorization else headers


def _ssl_context(config: ConnectionConfig) -> ssl.SSLContext | bool:
    if not config.server.startswith("https:"):
        return True
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        if config.cert_file:
            context.load_cert_chain(config.cert_file, config.key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(each for each in (config.ca_file, config.cert_file, config.key_file) if each)
        raise ConfigError("BadCertificateFile", f"One of {files} can't be used as a PEM file: {error}") from error
    # Default since Python 3.13; many clusters' CAs lack the key identifiers that it asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not config.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _session(limit: int) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, socket_factory=_socket),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("content-type",),
        trust_env=False,
    )
    # The only switch there is (aio-libs/aiohttp#7297); tests count what a server sees.
    session._retry_connection = False  # noqa: SLF001
    return session


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol = address[:3]
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setblocking(False)
    for level, option, value in _SOCKET_OPTIONS:
        made.setsockopt(level, option, value)
    return made


def _socket_options() -> tuple[tuple[int, int, int], ...]:
    """A dead peer is found within 30 s: probes after 15 s of silence, three of them 5 s apart."""
    wanted = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": int(USER_TIMEOUT * 1000)}
    tcp = (
        (socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in wanted.items() if hasattr(socket, name)
    )
    return ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *tcp)


_SOCKET_OPTIONS = _socket_options()


@functools.lru_cache(maxsize=256)
def _query(items: tuple[tuple[str, str], ...]) -> str:
    return urlencode(items)


@functools.lru_cache(maxsize=32)
def _send_timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_TIMEOUT, seconds / 2))


@functools.lru_cache(maxsize=32)
def _stream_timeout(silence: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT, sock_read=silence)


def _data(body: bytes | None) -> bytes | io.BytesIO | None:
    """Large bytes go in pieces: above 1 MB aiohttp warns that they would block the loop."""
    return io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
