"""What nodes, Pods and Services answer to those who ask through the server: nothing, as nobody listens there.

What is found out before anybody is called is told as by a real server (the `ResourceLocation`s of k8s.io/kubernetes
`pkg/registry/core`); every address refuses the connection, and no name is known.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.tables.values import at, items, text
from reconcilekit.testing.apiserver.verbs.kubelets import address_of, dialled

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.verbs.call import Call

_SCHEMES = ("", "http", "https")
_NUMBER = re.compile(r"[+-]?\d+")
_SERVICE = "kubernetes.io/service-name"
_EVERYBODY = ipaddress.IPv4Address("255.255.255.255")


@attrs.frozen
class _Asked:
    """What a name in the path stands for: "name", "name:port", "scheme:name:port"."""

    name: str
    port: str


def proxied(call: Call) -> Response:
    """A request to whatever a node, a Pod or a Service has behind it.

    Raises:
        StatusError: nearly always: nothing answers there.
    """
    asked = _asked(call.route.name, call.served.singular)
    locate = {"nodes": _node, "pods": _pod, "services": _service}[call.served.plural]
    host, port = locate(call, asked)
    if call.request.path.endswith("/proxy"):
        query = f"?{urlencode(call.request.query)}" if call.request.query else ""
        return Response(status=301, headers={"location": f"{quote(call.request.path)}/{query}"}, body=b"")
    why = dialled(host, int(port)) if port.isdecimal() else f"dial tcp: lookup tcp/{port}: unknown port"
    raise _unavailable(f"error trying to reach service: {why}")


def _asked(told: str, kind: str) -> _Asked:
    parts = told.split(":")
    scheme, name, port = parts if len(parts) == 3 else ("", *parts, "")[:3]
    if len(parts) > 3 or not name or scheme not in _SCHEMES:
        raise status.bad_request(f"invalid {kind} request {quoted(told)}")
    return _Asked(name, port)


def _node(call: Call, asked: _Asked) -> tuple[str, str]:
    host, port = address_of(call, asked.name, resource="nodes")
    try:
        is_allowed = _is_global(host)
    except ValueError as error:
        raise status.bad_request(f"lookup {host}: no such host") from error
    if not is_allowed:
        raise status.bad_request("address not allowed")
    return host, asked.port or str(port)


def _pod(call: Call, asked: _Asked) -> tuple[str, str]:
    pod = _find(call, ("", "v1", "pods"), asked.name)
    if pod is None:
        raise status.not_found("", "pods", asked.name)
    host = text(pod.content, "status", "podIP")
    if not host or not _is_global(host):
        raise status.bad_request("address not allowed")
    told = [port for container in items(pod.content, "spec", "containers") for port in items(container, "ports")[:1]]
    return host, asked.port or (str(told[0]["containerPort"]) if told else "80")


def _service(call: Call, asked: _Asked) -> tuple[str, str]:
    port = asked.port
    if _NUMBER.fullmatch(port):
        port = _named_port(call, asked.name, int(port))
    for endpoint_slice in _slices(call, asked.name):
        numbers = [told["port"] for told in items(endpoint_slice, "ports") if (told.get("name") or "") == port]
        for endpoint in items(endpoint_slice, "endpoints") if numbers else ():
            if at(endpoint, "conditions", "ready") is not False and _is_pods(call, endpoint):
                return endpoint["addresses"][0], str(numbers[0])
    raise _unavailable(f"no endpoints available for service {quoted(asked.name)}")


def _named_port(call: Call, name: str, number: int) -> str:
    service = _find(call, ("", "v1", "services"), name)
    if service is None:
        raise status.not_found("", "services", name)
    for told in items(service.content, "spec", "ports"):
        if told["port"] == number:
            return text(told, "name")
    raise _unavailable(f"no service port {number} found for service {quoted(name)}")


def _slices(call: Call, service: str) -> list[Mapping[str, Any]]:
    kind = call.cluster.registry.find("discovery.k8s.io", "v1", "endpointslices")
    assert kind is not None
    return [
        stored.content
        for stored in call.cluster.storage.collection(kind).objects.values()
        if stored.key.namespace == call.route.namespace and at(stored.meta, "labels", _SERVICE) == service
    ]


def _is_pods(call: Call, endpoint: Mapping[str, Any]) -> bool:
    """Whether an endpoint's address is that of a Pod: nobody else is called."""
    target = at(endpoint, "targetRef")
    if text(target, "namespace") != call.route.namespace:
        return False
    pod = _find(call, ("", "v1", "pods"), text(target, "name"))
    found = [] if pod is None else [text(told, "ip") for told in items(pod.content, "status", "podIPs")]
    return endpoint["addresses"][0] in found


def _find(call: Call, kind: tuple[str, str, str], name: str) -> Stored | None:
    served = call.cluster.registry.find(*kind)
    assert served is not None
    return call.cluster.storage.collection(served).objects.get(ObjectKey(call.route.namespace, name))


def _is_global(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return not (ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip == _EVERYBODY)


def _unavailable(message: str) -> status.StatusError:
    return status.StatusError(503, message, reason="ServiceUnavailable")
