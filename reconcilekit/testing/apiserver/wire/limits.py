"""What a server puts up with: sizes and times, as the real one has them."""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Mapping

import attrs

from reconcilekit.testing.apiserver import status
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
    """

    head_bytes: int = 64 * 1024
    head_seconds: float = 32.0
    body_seconds: float = 60.0
    body_bytes: int = 3 * 1024 * 1024
    linger_seconds: float = 1.0


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
