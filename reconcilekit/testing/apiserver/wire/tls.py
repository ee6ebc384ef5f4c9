"""TLS that takes any client certificate, by pyOpenSSL: whom it names, if anybody, is for the server to say.

The standard library's ssl breaks the connection where a client's certificate is of another authority. The real server
goes on and answers 401, and it tells its authority's name, so that clients know which certificate to show.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from reconcilekit.testing.apiserver.access.signing import MissingCryptographyError
from reconcilekit.testing.apiserver.status import INSTALL_EXTRA

if TYPE_CHECKING:
    from OpenSSL import SSL

    from reconcilekit.testing.apiserver.access.certificates import Authority

_CHUNK = 256 * 1024
_PROTOCOL = b"http/1.1"

T = TypeVar("T")


def server_context(authority: Authority, host: str) -> ssl.SSLContext:
    """What a listening socket speaks TLS by.

    Args:
        authority: signs the server's certificate.
        host: that it listens on.

    Raises:
        MissingCryptographyError: the pyOpenSSL package isn't installed.
    """
    try:
        from OpenSSL import SSL
    except ImportError as error:
        raise MissingCryptographyError(
            f"TLS needs the pyOpenSSL package: {INSTALL_EXTRA}, or pyOpenSSL by itself"
        ) from error
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    context, pair = SSL.Context(SSL.TLS_SERVER_METHOD), authority.for_server(host)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate(x509.load_pem_x509_certificate(pair.certificate))
    context.use_privatekey(cast("Any", load_pem_private_key(pair.key, password=None)))
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    context.add_client_ca(x509.load_pem_x509_certificate(authority.certificate))
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_alpn_select_callback(lambda _, told: _PROTOCOL if _PROTOCOL in told else SSL.NO_OVERLAPPING_PROTOCOLS)
    # asyncio asks of a context only that it wraps buffers.
    return cast("ssl.SSLContext", _Context(context))


class _Context:
    """`ssl.SSLContext` as far as asyncio uses it."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_side: bool, server_hostname: str | None = None
    ) -> _Connection:
        del server_side, server_hostname
        return _Connection(self._context, incoming, outgoing)


class _Connection:
    """`ssl.SSLObject` as far as asyncio uses it."""

    def __init__(self, context: SSL.Context, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        from OpenSSL import SSL

        self._connection = SSL.Connection(context, None)
        self._connection.set_accept_state()
        self._errors = SSL
        self._incoming, self._outgoing = incoming, outgoing

    def do_handshake(self) -> None:
        self._step(self._connection.do_handshake)

    def getpeercert(self) -> bytes | None:
        """The certificate in DER, whoever signed it."""
        from cryptography.hazmat.primitives.serialization import Encoding

        found = self._connection.get_peer_certificate(as_cryptography=True)
        return None if found is None else found.public_bytes(Encoding.DER)

    def cipher(self) -> tuple[str | None, str | None, int | None]:
        connection = self._connection
        return connection.get_cipher_name(), connection.get_cipher_version(), connection.get_cipher_bits()

    def compression(self) -> None:
        return None

    def read(self, length: int, buffer: memoryview | None = None) -> int | bytes:
        try:
            if buffer is None:
                return self._step(lambda: self._connection.recv(length))
            return self._step(lambda: self._connection.recv_into(buffer, length))
        except self._errors.ZeroReturnError:
            return b"" if buffer is None else 0

    def write(self, data: bytes | memoryview) -> int:
        """All of it: buffers in memory are never full, and asyncio would copy what is left of it for each record."""
        return self._step(lambda: self._send(memoryview(data)))

    def _send(self, data: memoryview) -> int:
        sent = 0
        while sent < len(data):
            sent += self._connection.send(cast("bytes", data[sent:]))
        return sent

    def unwrap(self) -> None:
        if not self._step(self._connection.shutdown):
            raise ssl.SSLWantReadError

    def _step(self, action: Callable[[], T]) -> T:
        """Do it with what has come, and hand on what is to be sent."""
        if self._incoming.pending:
            self._connection.bio_write(self._incoming.read())
        elif self._incoming.eof:
            self._connection.bio_shutdown()
        try:
            return action()
        except self._errors.WantReadError as error:
            raise ssl.SSLWantReadError from error
        except self._errors.SysCallError as error:
            raise ssl.SSLEOFError(str(error)) from error
        except self._errors.ZeroReturnError:
            raise
        except self._errors.Error as error:
            raise ssl.SSLError(str(error)) from error
        finally:
            self._flush()

    def _flush(self) -> None:
        while True:
            try:
                self._outgoing.write(self._connection.bio_read(_CHUNK))
            except self._errors.WantReadError:
                return
