"""How a request comes to its answer: record, fault, limits, access and verb, and whatever goes wrong on the way."""

from __future__ import annotations

import collections
import functools
from collections.abc import Awaitable
from http import HTTPStatus
from typing import TYPE_CHECKING

import attrs

from reconcilekit.clock import Clock
from reconcilekit.errors import WireError
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.gate import Gate
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.cluster import Cluster
from reconcilekit.testing.apiserver.encoding.rendering import refusal
from reconcilekit.testing.apiserver.faults import Faults
from reconcilekit.testing.apiserver.pacing import Steps
from reconcilekit.testing.apiserver.request_records import RequestRecord, broken
from reconcilekit.testing.apiserver.status import StatusError
from reconcilekit.testing.apiserver.storage.watch import WatchStream
from reconcilekit.testing.apiserver.verbs.dispatch import Answer, Begun, dispatch
from reconcilekit.testing.apiserver.verbs.reads import FUTURE_VERSION_PATIENCE
from reconcilekit.testing.apiserver.wire.limits import deadline_of

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.wire.faulty import FaultyServing

MAX_REQUEST = 3 * 1024 * 1024
"""Bytes of a request's body that the server reads."""

SHORTEST_DEADLINE = 0.001
"""Seconds that a request may give the server at least: with fewer it doesn't even begin."""

_ANSWERS = (Response, WatchStream)


@attrs.define(kw_only=True, eq=False, slots=False)
class Serving:
    """Answers requests from a cluster.

    Args:
        cluster: whose objects and kinds they are about.
        gate: who may do what.
        clock: for the times of records, and for answers that have to wait.
        faults: what is done to which requests.
        requests: where each is recorded.
    """

    _cluster: Cluster
    _gate: Gate
    _clock: Clock
    _faults: Faults
    _requests: collections.deque[RequestRecord]

    @functools.cached_property
    def _faulty(self) -> FaultyServing:
        from reconcilekit.testing.apiserver.wire.faulty import FaultyServing

        return FaultyServing(self._clock)

    async def handle(self, request: Request, peer: User | None) -> Answer:
        """The answer; whoever sent the request is `peer`, where the connection tells."""
        answer = self.begin(request, peer)
        return answer if isinstance(answer, _ANSWERS) else await answer

    def begin(self, request: Request, peer: User | None) -> Answer | Awaitable[Answer]:
        """The same in one step; or, where a fault or a version of the future has it wait, what waits for the answer."""
        record = RequestRecord.of(request, at=self._clock.monotonic())
        self._requests.append(record)
        self._cluster.resume()
        fault = self._faults.strike(request, record.at)
        if fault is not None:
            served = self._faulty.answer(request, fault, functools.partial(self._waited_for, record, peer))
            return self._recorded(record, served)
        answer = self._serve(record, peer, request)
        if not isinstance(answer, _ANSWERS):
            return self._recorded(record, answer)
        record.status = answer.status
        return answer

    def dispatch(self, request: Request) -> Begun:
        """What its verb answers, without asking who sent it.

        Raises:
            StatusError: it is refused.
        """
        try:
            return dispatch(self._cluster, request)
        except RecursionError as error:
            raise status.bad_request("the object provided is unrecognized: exceeded max depth") from error

    async def _recorded(self, record: RequestRecord, waiting: Awaitable[Answer]) -> Answer:
        answer = await waiting
        record.status = answer.status
        return answer

    async def _waited_for(self, record: RequestRecord, peer: User | None, request: Request) -> Answer:
        answer = self._serve(record, peer, request)
        return answer if isinstance(answer, _ANSWERS) else await answer

    def _serve(self, record: RequestRecord, peer: User | None, request: Request) -> Answer | Awaitable[Answer]:
        try:
            _check_size(request)
            deadline = deadline_of(request.query)
            if deadline is not None and deadline < SHORTEST_DEADLINE:
                return status.timed_out()
            answer = self._gate.pass_through(request, self.dispatch, record=record, peer=peer)
        except StatusError as error:
            refused = refusal(error, request.headers.get("accept", ""))
            return self._late(refused) if error.code == HTTPStatus.GATEWAY_TIMEOUT else refused
        except WireError:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it is, the client is to have an answer
            return broken(record, error)
        return self._in_turns(record, answer) if isinstance(answer, Steps) else answer

    async def _in_turns(self, record: RequestRecord, answer: Steps) -> Answer:
        try:
            return await answer.in_turns(self._cluster.turns)
        except Exception as error:  # noqa: BLE001 -- as above
            return broken(record, error)

    async def _late(self, refused: Response) -> Answer:
        await self._clock.sleep(FUTURE_VERSION_PATIENCE)
        return refused


def _check_size(request: Request) -> None:
    if len(request.body or b"") > MAX_REQUEST:
        raise status.too_large_request(MAX_REQUEST)
