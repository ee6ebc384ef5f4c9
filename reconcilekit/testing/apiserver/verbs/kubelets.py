"""What a Pod's node answers: logs, commands, forwarded ports. Nothing listens there, and so the server says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.go_text import unsigned_problem
from reconcilekit.testing.apiserver.go_times import SECONDS, GoTimeError, read_time
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.tables.values import at, text
from reconcilekit.testing.apiserver.verbs.parameters import flag, integer
from reconcilekit.testing.apiserver.verbs.remote_commands import failed, is_upgrade

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.verbs.call import Call

ON_THE_NODE = frozenset({"attach", "exec", "log", "portforward", "proxy"})

_PORT = 10250
_PREFERRED = ("Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP")
_LEAST = {"tailLines": 0, "limitBytes": 1, "sinceSeconds": 1}
_NEGATIVE = "must be greater than or equal to 0"


def answer(call: Call, name: str) -> Response:
    """GET or POST of one of `ON_THE_NODE`.

    Raises:
        StatusError: nearly always: nothing answers there.
    """
    if name == "proxy":
        from reconcilekit.testing.apiserver.verbs.proxies import proxied

        return proxied(call)
    if name == "log":
        _check_log(call)
    elif name == "portforward":
        _check_ports(call.request.query)
    pod = call.live()
    container = "" if name == "portforward" else _container(pod, call.request.query.get("container", ""))
    node = text(pod.content, "spec", "nodeName")
    if not node:
        if name == "log":
            return Response(status=204, headers={}, body=b"")
        raise status.bad_request(f"pod {pod.key.name} does not have a host assigned")
    # The real server asks for the node with the Pod's request in hand.
    host, port = address_of(call, node, resource="pods")
    why = dialled(host, port)
    if name == "log":
        path = f"/containerLogs/{pod.key.namespace}/{pod.key.name}/{container}"
        why = f'Get "https://{joined(host, port)}{path}{_log_query(call.request.query)}": {why}'
    elif name in ("attach", "exec") and is_upgrade(call.request):
        return failed(
            call.request, f"https://{joined(host, port)}/{name}/{pod.key.namespace}/{pod.key.name}/{container}", why
        )
    elif "upgrade" not in call.request.headers.get("connection", "").lower():
        raise status.bad_request("Upgrade request required")
    else:
        why = f"error dialing backend: {why}"
    raise status.StatusError(500, why)


def _check_log(call: Call) -> None:
    query = call.request.query
    # In the order in which Go reads them.
    told = {"sinceSeconds": integer(query["sinceSeconds"])} if "sinceSeconds" in query else {}
    if since := query.get("sinceTime", "").removeprefix("null"):
        try:
            read_time(since, SECONDS)
        except GoTimeError as error:
            raise status.bad_request(str(error)) from error
    told |= {name: integer(query[name]) for name in ("tailLines", "limitBytes") if name in query}
    if causes := list(_log_causes(told, query)):
        raise status.invalid("", "PodLogOptions", call.route.name, causes)


def _log_causes(told: Mapping[str, int], query: Mapping[str, str]) -> Iterator[Cause]:
    for name, least in _LEAST.items():
        if name == "sinceSeconds" and name in told and "sinceTime" in query:
            message = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
            yield Cause(reason="FieldValueForbidden", message=message, field="[]")
        elif told.get(name, least) < least:
            why = _NEGATIVE if least == 0 else "must be greater than 0"
            yield Cause(reason="FieldValueInvalid", message=f"Invalid value: {told[name]}: {why}", field=name)
    if "stream" in query:
        yield Cause(reason="FieldValueForbidden", message="Forbidden: may not be specified", field="stream")


def _check_ports(query: Mapping[str, str]) -> None:
    for port in query["ports"].split(",") if "ports" in query else ():
        if why := unsigned_problem(port, bits=16):
            raise status.bad_request(f"cannot convert to []int32: {why}")


def _log_query(query: Mapping[str, str]) -> str:
    told = {name: "true" for name in ("follow", "previous", "timestamps") if flag(query, name)}
    told |= {name: query[name] for name in (*_LEAST, "sinceTime") if query.get(name)}
    return f"?{urlencode(sorted(told.items()))}" if told else ""


def _container(pod: Stored, wanted: str) -> str:
    spec = pod.content["spec"]
    own = [told["name"] for told in spec.get("containers") or ()]
    others = [told["name"] for kind in ("initContainers", "ephemeralContainers") for told in spec.get(kind) or ()]
    if wanted:
        if wanted not in (*own, *others):
            raise status.bad_request(f"container {wanted} is not valid for pod {pod.key.name}")
        return wanted
    if len(own) == 1:
        name: str = own[0]
        return name
    before = [told["name"] for told in spec.get("initContainers") or ()]
    choice = " ".join([*before, *own, *others[len(before) :]])
    why = f"a container name must be specified for pod {pod.key.name}, choose one of: [{choice}]"
    raise status.bad_request(why)


def address_of(call: Call, name: str, *, resource: str) -> tuple[str, int]:
    """Where a node's kubelet would listen.

    Args:
        call: any.
        name: of the node.
        resource: of what isn't found where the node isn't.

    Raises:
        StatusError: 404, or 500 for a node without an address.
    """
    nodes = call.cluster.registry.find("", "v1", "nodes")
    assert nodes is not None
    node = call.cluster.storage.collection(nodes).objects.get(ObjectKey("", name))
    if node is None:
        raise status.not_found("", resource, name)
    addresses: list[dict[str, Any]] = at(node.content, "status", "addresses") or []
    for wanted in _PREFERRED:
        for told in addresses:
            if told["type"] == wanted:
                return told["address"], at(
                    node.content, "status", "daemonEndpoints", "kubeletEndpoint", "Port"
                ) or _PORT
    known = " ".join(f"{{{told['type']} {told['address']}}}" for told in addresses)
    raise status.StatusError(500, f"no preferred addresses found; known addresses: [{known}]")


def joined(host: str, port: int) -> str:
    """An address as URLs have it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def dialled(host: str, port: int) -> str:
    """What calling an address comes to."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return f"dial tcp: lookup {host}: no such host"
    return f"dial tcp {joined(host, port)}: connect: connection refused"
