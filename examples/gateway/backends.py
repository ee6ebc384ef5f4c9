"""Backend references: which cluster a Service's port comes to, and where its endpoints are."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from examples.gateway import grants
from examples.gateway.fields import Fields
from examples.gateway.kinds import ENDPOINT_SLICE, GATEWAY_GROUP, SERVICE
from examples.gateway.model import BackendRef, Object, describe
from examples.gateway.reads import Reads
from examples.gateway.verdicts import Problem, Reason
from reconcilekit.errors import ConfigError
from reconcilekit.kube.resource import ObjectKey

_SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"
_UNSUPPORTED_APP_PROTOCOLS: Final = ("kubernetes.io/h2c", "kubernetes.io/wss", "https")
_HIGHEST_PORT: Final = 65535


@attrs.frozen(kw_only=True)
class Backend:
    """A Service's port.

    Attributes:
        cluster: its cluster's name, which says Service and port and nothing else: routes and rules can be reordered,
            renamed or removed without renaming it, which would cost requests (envoyproxy/gateway#9029).
        endpoints: addresses and ports of what is ready, sorted; none is a backend that answers 503, not a missing one.
    """

    cluster: str
    endpoints: tuple[tuple[str, int], ...]


class Backends:
    """Resolves references to Services; several references to one port are looked up once.

    Args:
        reads: where Services, EndpointSlices and grants are looked up.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._resolved: dict[tuple[ObjectKey, int], Backend | Problem] = {}

    def resolve(self, reference: BackendRef, *, namespace: str) -> Backend | Problem:
        """The backend that an HTTPRoute refers to, or why its share of the weight answers 500.

        Args:
            reference: the route's.
            namespace: the route's.
        """
        target = reference.target
        key = target.key_from(namespace)
        if (target.group, target.kind) != ("", "Service"):
            kind = f"{target.kind}.{target.group}".rstrip(".")
            return Problem(Reason.INVALID_KIND, f"{kind} {key} can't be a backend; refer to a Service")
        permitted = grants.is_permitted(
            self._reads, target, from_group=GATEWAY_GROUP, from_kind="HTTPRoute", from_namespace=namespace
        )
        if not permitted:
            return Problem(
                Reason.REF_NOT_PERMITTED,
                f"Service {key} is in another namespace; a ReferenceGrant in {key.namespace} must allow HTTPRoutes "
                f"from {namespace} to refer to it",
            )
        if reference.port is None:
            return Problem(Reason.BACKEND_NOT_FOUND, f"the reference to Service {key} names no port")
        question = (key, reference.port)
        if question not in self._resolved:
            self._resolved[question] = self._resolve_service(key, reference.port)
        return self._resolved[question]

    def _resolve_service(self, key: ObjectKey, port: int) -> Backend | Problem:
        service = self._reads.get(SERVICE, key.name, namespace=key.namespace)
        if service is None:
            return Problem(Reason.BACKEND_NOT_FOUND, f"Service {key} doesn't exist")
        try:
            port_name = _port_name(service, key, port)
        except ConfigError as error:
            return Problem(Reason.BACKEND_NOT_FOUND, error.message)
        if isinstance(port_name, Problem):
            return port_name
        slices = self._reads.select(ENDPOINT_SLICE, namespace=key.namespace, labels={_SERVICE_NAME_LABEL: key.name})
        return Backend(cluster=f"{key}/{port}", endpoints=_ready_endpoints(slices, port_name))


def _port_name(service: Object, key: ObjectKey, port: int) -> str | Problem:
    spec = Fields(service, subject=describe(service)).fields("spec")
    if spec.text("type", default="ClusterIP") == "ExternalName":
        # Through it anybody could reach what the gateway's network position allows: CVE-2021-25740.
        return Problem(Reason.BACKEND_NOT_FOUND, f"Service {key} has type ExternalName, which can't be a backend")
    for entry in spec.items("ports"):
        if entry.number("port") != port or entry.text("protocol", default="TCP") != "TCP":
            continue
        protocol = entry.text("appProtocol", default="")
        if protocol in _UNSUPPORTED_APP_PROTOCOLS:
            return Problem(
                Reason.UNSUPPORTED_PROTOCOL, f"Service {key}: appProtocol {protocol} of port {port} isn't supported"
            )
        return entry.text("name", default="")
    return Problem(Reason.BACKEND_NOT_FOUND, f"Service {key} has no TCP port {port}")


def _ready_endpoints(slices: Sequence[Object], port_name: str) -> tuple[tuple[str, int], ...]:
    ready: set[tuple[str, int]] = set()
    for endpoint_slice in slices:
        try:
            ready.update(_endpoints_of(endpoint_slice, port_name))
        except ConfigError:
            # A slice has no status to say it in; the others of the Service are as good as before.
            continue
    return tuple(sorted(ready))


def _endpoints_of(endpoint_slice: Object, port_name: str) -> list[tuple[str, int]]:
    fields = Fields(endpoint_slice, subject=describe(endpoint_slice))
    ports = [
        number
        for port in fields.items("ports")
        if port.text("name", default="") == port_name
        and port.text("protocol", default="TCP") == "TCP"
        and 0 < (number := port.number("port", default=0)) <= _HIGHEST_PORT
    ]
    addresses = [address for endpoint in fields.items("endpoints") for address in _addresses_of(endpoint)]
    return [(address, port) for address in addresses for port in ports]


def _addresses_of(endpoint: Fields) -> Iterator[str]:
    if endpoint.fields("conditions").optional_flag("ready") is False:
        return
    # Only the first is to be used: the API says that the others are fungible, and kube-proxy ignores them.
    for address in endpoint.texts("addresses")[:1]:
        if _is_ip_address(address):
            yield address


def _is_ip_address(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return "%" not in address
