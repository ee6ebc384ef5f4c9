"""Steady traffic: clients that ask at a fixed rate whatever happens, and judge every answer.

Half of them open a new connection for each request, which is what meets a listener or a filter chain that isn't there;
the others keep theirs, which is what meets a route or a cluster that isn't there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

import attrs

from reconcilekit.clock import Clock

from .backends import SERVICE_HEADER
from .http_client import Address, Answer, Connection, RequestFailedError, Trouble


@attrs.frozen(kw_only=True)
class Target:
    """A request and the answer that is right for it.

    Attributes:
        name: what the records call it.
        address: where it goes.
        path: its path.
        headers: its further headers, such as the token that a protected route demands.
        status: the status that is right; 401 where it is to be turned away for lack of a token.
        services: those that may answer, empty where none has to. It can be changed while traffic runs, see
            `Traffic.move`.
    """

    name: str
    address: Address
    path: str
    headers: Mapping[str, str] = attrs.field(factory=dict)
    status: int = 200
    services: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class Sample:
    """One request.

    Attributes:
        at: seconds since the traffic's start, when it was sent.
        seconds: until its answer was whole, or its failure certain.
        phase: the phase in which it was sent.
        target: its target's name.
        trouble: None where the answer was right.
        detail: the wrong status or service, or the connection's error; "" where the answer was right.
    """

    at: float
    seconds: float
    phase: str
    target: str
    trouble: Trouble | None
    detail: str


@attrs.frozen(kw_only=True)
class PhaseTotals:
    """What came of one phase's requests.

    Attributes:
        requests: how many were sent and have ended.
        failed: how many of them got no answer, or a wrong one.
        troubles: failed ones by "<trouble>: <detail>".
        slowest: seconds of the slowest.
    """

    requests: int
    failed: int
    troubles: Mapping[str, int]
    slowest: float


class Traffic:
    """Clients that go round the targets; an asynchronous context manager.

    Leaving it lets the requests that are under way end. By itself it ends after `limit`.

    Args:
        targets: each client takes them in turn, each from another one on.
        clock: paces the clients and times the requests.
        clients: how many; every other one keeps its connections.
        rate: requests per second of one client. It skips those that it is late for: no burst follows a stall.
        timeout: seconds until a request without an answer has failed; well above what a healthy answer takes, and
            below what a person would wait.
        limit: seconds after which it ends by itself, so that nothing forgotten runs for ever.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        clock: Clock,
        clients: int = 8,
        rate: float = 25.0,
        timeout: float = 5.0,
        limit: float = 300.0,
    ) -> None:
        if not targets:
            raise ValueError("there are no targets; give at least one")
        self._targets = tuple(targets)
        self._clock = clock
        self._clients = clients
        self._interval = 1 / rate
        self._timeout = timeout
        self._limit = limit
        self._services = {target.name: target.services for target in targets}
        self._phases: list[tuple[str, float]] = []
        self._samples: list[Sample] = []
        self._started = 0.0
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return f"<Traffic clients={self._clients} samples={len(self._samples)} phase={self.phase!r}>"

    def __str__(self) -> str:
        requests, kinds = self._clients / self._interval, len(self._targets)
        return f"{self._clients} clients send {requests:.0f} requests per second of {kinds} kinds, HTTP and HTTPS"

    async def __aenter__(self) -> Self:
        self._started = self._clock.monotonic()
        self._tasks = [
            asyncio.create_task(self._run(number), name=f"traffic-{number}") for number in range(self._clients)
        ]
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)

    @property
    def phase(self) -> str:
        """The phase that requests sent now belong to; "" before the first."""
        return self._phases[-1][0] if self._phases else ""

    @property
    def phases(self) -> Sequence[tuple[str, float]]:
        """Each phase and when it began, in seconds since the start."""
        return tuple(self._phases)

    @property
    def samples(self) -> Sequence[Sample]:
        """Every request that has ended, in the order of their ends."""
        return tuple(self._samples)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock.monotonic() - self._started

    def begin_phase(self, name: str) -> None:
        """Requests that are sent from now on belong to phase `name`; those under way stay with theirs."""
        self._phases.append((name, self.elapsed))

    def move(self, target: str, *services: str) -> None:
        """From now on these may answer `target`; requests under way may be answered by the old ones, too.

        While a route moves, name both the old and the new service, and only the new one when it has arrived.
        """
        if target not in self._services:
            raise ValueError(f"target {target!r} isn't known; use one of {sorted(self._services)}")
        self._services[target] = frozenset(services)

    def totals(self) -> Mapping[str, PhaseTotals]:
        """What has come of each phase so far."""
        return {phase: totals_of(s for s in self._samples if s.phase == phase) for phase, _ in self._phases}

    async def _run(self, number: int) -> None:
        is_kept = number % 2 == 0
        connections: dict[Address, Connection] = {}
        turn = 0
        while (delay := self._delay(number, turn)) is not None:
            await self._clock.sleep(delay)
            if self._is_over:
                break
            target = self._targets[(number + turn) % len(self._targets)]
            connection = connections.setdefault(target.address, Connection(target.address, keep_alive=is_kept))
            self._samples.append(await self._request(target, connection))
            turn = max(turn + 1, int((self.elapsed - self._offset(number)) / self._interval))
        for connection in connections.values():
            connection.close()

    def _offset(self, number: int) -> float:
        """Spread over the interval, so that clients don't ask all at once."""
        return self._interval * number / self._clients

    def _delay(self, number: int, turn: int) -> float | None:
        """Seconds until a client's next request, None where there is none."""
        due = self._offset(number) + turn * self._interval
        return None if self._is_over or due > self._limit else max(due - self.elapsed, 0.0)

    async def _request(self, target: Target, connection: Connection) -> Sample:
        at, phase, allowed = self.elapsed, self.phase, self._services[target.name]
        trouble: Trouble | None
        try:
            async with self._clock.timeout(self._timeout):
                answer = await connection.get(target.path, headers=target.headers)
            trouble, detail = judge(target, answer, allowed | self._services[target.name])
        except RequestFailedError as error:
            trouble, detail = error.trouble, error.detail
        except TimeoutError:
            trouble, detail = Trouble.TIMEOUT, f"{self._timeout:g} s"
        return Sample(at=at, seconds=self.elapsed - at, phase=phase, target=target.name, trouble=trouble, detail=detail)


def judge(target: Target, answer: Answer, services: frozenset[str]) -> tuple[Trouble | None, str]:
    """Is this the answer that is right for `target`? None and "" if it is."""
    if answer.status != target.status:
        is_open = target.status == 401 and answer.status < 400
        return (Trouble.UNPROTECTED if is_open else Trouble.STATUS), str(answer.status)
    service = answer.headers.get(SERVICE_HEADER, "")
    if services and service not in services:
        return Trouble.SERVICE, service or "none"
    return None, ""


def totals_of(samples: Iterable[Sample]) -> PhaseTotals:
    """The totals of any samples."""
    samples = tuple(samples)
    failed = [sample for sample in samples if sample.trouble is not None]
    troubles = Counter(f"{s.trouble.value}: {s.detail}".removesuffix(": ") for s in failed if s.trouble is not None)
    return PhaseTotals(
        requests=len(samples),
        failed=len(failed),
        troubles=dict(troubles.most_common()),
        slowest=max((sample.seconds for sample in samples), default=0.0),
    )
