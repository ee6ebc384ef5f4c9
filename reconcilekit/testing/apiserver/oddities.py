"""What real API servers do now and then, as rules for `Faults.add`: each was seen on one (kube-apiserver v1.37.2)."""

from __future__ import annotations

import re

import attrs

from reconcilekit.testing.apiserver.faults import Fault

WRITES = "POST,PUT,PATCH,DELETE"
"""Every method that changes something."""

_OF_KINDS = re.compile(r"/api/v1/.+|/apis/[^/]+/[^/]+/.+")
"""Every path to objects, in namespaces or not; what discovery answers needs no storage."""

_TIMED_OUT = "Timeout: request did not complete within the allotted timeout"


def late_write(*, method: str = WRITES, path: str = "*", delay: float = 3.0, lands_after: float = 30.0) -> Fault:
    """A 504 whose write lands later: the server's storage was slow, and went on after the answer.

    Args:
        method: of the request.
        path: of the request, a glob.
        delay: seconds until the 504; a request's own `timeout` takes precedence.
        lands_after: seconds from the 504 to the effect.
    """
    return Fault(method=method, path=path, action="late_write", delay=delay, lands_after=lands_after)


def own_write_met(*, path: str = "*") -> Fault:
    """409 AlreadyExists for a first and only create: the server's second try met its first."""
    return Fault(method="POST", path=path, action="second_try")


def bare_timeout(*, method: str = "*", path: str = "*") -> Fault:
    """A 504 whose Status has neither kind nor apiVersion and is called plain text, as the server's filters make it."""
    return Fault(method=method, path=path, status=504, message=_TIMED_OUT, reason="Timeout", details={}, bare=True)


def closed_connection(*, method: str = "*", path: str = "*", is_done: bool = False) -> Fault:
    """The connection closed in place of an answer.

    Args:
        method: of the request.
        path: of the request, a glob.
        is_done: the request took effect.
    """
    return Fault(method=method, path=path, action="drop", when="after" if is_done else "before")


def dead_storage() -> tuple[Fault, ...]:
    """The storage is gone, for good: writes time out after 34 s, reads without a resourceVersion after 60.

    Watches, and reads at a resourceVersion that the server's cache has, go on: what lives by those sees nothing wrong.
    """
    timed_out = Fault(
        method=WRITES, count=None, status=504, message=_TIMED_OUT, reason="Timeout", details={}, bare=True, delay=34.0
    )
    return (
        Fault(path="/readyz", count=None, status=500, body="[+]ping ok\n[-]etcd failed: reason withheld\n"),
        timed_out,
        attrs.evolve(timed_out, method="GET", path=_OF_KINDS, query={"resourceVersion": "", "watch": ""}, delay=60.0),
    )


def overloaded(*, count: int | None = 1, retry_after: int = 1) -> Fault:
    """429 as plain text, from a server with too many requests at once."""
    return Fault(count=count, status=429, body="Too many requests, please try again later.\n", retry_after=retry_after)


def unavailable(*, path: str = "*", count: int | None = 1) -> Fault:
    """503 as plain text, from the front of an aggregated API that is down."""
    return Fault(path=path, count=count, status=503, body="service unavailable\n")
