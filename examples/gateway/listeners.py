"""A Gateway's listeners: which can be served, and why the others can't."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from examples.gateway import hostnames
from examples.gateway.attachment import HTTP_ROUTE_KIND, admits_http_routes
from examples.gateway.model import Gateway, Listener
from examples.gateway.reads import Reads
from examples.gateway.rendering import DataPlane
from examples.gateway.tls import Certificate, resolve_certificate
from examples.gateway.verdicts import Condition, ListenerVerdict, Problem, Reason

_PROTOCOLS: Final = ("HTTP", "HTTPS")
_HIGHEST_PORT: Final = 65535


@attrs.frozen(kw_only=True)
class JudgedListener:
    """A listener with what was found about it.

    Attributes:
        listener: as the Gateway has it.
        refused: why it can't be accepted, None where it is.
        conflict: with which other listeners it can't be told apart, None where it can.
        unresolved: what it refers to in vain, or kinds of routes that don't exist; it is served all the same where a
            good certificate is left.
        certificates: those of an HTTPS listener that can be served.
    """

    listener: Listener
    refused: Problem | None
    conflict: Problem | None
    unresolved: tuple[Problem, ...]
    certificates: tuple[Certificate, ...]

    @property
    def is_served(self) -> bool:
        """True where the snapshot has it."""
        if self.refused is not None or self.conflict is not None:
            return False
        return self.listener.protocol == "HTTP" or bool(self.certificates)

    def verdict(self, *, attached_routes: int) -> ListenerVerdict:
        """What its status says, but for Programmed."""
        return ListenerVerdict(
            name=self.listener.name,
            supported_kinds=("HTTPRoute",) if admits_http_routes(self.listener) else (),
            attached_routes=attached_routes,
            is_served=self.is_served,
            conditions=(self._accepted(), self._conflicted(), self._resolved_refs()),
        )

    def _accepted(self) -> Condition:
        problem = self.refused or self.conflict
        if problem is not None:
            return Condition("Accepted", False, problem.reason, problem.message)
        return Condition("Accepted", True, Reason.ACCEPTED)

    def _conflicted(self) -> Condition:
        if self.conflict is not None:
            return Condition("Conflicted", True, self.conflict.reason, self.conflict.message)
        return Condition("Conflicted", False, Reason.NO_CONFLICTS)

    def _resolved_refs(self) -> Condition:
        if not self.unresolved:
            return Condition("ResolvedRefs", True, Reason.RESOLVED_REFS)
        message = "; ".join(problem.message for problem in self.unresolved)
        return Condition("ResolvedRefs", False, self.unresolved[0].reason, message)


def judge_listeners(gateway: Gateway, reads: Reads, *, data_plane: DataPlane) -> tuple[JudgedListener, ...]:
    """Judge each listener by itself and beside the others, in the Gateway's order.

    Args:
        gateway: whose.
        reads: where certificates and grants are looked up.
        data_plane: its port offset decides which ports there are.
    """
    conflicts = _conflicts(gateway.listeners)
    return tuple(
        JudgedListener(
            listener=listener,
            refused=_refusal(listener, gateway, data_plane),
            conflict=conflicts[position],
            unresolved=(*_unknown_kinds(listener), *unresolved),
            certificates=certificates,
        )
        for position, listener in enumerate(gateway.listeners)
        for certificates, unresolved in (_certificates(listener, gateway, reads),)
    )


def _refusal(listener: Listener, gateway: Gateway, data_plane: DataPlane) -> Problem | None:
    if listener.protocol not in _PROTOCOLS:
        supported = " or ".join(_PROTOCOLS)
        return Problem(Reason.UNSUPPORTED_PROTOCOL, f"protocol {listener.protocol!r} isn't supported; use {supported}")
    if listener.port < 1 or not 1 <= listener.port + data_plane.port_offset <= _HIGHEST_PORT:
        return Problem(Reason.PORT_UNAVAILABLE, f"port {listener.port} can't be bound")
    if listener.hostname != hostnames.ANY and not hostnames.is_valid(listener.hostname):
        return Problem(Reason.INVALID, f"hostname {listener.hostname!r} isn't a lower case DNS name")
    return _tls_refusal(listener, gateway) if listener.protocol == "HTTPS" else None


def _tls_refusal(listener: Listener, gateway: Gateway) -> Problem | None:
    if listener.tls is None:
        return Problem(Reason.INVALID, "an HTTPS listener needs tls with certificateRefs")
    if listener.tls.mode != "Terminate":
        return Problem(Reason.INVALID, f"tls mode {listener.tls.mode!r} isn't supported; use Terminate")
    if listener.tls.demands_client_certificates or gateway.demands_client_certificates:
        # To serve it without would open what the user closed.
        return Problem(Reason.INVALID, "client certificates are demanded, which isn't supported")
    return None


def _certificates(
    listener: Listener, gateway: Gateway, reads: Reads
) -> tuple[tuple[Certificate, ...], tuple[Problem, ...]]:
    if listener.protocol != "HTTPS" or listener.tls is None or listener.tls.mode != "Terminate":
        return (), ()
    if not listener.tls.certificates:
        return (), (Problem(Reason.INVALID_CERTIFICATE_REF, "tls names no certificateRefs"),)
    namespace = gateway.meta.key.namespace
    references = dict.fromkeys(listener.tls.certificates)
    resolved = [resolve_certificate(reads, reference, gateway_namespace=namespace) for reference in references]
    good = {certificate.name: certificate for certificate in resolved if isinstance(certificate, Certificate)}
    return tuple(good.values()), tuple(problem for problem in resolved if isinstance(problem, Problem))


def _unknown_kinds(listener: Listener) -> tuple[Problem, ...]:
    unknown = [kind for kind in listener.allowed_routes.kinds or () if kind != HTTP_ROUTE_KIND]
    return tuple(
        Problem(Reason.INVALID_ROUTE_KINDS, f"routes of kind {kind}.{group} aren't supported")
        for group, kind in unknown
    )


def _conflicts(listeners: Sequence[Listener]) -> list[Problem | None]:
    """All the listeners of a conflict lose: the API forbids to pick a winner."""
    names = Counter(listener.name for listener in listeners)
    distinct = Counter((listener.port, listener.hostname) for listener in listeners)
    return [_conflict(listener, listeners, names, distinct) for listener in listeners]


def _conflict(
    listener: Listener,
    listeners: Sequence[Listener],
    names: Counter[str],
    distinct: Counter[tuple[int, str]],
) -> Problem | None:
    if names[listener.name] > 1:
        return Problem(Reason.HOSTNAME_CONFLICT, f"several listeners are called {listener.name!r}")
    protocols = sorted({other.protocol for other in listeners if other.port == listener.port})
    if len(protocols) > 1:
        return Problem(
            Reason.PROTOCOL_CONFLICT, f"port {listener.port} has listeners with different protocols: {protocols}"
        )
    if distinct[listener.port, listener.hostname] > 1:
        return Problem(
            Reason.HOSTNAME_CONFLICT,
            f"port {listener.port} has several listeners for hostname {listener.hostname!r}",
        )
    return None
