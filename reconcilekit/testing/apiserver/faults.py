"""Faults: what is done to which requests, and to how many of them.

Every fault is decided by what was handed in: the request, the counts of its rule and the clock's random source; so a
run with faults is reproduced by its seed.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from random import Random
from typing import Any, Literal

import attrs
import msgspec

from reconcilekit.errors import LostAnswerError
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver.status import JSON, TEXT, StatusError
from reconcilekit.testing.apiserver.verbs.parameters import flag

_TYPE = ("kind", "apiVersion")

Action = Literal[
    "answer", "delay", "drop", "refuse", "half_body", "truncate", "late_write", "second_try",
    "close", "break", "silence", "half_line", "garbage_line", "error_event",
]  # fmt: skip
"""What happens to the request; those of the second line are for watches, and strike once they are under way.

- answer: `status`, `message`, ... instead of the server's own answer.
- delay: the server's own answer, `delay` seconds late.
- drop: the connection breaks without an answer.
- refuse: no connection; the client can know that nothing was sent (over a socket the same as drop).
- half_body: a whole HTTP answer with half of the body, as a broken proxy makes it.
- truncate: the connection breaks in the middle of the body.
- late_write: the server's 504, in `delay` seconds or the request's own `timeout`, and the request takes effect
  `lands_after` seconds later.
- second_try: the request is done twice, as by a server whose first try at its storage went through unnoticed, and
  answered by the second: a first create gets 409 AlreadyExists.
- close: the watch ends early, properly.
- break: the watch's connection breaks.
- silence: the watch stays open and says nothing any more.
- half_line: half an event, then the connection breaks.
- garbage_line: a line that is no JSON; the watch goes on.
- error_event: an ERROR event with `status`, `message` and `reason`, then the end.
"""

WATCH_ACTIONS: frozenset[str] = frozenset({"close", "break", "silence", "half_line", "garbage_line", "error_event"})


def _is_watch(request: Request) -> bool:
    return request.method == "GET" and (bool(flag(request.query, "watch")) or "/watch/" in request.path)


@attrs.frozen(kw_only=True)
class Fault:
    """A rule.

    Attributes:
        method: of the requests it is for, "*" for all; several are separated by commas.
        path: a glob ("*" matches slashes, too), or a compiled pattern that must match the whole path.
        query: parameters that the request must have, by glob: ``{"watch": "1"}``.
        user_agent: a glob, so that only one controller is hit.
        count: how many requests it hits; None for ever.
        after_calls: matching requests that it lets through first.
        probability: of a hit for each matching request after that, above 0, drawn from the server's clock.
        when: before or after the request took effect; "after" loses or replaces the answer to what was done.
        action: what happens, see `Action`.
        delay: seconds before anything happens; for watches, until it strikes.
        lands_after: seconds from the 504 of a late write to its effect.
        bare: the Status comes without kind and apiVersion, and is called plain text, as from the real server's filters.
        after_events: for watches: lines that are sent before it strikes.
        status: the HTTP status, and the code of the Status.
        message: the Status' message.
        reason: the Status' reason; "" leaves it out, as for "etcdserver: leader changed" (k/k#112152).
        details: the Status' details.
        retry_after: whole seconds, in the header.
        body: the whole body in place of the Status; a str is sent as plain text.

    Raises:
        TypeError: a value is of another type; the message names it, and says what to pass.
        ValueError: a value that no request could meet, or that means nothing, or nothing to the action that was chosen;
            the message names it.
    """

    method: str = "*"
    path: str | re.Pattern[str] = "*"
    query: Mapping[str, str] = attrs.field(factory=dict)
    user_agent: str = "*"
    count: int | None = 1
    after_calls: int = 0
    probability: float = 1.0
    when: Literal["before", "after"] = "before"
    action: Action = "answer"
    delay: float = 0.0
    lands_after: float = 1.0
    bare: bool = False
    after_events: int = 0
    status: int = 500
    message: str = "etcdserver: leader changed"
    reason: str = ""
    details: Mapping[str, Any] | None = None
    retry_after: int | None = None
    body: str | Mapping[str, Any] | None = None

    def __attrs_post_init__(self) -> None:
        # Most servers meet no fault.
        from reconcilekit.testing.apiserver import fault_options

        fields = attrs.fields_dict(Fault)
        told = {name: getattr(self, name) for name in fields}
        defaults = {name: field.default for name, field in fields.items()}
        fault_options.check(told, defaults, WATCH_ACTIONS)

    def matches(self, request: Request) -> bool:
        """True where the rule is for this request."""
        if self.action in WATCH_ACTIONS and not _is_watch(request):
            return False
        if self.method not in ("*", request.method) and request.method not in self.method.split(","):
            return False
        if isinstance(self.path, str):
            if not fnmatch.fnmatchcase(request.path, self.path):
                return False
        elif not self.path.fullmatch(request.path):
            return False
        if not fnmatch.fnmatchcase(request.headers.get("user-agent", ""), self.user_agent):
            return False
        return all(fnmatch.fnmatchcase(request.query.get(name, ""), glob) for name, glob in self.query.items())

    def error(self) -> StatusError:
        """The failure that it answers with."""
        return StatusError(
            self.status, self.message, reason=self.reason, details=self.details, retry_after=self.retry_after
        )

    def response(self) -> Response:
        """The answer that it gives."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        match self.body:
            case None if self.bare:
                told = {name: value for name, value in self.error().status().items() if name not in _TYPE}
                headers["content-type"] = TEXT
                return Response(status=self.status, headers=headers, body=msgspec.json.encode(told))
            case None:
                return self.error().response()
            case str(text):
                headers["content-type"] = TEXT
                return Response(status=self.status, headers=headers, body=text.encode())
            case body:
                headers["content-type"] = JSON
                return Response(status=self.status, headers=headers, body=msgspec.json.encode(body))


@attrs.frozen(kw_only=True)
class FaultHit:
    """One request that a fault struck."""

    fault: Fault
    method: str
    path: str
    query: Mapping[str, str]
    at: float


@attrs.define(eq=False)
class ArmedFault:
    """A rule in force.

    Attributes:
        fault: the rule.
        calls: requests that it was for.
        hits: those that it struck.
    """

    fault: Fault
    calls: int = 0
    hits: int = 0

    @property
    def is_spent(self) -> bool:
        """True once it has hit as many requests as it should."""
        return self.fault.count is not None and self.hits >= self.fault.count

    def strikes(self, request: Request, random: Random) -> bool:
        """Count this request, and decide."""
        if self.is_spent or not self.fault.matches(request):
            return False
        self.calls += 1
        if self.calls <= self.fault.after_calls:
            return False
        if self.fault.probability < 1.0 and random.random() >= self.fault.probability:
            return False
        self.hits += 1
        return True


KEPT_HITS = 100_000
"""Hits that are known, as many as records of requests; tens of megabytes."""


class Faults:
    """The rules in force, in the order they were added; the first that strikes decides.

    Args:
        random: what probabilities are drawn from.

    Attributes:
        log: the latest hits, oldest first; `KEPT_HITS` at least.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._armed: list[ArmedFault] = []
        self.log: list[FaultHit] = []

    def add(self, fault: Fault) -> ArmedFault:
        """Put a rule in force; what comes back counts its hits.

        Raises:
            TypeError: it is no rule; those of `oddities.dead_storage` are added one by one.
        """
        if not isinstance(fault, Fault):
            raise TypeError(f"{type(fault).__name__} is no Fault; several are added one by one")
        armed = ArmedFault(fault)
        self._armed.append(armed)
        return armed

    def remove(self, armed: ArmedFault) -> None:
        """Take a rule out of force; one that is out already stays out.

        Raises:
            TypeError: it is no rule in force; pass what `add` gave.
        """
        if not isinstance(armed, ArmedFault):
            raise TypeError(f"{type(armed).__name__} can't be removed: remove takes the ArmedFault that add gave")
        if armed in self._armed:
            self._armed.remove(armed)

    def clear(self) -> None:
        """Take every rule out of force; the log stays."""
        self._armed.clear()

    def strike(self, request: Request, at: float) -> Fault | None:
        """The fault that this request meets, logged."""
        for armed in self._armed:
            if armed.strikes(request, self._random):
                hit = FaultHit(fault=armed.fault, method=request.method, path=request.path, query=request.query, at=at)
                self._record(hit)
                return armed.fault
        return None

    def _record(self, hit: FaultHit) -> None:
        self.log.append(hit)
        if len(self.log) >= 2 * KEPT_HITS:
            del self.log[:KEPT_HITS]

    def __repr__(self) -> str:
        return f"<Faults armed={len(self._armed)} hits={len(self.log)}>"


class TruncatedAnswerError(LostAnswerError):
    """The connection broke in the middle of the body.

    Attributes:
        response: the answer that was to be sent whole.
    """

    def __init__(self, request: Request, response: Response) -> None:
        super().__init__(f"{request}: the connection broke in the middle of the body")
        self.response = response
