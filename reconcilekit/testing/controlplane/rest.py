"""A blocking client for the few requests that starting and clearing a control plane takes."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from reconcilekit.testing.controlplane.errors import ControlPlaneError

_PATIENCE = 30.0
"""Seconds for one answer; the server's own limit for most is shorter."""


_NOT_YET = 429
"""Besides overload: "storage is (re)initializing", for some milliseconds after a kind is there."""

_NO_GROUP = b"404 page not found\n"
"""What a GET finds where a group was served and isn't any more: no Status."""

_TRIES = 500
"""At the pauses that a control plane makes, some 10 s."""


class AdminClient:
    """Sends one request after the other over one connection. Not for two threads at once.

    Args:
        port: on loopback.
        ca_file: what the server's certificate is trusted by.
        token: the administrator's.
        pause: waits for a moment.
    """

    def __init__(self, *, port: int, ca_file: Path, token: str, pause: Callable[[], None]) -> None:
        self._pause = pause
        self._address = f"127.0.0.1:{port}"
        context = ssl.create_default_context(cafile=str(ca_file))
        self._connection = http.client.HTTPSConnection(self._address, context=context, timeout=_PATIENCE)
        self._headers = {"authorization": f"Bearer {token}", "user-agent": "reconcilekit-controlplane"}

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of the answer, whatever they are.

        Args:
            method: such as "GET".
            path: with its query.
            body: sent as JSON; None for none.
            headers: their names with "_" for "-".

        Raises:
            OSError: there is no answer.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else msgspec.json.encode(body)
        sent = {**self._headers, "content-type": "application/json", **named}
        try:
            try:
                return self._exchange(method, path, content, sent)
            except (ConnectionResetError, ssl.SSLEOFError, BrokenPipeError):
                # The server closes connections that idle; nothing of this request was read then. How that shows depends
                # on the moment, and on the release of Python.
                self._connection.close()
                return self._exchange(method, path, content, sent)
        except http.client.HTTPException as error:
            self._connection.close()
            raise ConnectionError(f"{method} https://{self._address}{path}: {error!r}") from error
        except OSError:
            self._connection.close()
            raise

    def _exchange(self, method: str, path: str, content: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        self._connection.request(method, path, content, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def get(self, path: str, **headers: str) -> dict[str, Any]:
        """The object at a path.

        Raises:
            ControlPlaneError: any other answer than 200.
        """
        return self.demand("GET", path, None, but=(), **headers)

    def demand(
        self, method: str, path: str, body: object = None, *, but: tuple[int, ...] = (), **headers: str
    ) -> dict[str, Any]:
        """The object in the answer.

        Args:
            method: such as "GET".
            path: with its query.
            body: sent as JSON; None for none.
            but: failures that are as good as success; their Status is what is returned, nothing where there is none.
            headers: their names with "_" for "-".

        Raises:
            ControlPlaneError: another failure; its message has the answer.
        """
        status, content = self.ask(method, path, body, **headers)
        for _ in range(_TRIES):
            if status != _NOT_YET:
                break
            self._pause()
            status, content = self.ask(method, path, body, **headers)
        if status >= 400 and status not in but:
            raise ControlPlaneError(f"{method} {path}: {status}: {content.decode('utf-8', 'replace')[:500]}")
        if content == _NO_GROUP:
            return {}
        return msgspec.json.decode(content, type=dict[str, Any])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
