"""The plain client of a control plane, against a server that closes connections which idle."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcilekit.testing.apiserver.access.certificates import Authority
from reconcilekit.testing.controlplane.rest import AdminClient

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
AT_ONCE = struct.pack("ii", 1, 0)


def read(connection: socket.socket) -> None:
    """One request without a body, or with one of two bytes."""
    told = b""
    while not told.endswith(b"{}" if told.startswith(b"POST") else b"\r\n\r\n"):
        told += connection.recv(65536)


class OneAnswer:
    """Answers one request on each of two connections, and closes them."""

    def __init__(self, folder: Path, *, is_told: bool) -> None:
        authority = Authority()
        pair = authority.for_server("127.0.0.1")
        self.ca_file, chain = folder / "ca.crt", folder / "chain.pem"
        self.ca_file.write_bytes(authority.certificate)
        chain.write_bytes(pair.certificate + pair.key)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._is_told = is_told
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(100)
        self.port: int = self._socket.getsockname()[1]
        self.answered, self.closed = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for _ in range(2):
            plain, _peer = self._socket.accept()
            with self._context.wrap_socket(plain, server_side=True) as connection:
                connection.settimeout(100)
                read(connection)
                connection.sendall(ANSWER)
                self.answered.acquire(timeout=100)
                if not self._is_told:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            self.closed.release()

    def close(self) -> None:
        self._thread.join(100)
        self._socket.close()


@pytest.fixture(params=[True, False], ids=["with a word", "without a word"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OneAnswer]:
    found = OneAnswer(tmp_path, is_told=request.param)
    yield found
    found.close()


def test_a_connection_that_was_closed_in_between_is_made_again(server: OneAnswer) -> None:
    client = AdminClient(port=server.port, ca_file=server.ca_file, token="t", pause=lambda: None)
    assert client.ask("GET", "/") == (200, b"{}")
    server.answered.release()
    assert server.closed.acquire(timeout=100)
    assert client.ask("POST", "/", {}) == (200, b"{}")
    server.answered.release()
    client.close()
