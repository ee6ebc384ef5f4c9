"""Services' clusterIPs and nodePorts: given out at the write, held by what is stored, free again when it's gone."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.go_text import shown
from reconcilekit.testing.apiserver.status import Cause, StatusError, invalid
from reconcilekit.testing.apiserver.storage.storage import Event, Stored
from reconcilekit.testing.apiserver.validation.service_addresses import NONE
from reconcilekit.testing.apiserver.writing import service_fields
from reconcilekit.testing.apiserver.writing.node_ports import NodePorts, drawn
from reconcilekit.testing.apiserver.writing.service_fields import has_address

SERVICES = ("", "services")
IP_ADDRESSES = ("networking.k8s.io", "ipaddresses")


class ServiceAddresses:
    """What Services have been given, out of one range of addresses and one of ports.

    Args:
        addresses: a network, "10.0.0.0/24".
        ports: the first and the last nodePort.
        random: draws both.
        services: what is stored, read again after the past has changed.
        is_reserved: whether an IPAddress of this name is stored, whoever made it.
    """

    def __init__(
        self,
        *,
        addresses: str,
        ports: tuple[int, int],
        random: Random,
        services: Callable[[], Iterable[Stored]],
        is_reserved: Callable[[str], bool],
    ) -> None:
        self._network = ipaddress.ip_network(addresses)
        self._ports = NodePorts(*ports, random=random)
        self._random = random
        self._services = services
        self._is_reserved = is_reserved
        self._holders: dict[str, ObjectKey] = {}
        self._is_stale = True

    def notice(self, event: Event) -> None:
        """Take in what was stored."""
        if self._is_stale:
            return
        if event.before is not None:
            self._release(event.before)
        if event.after is not None:
            self._hold(event.after)

    def start_over(self) -> None:
        """The past has changed: read everything again when it's needed."""
        self._is_stale = True

    def allocate(
        self, key: ObjectKey, content: dict[str, Any], old: Mapping[str, Any] | None, *, is_dry_run: bool = False
    ) -> None:
        """Give a Service what it needs and hasn't yet, before it is checked; nothing is held until it is stored.

        Args:
            key: of the Service; one without a name is refused its address, unless it is a dry run.
            content: the Service; its spec is replaced.
            old: the one before, None for a new one.
            is_dry_run: nothing will be stored.

        Raises:
            StatusError: 422, something that it asks for isn't to be had; 500, nothing is left.
        """
        if self._is_stale:
            self._read_all()
        spec = content["spec"] = dict(content.get("spec") or {})
        before = None if old is None else old.get("spec") or {}
        if before is not None:
            service_fields.carry_over(spec, before)
        service_fields.normalise(spec, before)
        is_left = service_fields.stays_undecided(spec, before)
        service_fields.settle_families(key.name, spec, before, f"IPv{self._network.version}")
        if not is_left:
            self._allocate_address(key, spec, before or {}, is_dry_run=is_dry_run)
        self._ports.allocate(key, spec, before, is_dry_run=is_dry_run)
        if before is not None:
            service_fields.drop_unneeded(spec, before)
            if spec.get("type") != "LoadBalancer" and content.get("status"):
                content["status"] = {**content["status"], "loadBalancer": {}}

    def _allocate_address(
        self, key: ObjectKey, spec: dict[str, Any], before: Mapping[str, Any], *, is_dry_run: bool
    ) -> None:
        wanted = next(iter(spec.get("clusterIPs") or ()), "")
        if not has_address(spec) or wanted == NONE or (before and has_address(before)):
            return
        if wanted:
            self._check_address(key, wanted, is_dry_run=is_dry_run)
        # The real server doesn't look for a free one in a dry run.
        address = wanted or (str(self._network[0]) if is_dry_run else self._next_address(key))
        if not key.name and not is_dry_run:
            # The IPAddress that holds it would have to name its Service.
            why = f'IPAddress.networking.k8s.io "{address}" is invalid: spec.parentRef.name: Required value'
            raise _refuse(key, "spec.clusterIPs", [wanted], f"failed to allocate IP{wanted and f' {wanted}'}: {why}")
        wanted = address
        spec["clusterIP"] = wanted
        spec["clusterIPs"] = [wanted]

    def _check_address(self, key: ObjectKey, wanted: str, *, is_dry_run: bool) -> None:
        address = ipaddress.ip_address(wanted)
        is_outside = address not in self._network or address in (self._network[0], self._last_address())
        if is_dry_run and is_outside:
            valid = f"The range of valid IPs is {self._network}"
            why = f"the provided IP ({wanted}) is not in the valid range. {valid}"
        elif is_dry_run:
            return
        elif is_outside:
            why = "the provided network does not match the current range"
        elif self._holders.get(wanted, key) != key or self._is_reserved(wanted):
            why = "provided IP is already allocated"
        else:
            return
        raise _refuse(key, "spec.clusterIPs", [wanted], f"failed to allocate IP {wanted}: {why}")

    def _last_address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The broadcast address, which IPv6 doesn't have."""
        return self._network[-1] if self._network.version == 4 else None

    def _next_address(self, key: ObjectKey) -> str:
        # At most the size of a /16: drawing from more than that is no different.
        count = min(self._network.num_addresses, 65536) - (2 if self._network.version == 4 else 1)
        for index in drawn(self._random, 1, count):
            address = str(self._network[index])
            if address not in self._holders and not self._is_reserved(address):
                return address
        raise StatusError(
            500,
            f'Internal error occurred: failed to allocate a serviceIP for Service "{key.name}": range is full',
            reason="InternalError",
            details={
                "causes": [{"message": f'failed to allocate a serviceIP for Service "{key.name}": range is full'}]
            },
        )

    def _read_all(self) -> None:
        self._is_stale = False
        self._holders.clear()
        self._ports.holders.clear()
        for stored in self._services():
            self._hold(stored)

    def _hold(self, stored: Stored) -> None:
        for address in addresses_of(stored.content):
            self._holders[address] = stored.key
        self._ports.hold(stored.key, stored.content)

    def _release(self, stored: Stored) -> None:
        for address in addresses_of(stored.content):
            self._holders.pop(address, None)
        self._ports.release(stored.content)


def addresses_of(content: Mapping[str, Any]) -> list[str]:
    """The clusterIPs that a Service has."""
    return [address for address in (content.get("spec") or {}).get("clusterIPs") or () if address != NONE]


def _refuse(key: ObjectKey, field: str, value: object, why: str) -> StatusError:
    cause = Cause(reason="FieldValueInvalid", message=f"Invalid value: {shown(value)}: {why}", field=field)
    return invalid("", "Service", key.name, [cause])
