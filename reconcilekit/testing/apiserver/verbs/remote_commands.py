"""Commands in containers over WebSocket (RFC 6455), as clients ask for them since KEP-4006: an error comes back.

The server takes the connection, and tells what is wrong with the node on the stream for errors. Who asks in SPDY, or in
an older protocol, is handed on to the node, and so told before anything is taken.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.verbs.parameters import flag

WORDS_END = "\0"
"""Between the words of a command, which come in a parameter each: it can't be in one."""

_PROTOCOL = "v5.channel.k8s.io"
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_OUTPUT, _ERRORS, _STATUS = 1, 2, 3
"""The streams that the server writes to."""

_BINARY, _CLOSE = 0x82, 0x88
_NORMAL = (1000).to_bytes(2)
_SHORT = 126
_OPTIONS = (("stderr", "error"), ("stdin", "input"), ("stdout", "output"), ("tty", "tty"))
"""How the server calls parameters, and how kubelets do, by whose names they stand in order."""


def is_upgrade(request: Request) -> bool:
    """Whether a request asks for the protocol that the server speaks by itself."""
    told = {name: request.headers.get(name, "") for name in ("connection", "upgrade", "sec-websocket-protocol")}
    return (
        "upgrade" in told["connection"].lower()
        and told["upgrade"].lower() == "websocket"
        and _PROTOCOL in (each.strip() for each in told["sec-websocket-protocol"].split(","))
        and request.headers.get("sec-websocket-version") == "13"
        and bool(request.headers.get("sec-websocket-key"))
    )


def failed(request: Request, url: str, why: str) -> Response:
    """The connection as a whole: taken, told what is wrong, and closed.

    Args:
        request: for a command.
        url: of the container at its node, without the parameters.
        why: the node can't be reached.
    """
    target = url + _query(request.query)
    problem = status.internal_error(f'error sending request: Post "{target}": {why}')
    told = {name: value for name, value in problem.status().items() if name not in ("kind", "apiVersion")}
    text = msgspec.json.encode(told).replace(b"&", b"\\u0026")
    frames = (_frame(_BINARY, bytes([_first(request.query)])), _frame(_BINARY, bytes([_STATUS]) + text))
    key = request.headers["sec-websocket-key"].encode()
    headers = {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-accept": base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest()).decode(),
        "sec-websocket-protocol": _PROTOCOL,
    }
    return Response(status=101, headers=headers, body=b"".join((*frames, _frame(_CLOSE, _NORMAL))))


def _query(query: Mapping[str, str]) -> str:
    told = [("command", word) for word in query["command"].split(WORDS_END)] if "command" in query else []
    told += [(shown, "1") for name, shown in _OPTIONS if flag(query, name)]
    return f"?{urlencode(told)}" if told else ""


def _first(query: Mapping[str, str]) -> int:
    """The stream that says, by nothing, that the connection stands."""
    if flag(query, "stdout"):
        return _OUTPUT
    return _ERRORS if flag(query, "stderr") else _STATUS


def _frame(kind: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < _SHORT else bytes([_SHORT]) + size.to_bytes(2)
    return bytes([kind]) + length + content
