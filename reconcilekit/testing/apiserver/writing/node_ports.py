"""Services' nodePorts, those of health checks among them: given out at the write, held by what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import shown
from reconcilekit.testing.apiserver.status import Cause, StatusError
from reconcilekit.testing.apiserver.validation.services import EXPOSED, needs_health_check

_TAKEN = "provided port is already allocated"

_GUESS = 32768
"""A dry run's first port is the one after this, whatever the range."""


class NodePorts:
    """The ports that Services have.

    Args:
        first: of the range.
        last: of the range, itself in it.
        random: draws them.
    """

    def __init__(self, first: int, last: int, *, random: Random) -> None:
        self.first = first
        self.last = last
        self.random = random
        self.holders: dict[int, ObjectKey] = {}

    def hold(self, key: ObjectKey, content: Mapping[str, Any]) -> None:
        """A Service with these ports is stored."""
        for port in _ports(content):
            self.holders[port] = key

    def release(self, content: Mapping[str, Any]) -> None:
        """It isn't any more."""
        for port in _ports(content):
            self.holders.pop(port, None)

    def allocate(
        self, key: ObjectKey, spec: dict[str, Any], before: Mapping[str, Any] | None, *, is_dry_run: bool
    ) -> None:
        """Give a Service the ports that it needs and hasn't yet; arguments as for `ServiceAddresses.allocate`.

        Raises:
            StatusError: 422, one that it asks for isn't to be had; 500, nothing is left.
        """
        write = _DryRun(self, key) if is_dry_run else _Write(self, key)
        if spec.get("type") in EXPOSED:
            _allocate_ports(write, spec, before)
        if needs_health_check(spec) and not (before and needs_health_check(before)):
            _allocate_health_check(write, spec)


class _Write:
    """The ports of one write."""

    def __init__(self, ports: NodePorts, key: ObjectKey) -> None:
        self._ports = ports
        self.key = key
        self.given: list[int] = []

    def take(self, number: int) -> str:
        """Take a port that is asked for; what keeps it from that."""
        first, last = self._ports.first, self._ports.last
        if not first <= number <= last:
            return f"provided port is not in the valid range. The range of valid ports is {first}-{last}"
        return self._take_free(number)

    def next(self) -> int:
        """Take any.

        Raises:
            StatusError: 500.
        """
        first, last = self._ports.first, self._ports.last
        for index in drawn(self._ports.random, 0, last - first + 1):
            if not self._take_free(first + index):
                return first + index
        raise status.internal_error("failed to allocate a nodePort: range is full")

    def _take_free(self, number: int) -> str:
        if number in self.given or self._ports.holders.get(number, self.key) != self.key:
            return _TAKEN
        self.given.append(number)
        return ""


class _DryRun(_Write):
    """Those that a write shows that stores nothing: the real server doesn't look for free ones, and knows no range."""

    def take(self, number: int) -> str:
        return self._take_free(number)

    def next(self) -> int:
        self.given.append(max(self.given, default=_GUESS) + 1)
        return self.given[-1]


def _allocate_ports(write: _Write, spec: dict[str, Any], before: Mapping[str, Any] | None) -> None:
    gives = spec["type"] == "NodePort" or spec.get("allocateLoadBalancerNodePorts", True)
    kept = {port.get("nodePort") for port in (before or {}).get("ports") or ()}
    given: dict[int, int] = {}
    ports = []
    for index, port in enumerate(spec.get("ports") or ()):
        number = port.get("nodePort")
        if number:
            is_again = number in given.values() and (before is not None or given.get(port.get("port", 0)) == number)
            problem = "" if number in kept or is_again else write.take(number)
            if problem:
                raise _refuse(write.key, f"spec.ports[{index}].nodePort", number, problem)
        elif gives:
            # Two protocols of one port share a number where the Service is new.
            number = _shared(port, spec["ports"], given) if before is None else None
            number = number or write.next()
        if number:
            given.setdefault(port.get("port", 0), number)
        ports.append({**port, "nodePort": number} if number else port)
    if ports:
        spec["ports"] = ports


def _allocate_health_check(write: _Write, spec: dict[str, Any]) -> None:
    number = spec.get("healthCheckNodePort")
    if not number:
        spec["healthCheckNodePort"] = write.next()
    elif problem := write.take(number):
        raise status.internal_error(f"failed to allocate requested HealthCheck NodePort {number}: {problem}")


def _shared(port: Mapping[str, Any], ports: Iterable[Mapping[str, Any]], given: Mapping[int, int]) -> int | None:
    asked = (p["nodePort"] for p in ports if p.get("port") == port.get("port") and p.get("nodePort"))
    return given.get(port.get("port", 0)) or next(asked, None)


def _ports(content: Mapping[str, Any]) -> list[int]:
    spec = content.get("spec") or {}
    numbers = [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]
    return [*numbers, spec["healthCheckNodePort"]] if spec.get("healthCheckNodePort") else numbers


def _refuse(key: ObjectKey, field: str, value: int, why: str) -> StatusError:
    cause = Cause(reason="FieldValueInvalid", message=f"Invalid value: {shown(value)}: {why}", field=field)
    return status.invalid("", "Service", key.name, [cause])


def drawn(random: Random, first: int, count: int) -> Iterator[int]:
    """Every index of a range of ports or addresses, from a random one on.

    The lower part, which is kept for who asks for one of it, comes last, as in the real server (KEP-3070, KEP-3668).
    """
    reserved = _reserved(count)
    upper = range(first + reserved, first + count)
    for part in (upper, range(first, first + reserved)):
        if part:
            start = random.randrange(len(part))
            yield from (*part[start:], *part[:start])


def _reserved(size: int) -> int:
    """How much of a range is given out last: a sixteenth, from 16 to 256."""
    return 0 if size < 16 else min(max(16, size // 16), 256)
