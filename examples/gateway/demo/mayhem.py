"""Everything that a real API server and the network before it have been seen to do, at random, to the controllers.

No fault is aimed at the user, whose changes are the story, nor at Envoy.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Self

import attrs

from examples.gateway.demo.setting import CONTROLLER
from reconcilekit import Clock
from reconcilekit.testing.apiserver import ApiServer, ArmedFault, Fault
from reconcilekit.testing.apiserver.wire.faulty import strike_watch

AGENT = f"{CONTROLLER} *"

REQUEST_FAULTS: Mapping[str, Fault] = {
    "500 leader changed": Fault(status=500, message="etcdserver: leader changed"),
    "500 timed out, yet applied": Fault(status=500, message="etcdserver: request timed out", when="after"),
    "503 overloaded": Fault(status=503, body="service unavailable\n"),
    "429 with Retry-After": Fault(status=429, body="Too many requests, please try again later.\n", retry_after=1),
    "504, yet applied": Fault(status=504, reason="Timeout", message="request timed out", when="after"),
    "409 conflict": Fault(method="PUT", status=409, reason="Conflict", message="the object has been modified"),
    "502 of a proxy": Fault(status=502, body="<html>bad gateway</html>"),
    "connection dropped": Fault(action="drop"),
    "answer lost": Fault(action="drop", when="after"),
    "half a body": Fault(action="half_body"),
    "body cut off": Fault(action="truncate", when="after"),
    "slow answer": Fault(action="delay", delay=0.3),
}
"""Faults of requests, discovery included, by the name under which the demo counts them."""

WATCH_FAULTS: Mapping[str, Fault] = {
    "watch closes early": Fault(action="close"),
    "watch breaks": Fault(action="break"),
    "half a line": Fault(action="half_line"),
    "garbage in a watch": Fault(action="garbage_line"),
    "watch expires (410)": Fault(
        action="error_event", status=410, reason="Expired", message="too old resource version"
    ),
}
"""Faults of watches under way."""

OBJECTS = re.compile(r"/apis?/.*/namespaces/[^/]+/[^/]+/[^/]+(/[^/]+)?")
"""Paths of single objects and their status; all that is read and written in the course of a run."""

COLLECTIONS = re.compile(r"(?!.*/namespaces/).*")
"""Paths of lists and watches over all namespaces, and of discovery."""

WATCH_PAUSE = 4.0
"""Seconds between two of them. A watch that breaks again and again is begun anew more and more slowly."""

LAGGING = ("httproutes", "services", "endpointslices", "tokenpolicies", "secrets", "referencegrants")
"""Kinds whose watches run behind each other, by up to `MAX_LAG` seconds."""

MAX_LAG = 0.25


class Mayhem:
    """All of it at once; a context manager that ends it.

    Args:
        server: the API server.
        clock: its random source decides which requests are hit.
        probability: of each kind of fault for each request of the controllers for one object; lists, watches and
            discovery are hit a quarter as often, since after a failure they wait for seconds.
        lags: whether watches run behind each other, too.

    Attributes:
        strikes: when watches were struck, by the clock.
    """

    def __init__(self, server: ApiServer, *, clock: Clock, probability: float = 0.04, lags: bool = True) -> None:
        self._server = server
        self._clock = clock
        self._probability = probability
        self._lags = lags
        self._armed: list[tuple[str, ArmedFault]] = []
        self._struck: Counter[str] = Counter()
        self.strikes: list[float] = []

    def __enter__(self) -> Self:
        self._armed = [(name, self._server.faults.add(fault)) for name, fault in self._faults()]
        if self._lags:
            for plural in LAGGING:
                self._server.lag(plural, lambda: self._clock.random.uniform(0.0, MAX_LAG))
        return self

    def __exit__(self, *_: object) -> None:
        for _name, armed in self._armed:
            self._server.faults.remove(armed)
        if self._lags:
            for plural in LAGGING:
                self._server.lag(plural, 0.0)

    def __repr__(self) -> str:
        return f"<Mayhem injected={self.injected.total()}>"

    @property
    def injected(self) -> Counter[str]:
        """How often each kind of fault has struck."""
        counts = Counter(self._struck)
        for name, armed in self._armed:
            counts[name] += armed.hits
        return counts

    @property
    def total(self) -> int:
        """How many faults have struck."""
        return self.injected.total()

    async def strike_watches(self) -> None:
        """Do something to one watch after the other, in turn, until cancelled."""
        for number in itertools.count():
            await self._clock.sleep(WATCH_PAUSE)
            watches = self._server.watches
            if watches:
                name = self._clock.random.choice(sorted(WATCH_FAULTS))
                strike_watch(watches[number % len(watches)], WATCH_FAULTS[name])
                self._struck[name] += 1
                self.strikes.append(self._clock.monotonic())

    def _faults(self) -> Iterator[tuple[str, Fault]]:
        if not self._probability:
            return
        for name, fault in REQUEST_FAULTS.items():
            # A 429 pauses every key of the server for a second: as often as the others it would leave no time for them.
            share = 1 / 8 if fault.status == 429 else 1.0
            for path, probability in ((OBJECTS, self._probability), (COLLECTIONS, self._probability / 4)):
                yield (
                    name,
                    attrs.evolve(fault, user_agent=AGENT, count=None, path=path, probability=probability * share),
                )
