"""What a server puts up with: sizes and times, as the real one has them."""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Mapping
from types import NoneType

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.arguments import Types, check_types, is_a_time
from reconcilekit.testing.apiserver.go_times import GoTimeError, read_duration

MAX_DEADLINE = 60.0
"""Seconds that a request may ask for; more is cut to it."""


@attrs.frozen(kw_only=True)
class Limits:
    """What the socket's side of a server puts up with.

    Attributes:
        head_bytes: of a request line or a header, beyond which the request is refused with 431.
        head_seconds: for a connection's first request to be there with all its headers; then it's closed.
        body_seconds: for a request's body to be there; then the answer is 504 and the connection closed.
        body_bytes: of a body; more is refused with 413 before it's read to the end.
        linger_seconds: that the rest of a refused body is read for, so that its sender sees the answer.

    Raises:
        TypeError: an argument is of another type; says which, and what to pass.
        ValueError: one isn't above 0, or without end; `linger_seconds` may be 0.
    """

    head_bytes: int = 1024 * 1024
    head_seconds: float = 32.0
    body_seconds: float = 60.0
    body_bytes: int = 3 * 1024 * 1024
    linger_seconds: float = 1.0

    def __attrs_post_init__(self) -> None:
        check_types(attrs.asdict(self), _LIMITS)
        for name, value in attrs.asdict(self).items():
            if not is_a_time(value) or (value == 0 and name != "linger_seconds"):
                raise ValueError(f"Limits({name}={value}) lets nothing through, or says no bound; pass more than 0")


_LIMITS: Types = {
    "head_bytes": ((int,), "head_bytes=16_384"),
    "head_seconds": ((int, float), "head_seconds=5.0"),
    "body_seconds": ((int, float), "body_seconds=5.0"),
    "body_bytes": ((int,), "body_bytes=1_000_000"),
    "linger_seconds": ((int, float), "linger_seconds=1.0"),
}

_LISTENING: Types = {
    "host": ((str,), "host='127.0.0.1'"),
    "port": ((int,), "port=0 for a free one"),
    "tls": ((bool,), "tls=True"),
    "limits": ((Limits, NoneType), "limits=Limits(body_seconds=5.0)"),
}

NO_HOST = "the address is empty; 127.0.0.1 is the default, 0.0.0.0 means all"
"""What to say of "" as an address, which would be all of them."""

MOST_PORT = 65535
NO_PORT = f"is no port; pass a number from 1 to {MOST_PORT}, or 0 for a free one"


def check_listening(*, host: str, port: int, tls: bool, limits: Limits | None) -> None:
    """Refuse what can't be meant of a socket.

    Raises:
        TypeError: an argument is of another type; says which, and what to pass.
        ValueError: there is no such address or port.
    """
    check_types({"host": host, "port": port, "tls": tls, "limits": limits}, _LISTENING)
    if not host:
        raise ValueError(f"host='': {NO_HOST}")
    if not 0 <= port <= MOST_PORT:
        raise ValueError(f"port={port} {NO_PORT}")


def deadline_of(query: Mapping[str, str]) -> float | None:
    """The seconds that a request gives the server by its `timeout` parameter, None where it doesn't say.

    Raises:
        StatusError: 400 where it's no duration.
    """
    text = query.get("timeout")
    if not text:
        return None
    try:
        seconds = read_duration(text) / 10**9
    except GoTimeError as error:
        raise status.bad_request(f"invalid timeout specified in the request URL - {error}") from error
    return seconds if 0 < seconds < MAX_DEADLINE else MAX_DEADLINE


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class AddressError(OSError):
    """The server can't listen where it is told to; the message says why, and what to do."""


def cannot_listen(host: str, port: int, error: OSError) -> AddressError:
    """What to say of an error in beginning to listen."""
    if error.errno == errno.EADDRINUSE:
        why = "choose another port, or 0 for a free one"
        return AddressError(f"another process listens on {authority(host, port)}; {why}")
    if error.errno == errno.EACCES:
        return AddressError(f"this user may not listen on port {port}; choose one above 1023, or 0 for a free one")
    # Python 3.13 passes over addresses that aren't the machine's, and says without a number that it could bind to none.
    said = error.strerror.rpartition(": ")[2] if error.strerror else os.strerror(errno.EADDRNOTAVAIL).lower()
    return AddressError(
        f"{host} is no address of this machine; 127.0.0.1 is for its own clients, 0.0.0.0 for all of its addresses "
        f"({said})"
    )


def authority(host: str, port: int) -> str:
    """Host and port as a URL has them; a client of this machine connects to loopback where the host is any address."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- told, not listened on
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
