"""One Envoy's stream as a state machine: a request or a new goal goes in, the responses that are due come out.

Nothing here awaits, so nothing can come between a decision and its record. The protocol is the state-of-the-world
variant of xDS: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#variants-of-the-xds-transport-protocol
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator, Mapping

import attrs

from .plan import Step, steps
from .resources import ResourceSet, ResourceType, XdsResource


@attrs.frozen(kw_only=True)
class Request:
    """What Envoy said about one type.

    Attributes:
        kind: the type.
        names: the resources it subscribes to; without meaning for listeners and clusters, which are subscribed whole.
        nonce: the response that it speaks of, "" before the first.
        error: why it refuses that response, None where it doesn't.
    """

    kind: ResourceType
    names: frozenset[str] = frozenset()
    nonce: str = ""
    error: str | None = None


@attrs.frozen(kw_only=True)
class Response:
    """What is pushed of one type; `resources` is the whole type for listeners and clusters, a part for the others."""

    kind: ResourceType
    version: str
    nonce: str
    resources: tuple[XdsResource, ...] = attrs.field(repr=lambda found: repr([resource.name for resource in found]))


@attrs.frozen(kw_only=True)
class Refusal:
    """A NACK: Envoy's own words, and the entries it names or that were new in the push it refused."""

    reason: str
    suspects: frozenset[str]


@attrs.define
class _Type:
    """The two ends' knowledge of one type.

    `delivered` is what Envoy acknowledged, name to digest. After a NACK it isn't known (`is_known`): Envoy applies the
    good part of a push that it refuses.
    """

    names: frozenset[str] | None = None
    nonce: str = ""
    in_flight: dict[str, XdsResource] | None = None
    delivered: dict[str, str] = attrs.field(factory=dict)
    is_known: bool = False

    @property
    def is_ready(self) -> bool:
        """True where a push may be sent: subscribed, and the last one was answered."""
        return self.names is not None and self.in_flight is None

    def overtake(self) -> None:
        """Wait no longer for the answer to what is in flight; whether Envoy took it isn't known.

        It follows a refusal. The ACK of clusters may be held back by one that can't get warm, for as long as that one
        is not taken away.
        """
        if self.in_flight is not None:
            self.forget(self.in_flight)

    def forget(self, pushed: Mapping[str, XdsResource]) -> None:
        """Of what was pushed Envoy may have any part."""
        self.in_flight = None
        self.is_known = False
        self.delivered = {name: digest for name, digest in self.delivered.items() if name not in pushed}


class Session:
    """The server's side of one stream.

    One response per type is in flight at a time. A request that speaks of an older one is ignored: Envoy's answer to
    the latest carries the same subscription.

    Args:
        live: what this Envoy may still serve from an earlier stream; it is kept until what replaces it is there.
    """

    def __init__(self, *, live: ResourceSet) -> None:
        self._live: dict[ResourceType, Mapping[str, XdsResource]] = dict(live)
        self._types = {kind: _Type() for kind in ResourceType}
        self._steps: deque[Step] = deque()
        self._generation = 0
        self._nonces = 0
        self.is_settled = False
        self.refusal: Refusal | None = None

    def __repr__(self) -> str:
        state = "refused" if self.refusal else "settled" if self.is_settled else "idle"
        if self._steps and not self.is_settled:
            state = self._steps[0].name
        return f"<Session generation={self._generation} {state} pushed={self._nonces}>"

    @property
    def live(self) -> ResourceSet:
        """What Envoy acknowledged, for the stream that follows this one."""
        return self._live

    def aim(self, target: ResourceSet, *, generation: int) -> list[Response]:
        """Head for `target` from wherever this Envoy is now; what is due at once comes back.

        Args:
            target: the whole of what it shall have.
            generation: goes into every version, so that what is sent again after a NACK has a fresh one.
        """
        self._generation = generation
        self._steps = deque((*steps(self._live, target), Step(name="settled", content=target)))
        self.is_settled = False
        self.refusal = None
        for state in self._types.values():
            state.overtake()
        return self._advance()

    def rest(self) -> None:
        """Push nothing more until the next `aim`; another Envoy of the same node refused the goal."""
        self._steps.clear()

    def handle(self, request: Request) -> list[Response]:
        """Take a subscription, an ACK or a NACK; what is due after it comes back."""
        state = self._types[request.kind]
        if request.nonce != state.nonce:
            return []
        state.names = request.names
        if state.in_flight is not None:
            self._answered(request, state, state.in_flight)
        if not request.kind.is_whole:
            # Envoy forgets what it doesn't subscribe to; subscribing anew, it has to get it anew.
            state.delivered = {name: digest for name, digest in state.delivered.items() if name in request.names}
        return self._advance()

    def _answered(self, request: Request, state: _Type, pushed: dict[str, XdsResource]) -> None:
        state.in_flight = None
        if request.error is not None:
            self.refusal = _refusal(request.kind, request.error, pushed, state.delivered)
            state.forget(pushed)
            self._steps.clear()
        elif request.kind.is_whole:
            state.is_known = True
            state.delivered = _digests(pushed)
            self._live[request.kind] = pushed
        else:
            state.delivered.update(_digests(pushed))
            self._live[request.kind] = {**self._live.get(request.kind, {}), **pushed}

    def _advance(self) -> list[Response]:
        due: list[Response] = []
        while self._steps:
            step = self._steps[0]
            due.extend(self._push(step))
            if not self._is_done(step):
                break
            if len(self._steps) == 1:
                self.is_settled = True
                self._live = dict(step.content)
                break
            self._steps.popleft()
        return due

    def _push(self, step: Step) -> Iterator[Response]:
        for kind, content in step.content.items():
            state = self._types[kind]
            if not state.is_ready:
                continue
            missing = {name: resource for name, resource in content.items() if self._is_missing(resource)}
            if kind.is_whole and (missing or not state.is_known or state.delivered.keys() != content.keys()):
                self._expect_warming(missing if state.is_known else content)
                yield self._send(kind, dict(content))
            elif missing and not kind.is_whole:
                yield self._send(kind, missing)

    def _is_missing(self, resource: XdsResource) -> bool:
        state = self._types[resource.kind]
        if not resource.kind.is_whole and resource.name not in (state.names or ()):
            return False
        return state.delivered.get(resource.name) != resource.digest

    def _expect_warming(self, changed: Mapping[str, XdsResource]) -> None:
        """A new or changed cluster waits for its endpoints again, even for the same ones: they are sent once more.

        Envoy holds back its ACK of clusters until they are warm, so this can't wait for that ACK.
        """
        for resource in changed.values():
            for kind, name in resource.waits_for:
                state = self._types[kind]
                state.delivered.pop(name, None)
                if state.in_flight is not None:
                    state.in_flight.pop(name, None)

    def _send(self, kind: ResourceType, resources: dict[str, XdsResource]) -> Response:
        self._nonces += 1
        state = self._types[kind]
        state.nonce = str(self._nonces)
        state.in_flight = resources
        return Response(
            kind=kind,
            version=f"{_content_hash(resources)}.{self._generation}",
            nonce=state.nonce,
            resources=tuple(resources.values()),
        )

    def _is_done(self, step: Step) -> bool:
        return all(self._has(kind, content) for kind, content in step.content.items()) and all(
            name in (self._types[kind].names or ())
            for content in step.content.values()
            for resource in content.values()
            for kind, name in resource.waits_for
            # What is referred to but doesn't exist can't be waited for.
            if name in step.content.get(kind, {})
        )

    def _has(self, kind: ResourceType, content: Mapping[str, XdsResource]) -> bool:
        state = self._types[kind]
        if state.in_flight is not None or any(self._is_missing(resource) for resource in content.values()):
            return False
        return not kind.is_whole or (state.is_known and state.delivered.keys() == content.keys())


def _refusal(
    kind: ResourceType, error: str, pushed: Mapping[str, XdsResource], delivered: Mapping[str, str]
) -> Refusal:
    new = [resource for name, resource in pushed.items() if delivered.get(name) != resource.digest]
    named = [resource for resource in new if re.search(rf"(?<![\w/.-]){re.escape(resource.name)}(?![\w/-])", error)]
    return Refusal(
        reason=f"Envoy refused {kind.value}: {error.strip()}", suspects=frozenset(one.key for one in named or new)
    )


def _digests(resources: Mapping[str, XdsResource]) -> dict[str, str]:
    return {name: resource.digest for name, resource in resources.items()}


def _content_hash(resources: Mapping[str, XdsResource]) -> str:
    named = "\n".join(sorted(f"{resource.name} {resource.digest}" for resource in resources.values()))
    return hashlib.blake2b(named.encode(), digest_size=6).hexdigest()
