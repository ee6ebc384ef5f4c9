"""Everything that a real API server and the network before it have been seen to do, at random, to the controllers.

No fault is aimed at the user, whose changes are the story, nor at Envoy.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping

from examples.gateway.demo.setting import CONTROLLER
from reconcilekit import Clock
from reconcilekit.testing.apiserver import ApiServer, Fault

AGENT = f"{CONTROLLER} *"

KINDS: Mapping[str, Mapping[str, object]] = {
    "500 leader changed": {"status": 500, "message": "etcdserver: leader changed"},
    "500 request timed out, applied": {"status": 500, "message": "etcdserver: request timed out", "when": "after"},
    "503 overloaded": {"status": 503, "message": "service unavailable", "body": "service unavailable\n"},
    "429 with Retry-After": {"status": 429, "body": "Too many requests, please try again later.\n", "retry_after": 1},
    "504 timeout, applied": {"status": 504, "reason": "Timeout", "message": "request timed out", "when": "after"},
    "409 conflict": {"method": "PUT", "status": 409, "reason": "Conflict", "message": "the object has been modified"},
    "502 of a proxy": {"status": 502, "body": "<html>bad gateway</html>"},
    "connection dropped before": {"action": "drop"},
    "lost answer": {"action": "drop", "when": "after"},
    "half a body": {"action": "half_body"},
    "body cut off": {"action": "truncate", "when": "after"},
    "slow answer": {"action": "delay", "delay": 0.3},
}
"""Faults of requests, by the name under which the demo counts them."""

WATCH_KINDS: Mapping[str, Mapping[str, object]] = {
    "watch closes early": {"action": "close"},
    "watch breaks": {"action": "break"},
    "watch sends half a line": {"action": "half_line"},
    "watch sends garbage": {"action": "garbage_line"},
    "watch expires (410)": {"action": "error_event", "status": 410, "reason": "Expired", "message": "too old"},
}
"""Faults of watches; each strikes within a second of the watch's start."""

LAGGING = ("httproutes", "services", "endpointslices", "tokenpolicies", "secrets", "referencegrants")
"""Kinds whose watches run behind each other, by up to `MAX_LAG` seconds."""

MAX_LAG = 0.25


@contextlib.contextmanager
def mayhem(server: ApiServer, *, clock: Clock, probability: float = 0.05) -> Iterator[None]:
    """Put every fault in force for the length of a ``with`` block.

    Args:
        server: the API server.
        clock: its random source decides which requests are hit.
        probability: of each kind of fault for each request of the controllers.
    """
    armed = [
        server.faults.add(Fault(**{"user_agent": AGENT, "count": None, "probability": probability, **kind}))  # type: ignore[arg-type]
        for kind in KINDS.values()
    ]
    armed += [
        server.faults.add(
            Fault(**{
                "user_agent": AGENT, "count": None, "probability": 0.15, "query": {"watch": "*[1t]*"},
                "delay": clock.random.uniform(0.2, 1.0), **kind,
            })  # type: ignore[arg-type]
        )
        for kind in WATCH_KINDS.values()
    ]  # fmt: skip
    for plural in LAGGING:
        server.lag(plural, lambda: clock.random.uniform(0.0, MAX_LAG))
    try:
        yield
    finally:
        for each in armed:
            server.faults.remove(each)
        for plural in LAGGING:
            server.lag(plural, 0.0)


def injected(server: ApiServer, *, since: int = 0) -> Counter[str]:
    """How often each kind of fault has struck; `since` leaves out the first of the log."""
    return Counter(_name(hit.fault) for hit in server.faults.log[since:])


def _name(fault: Fault) -> str:
    for name, kind in {**KINDS, **WATCH_KINDS}.items():
        if all(getattr(fault, attribute) == value for attribute, value in kind.items() if attribute != "delay"):
            return name
    return f"{fault.status} {fault.message}" if fault.action == "answer" else fault.action
