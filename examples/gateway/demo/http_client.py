"""A small HTTP/1.1 client for traffic: one GET at a time, and the reason when there is no answer.

The usual clients hide what matters here: was the connection reused, and did a byte of the answer come.
"""

from __future__ import annotations

import asyncio
import enum
import ssl
from collections.abc import Mapping

import attrs


class Trouble(enum.Enum):
    """Why a request has no answer, or not the one that was expected."""

    REFUSED = "connection refused"
    RESET = "connection closed without an answer"
    HANDSHAKE = "TLS handshake failed"
    TIMEOUT = "no answer in time"
    STATUS = "wrong status"
    SERVICE = "wrong service"
    UNPROTECTED = "served without a token"


class RequestFailedError(Exception):
    """There is no answer.

    Attributes:
        trouble: of what kind.
        detail: the connection's error, "" where the kind says it all.
    """

    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(f"{trouble.value}: {detail}" if detail else trouble.value)
        self.trouble = trouble
        self.detail = detail


@attrs.frozen(kw_only=True)
class Address:
    """Where to connect, and as whom to address it.

    Attributes:
        port: on loopback.
        authority: the Host header, and the TLS server name.
        tls: the context that verifies the server, None for plain HTTP.
    """

    port: int
    authority: str
    tls: ssl.SSLContext | None = None


@attrs.frozen(kw_only=True)
class Answer:
    """A whole response; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One client's connection to one address, opened when first used.

    A GET on a kept connection that the server closes before a byte of the answer is sent once more on a new one, as
    RFC 9110 section 9.2.2 lets every client do; `resent` counts that.

    Args:
        address: where to.
        keep_alive: keep the connection for the next request; False opens a new one each time.
    """

    def __init__(self, address: Address, *, keep_alive: bool) -> None:
        self._address = address
        self._keep_alive = keep_alive
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.resent = 0

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to GET `path`.

        Raises:
            RequestFailedError: there is none.
        """
        head = self._head(path, headers or {})
        is_reused = self._streams is not None
        try:
            return await self._exchange(head)
        except _NothingCameError as error:
            if not is_reused:
                raise RequestFailedError(Trouble.RESET, str(error)) from error
        self.resent += 1
        try:
            return await self._exchange(head)
        except _NothingCameError as error:
            raise RequestFailedError(Trouble.RESET, str(error)) from error

    def close(self) -> None:
        """Close the connection, if there is one, without waiting for the other side."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    def _head(self, path: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"GET {path} HTTP/1.1", f"host: {self._address.authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if not self._keep_alive:
            lines.append("connection: close")
        return "\r\n".join((*lines, "", "")).encode()

    async def _exchange(self, head: bytes) -> Answer:
        is_whole = False
        try:
            if self._streams is None:
                self._streams = await self._open()
            reader, writer = self._streams
            writer.write(head)
            answer = await _read_answer(reader)
            is_whole = self._keep_alive and answer.headers.get("connection") != "close"
            return answer
        finally:
            if not is_whole:
                self.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = self._address
        try:
            return await asyncio.open_connection(
                "127.0.0.1", address.port, ssl=address.tls, server_hostname=address.authority if address.tls else None
            )
        except ConnectionRefusedError as error:
            raise RequestFailedError(Trouble.REFUSED, "") from error
        except ssl.SSLError as error:
            raise RequestFailedError(Trouble.HANDSHAKE, error.reason or str(error)) from error
        except OSError as error:
            trouble = Trouble.HANDSHAKE if address.tls else Trouble.RESET
            raise RequestFailedError(trouble, type(error).__name__) from error


class _NothingCameError(Exception):
    """The connection ended before the first byte of an answer."""


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = await _read_head(reader)
    try:
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        return Answer(status=int(status.split(" ", 2)[1]), headers=headers, body=await _read_body(reader, headers))
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as error:
        raise RequestFailedError(Trouble.RESET, "half an answer") from error


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise RequestFailedError(Trouble.RESET, "half an answer") from error
        raise _NothingCameError("closed") from error
    except (ConnectionError, ssl.SSLError) as error:
        raise _NothingCameError(type(error).__name__) from error


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    if headers.get("transfer-encoding") == "chunked":
        return await _read_chunks(reader)
    return b""


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while (size := int(await reader.readuntil(b"\r\n"), 16)) > 0:
        chunks.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(chunks)
