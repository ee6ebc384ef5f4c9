"""What kube-apiserver keeps beside Services' clusterIPs: an IPAddress for each, and where they are from."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.storage.storage import Event, Stored
from reconcilekit.testing.apiserver.writing.addresses import IP_ADDRESSES, SERVICES, addresses_of

RANGES = ("networking.k8s.io", "servicecidrs")
DEFAULT_RANGE = "kubernetes"

_LABELS = {
    "ipaddress.kubernetes.io/ip-family": "IPv4",
    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
}


@attrs.frozen
class _Held:
    """An address, and the Service that has or had it."""

    address: str
    service: ObjectKey


class IpAddresses:
    """Keeps IPAddresses in step with Services, and says that the first ServiceCIDR is ready.

    Args:
        hands: its reads and writes.
    """

    delay = 0.0
    kinds: frozenset[StorageKey] | None = frozenset({SERVICES, RANGES})

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """Addresses that were given or are free again; a new range."""
        key = key_of(event)
        if kind == RANGES:
            return (key,) if event.type == "ADDED" and key.name == DEFAULT_RANGE else ()
        before, after = _addresses(event.before), _addresses(event.after)
        return [_Held(address, key) for address in sorted(before ^ after)]

    def look_at(self, item: Hashable) -> None:
        """Make what is missing, and remove what nobody has."""
        if isinstance(item, ObjectKey):
            self._declare_ready(item)
            return
        assert isinstance(item, _Held)
        key, service = ObjectKey("", item.address), self._hands.get(SERVICES, item.service)
        found = self._hands.get(IP_ADDRESSES, key)
        if item.address not in _addresses(service):
            if found is not None:
                self._hands.delete(IP_ADDRESSES, key)
        elif found is None:
            parent = {"resource": "services", "namespace": item.service.namespace, "name": item.service.name}
            body = {"metadata": {"name": item.address, "labels": _LABELS}, "spec": {"parentRef": parent}}
            self._hands.create(IP_ADDRESSES, body)

    def start_over(self) -> Iterable[Hashable]:
        """Nothing: what is stored is in step."""
        return ()

    def _declare_ready(self, key: ObjectKey) -> None:
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": self._hands.timestamp(), "reason": ""}
        ready["message"] = "Kubernetes default Service CIDR is ready"
        self._hands.set_status(RANGES, key, {"conditions": [ready]})


def _addresses(service: Stored | None) -> frozenset[str]:
    return frozenset() if service is None else frozenset(addresses_of(service.content))
