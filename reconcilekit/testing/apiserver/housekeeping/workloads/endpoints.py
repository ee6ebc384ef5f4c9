"""EndpointSlices and Endpoints of Services that select Pods."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.housekeeping.workloads.claims import controlled, reference_to
from reconcilekit.testing.apiserver.housekeeping.workloads.controllers import PODS, spec_of, status_of
from reconcilekit.testing.apiserver.housekeeping.workloads.podstates import is_ending, is_ready, node_of, phase
from reconcilekit.testing.apiserver.storage.storage import Event, Stored

SERVICES = ("", "services")
SLICES = ("discovery.k8s.io", "endpointslices")
ENDPOINTS = ("", "endpoints")

_HEADLESS = "service.kubernetes.io/headless"
_TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"
_SLICE_LABEL = "kubernetes.io/service-name"


class Endpoints:
    """The controllers of EndpointSlices, one for each Service, and of the Endpoints beside them.

    Args:
        hands: its reads and writes.
        delay: seconds between a change and a look.
    """

    kinds: frozenset[StorageKey] | None = frozenset({SERVICES, PODS, SLICES, ENDPOINTS})

    def __init__(self, hands: Hands, *, delay: float) -> None:
        self.delay = delay
        self._hands = hands

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """A Service, or a Pod that one selects or did select, or endpoints that somebody deleted."""
        stored = event.after or event.before
        assert stored is not None
        if kind == PODS:
            versions = [version for version in (event.before, event.after) if version is not None]
            services = self._hands.select(SERVICES, stored.key.namespace)
            return [one.key for one in services if any(_selects(one, version) for version in versions)]
        if kind == SERVICES:
            return (stored.key,)
        if event.type != "DELETED":
            return ()
        name = (stored.meta.get("labels") or {}).get(_SLICE_LABEL) if kind == SLICES else stored.key.name
        return (ObjectKey(stored.key.namespace, name),) if name else ()

    def look_at(self, item: Hashable) -> None:
        """Write down who can be reached, where that has changed."""
        assert isinstance(item, ObjectKey)
        service = self._hands.get(SERVICES, item)
        if service is None:
            known = self._hands.get(ENDPOINTS, item)
            if known is not None and "endpoints.kubernetes.io/managed-by" in (known.meta.get("labels") or {}):
                self._hands.delete(ENDPOINTS, item)
            return
        if not spec_of(service).get("selector") or spec_of(service).get("type") == "ExternalName":
            return
        pods = [pod for pod in self._hands.select(PODS, item.namespace) if _selects(service, pod)]
        pods = [pod for pod in pods if status_of(pod).get("podIP") and phase(pod) not in ("Succeeded", "Failed")]
        self._write_slice(service, pods)
        self._write_endpoints(service, pods)

    def start_over(self) -> Iterable[Hashable]:
        """Every Service."""
        return [service.key for service in self._hands.select(SERVICES)]

    def _write_slice(self, service: Stored, pods: list[Stored]) -> None:
        content: dict[str, Any] = {
            "addressType": "IPv4",
            "endpoints": [_endpoint(service, pod) for pod in pods] or None,
            "ports": [_port(port, pods[0]) for port in spec_of(service).get("ports") or ()] if pods else None,
        }
        labels = {
            **(service.meta.get("labels") or {}),
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            _SLICE_LABEL: service.key.name,
            **_headless(service),
        }
        known = next(iter(controlled(self._hands, service, SLICES)), None)
        if known is None:
            metadata = {
                "generateName": f"{service.key.name}-",
                "namespace": service.key.namespace,
                "labels": labels,
                "annotations": {_TRIGGER: self._hands.timestamp()},
                "ownerReferences": [reference_to(service, api_version="v1", kind="Service")],
            }
            self._hands.create(SLICES, {"metadata": metadata, **content})
        else:
            self._update(SLICES, known, content, labels)

    def _write_endpoints(self, service: Stored, pods: list[Stored]) -> None:
        content = {"subsets": _subsets(service, pods)} if pods else {}
        labels = {
            **(service.meta.get("labels") or {}),
            "endpoints.kubernetes.io/managed-by": "endpoint-controller",
            **_headless(service),
        }
        known = self._hands.get(ENDPOINTS, service.key)
        if known is None:
            metadata = {"name": service.key.name, "namespace": service.key.namespace, "labels": labels}
            metadata["annotations"] = {_TRIGGER: self._hands.timestamp()}
            self._hands.create(ENDPOINTS, {"metadata": metadata, **content})
        else:
            self._update(ENDPOINTS, known, content, labels)

    def _update(self, kind: StorageKey, known: Stored, content: Mapping[str, Any], labels: Mapping[str, str]) -> None:
        rest = {name: value for name, value in known.content.items() if name != "metadata"}
        is_same = {n: v for n, v in rest.items() if v is not None} == {
            n: v for n, v in content.items() if v is not None
        }
        if is_same and known.meta.get("labels") == labels:
            return

        def transform(live: dict[str, Any]) -> dict[str, Any]:
            annotations = {**(live["metadata"].get("annotations") or {}), _TRIGGER: self._hands.timestamp()}
            metadata = {**live["metadata"], "labels": dict(labels), "annotations": annotations}
            kept: dict[str, Any] = {name: live[name] for name in ("kind", "apiVersion")}
            return {**kept, "metadata": metadata, **content}

        self._hands.change(kind, known.key, transform)


def _selects(service: Stored, pod: Stored) -> bool:
    selector = spec_of(service).get("selector") or {}
    return bool(selector) and selector.items() <= (pod.meta.get("labels") or {}).items()


def _headless(service: Stored) -> dict[str, str]:
    return {_HEADLESS: ""} if spec_of(service).get("clusterIP") == "None" else {}


def _target(pod: Stored) -> dict[str, str]:
    return {"kind": "Pod", "namespace": pod.key.namespace, "name": pod.key.name, "uid": pod.uid}


def _endpoint(service: Stored, pod: Stored) -> dict[str, Any]:
    serves = is_ready(pod) or bool(spec_of(service).get("publishNotReadyAddresses"))
    endpoint: dict[str, Any] = {
        "addresses": [status_of(pod)["podIP"]],
        "conditions": {"ready": serves and not is_ending(pod), "serving": serves, "terminating": is_ending(pod)},
        "targetRef": _target(pod),
        "nodeName": node_of(pod),
    }
    hostname = spec_of(pod).get("hostname")
    if hostname and spec_of(pod).get("subdomain") == service.key.name:
        endpoint["hostname"] = hostname
    return endpoint


def _port(port: Mapping[str, Any], pod: Stored) -> dict[str, Any]:
    told = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": _number(port, pod)}
    return {**told, "appProtocol": port["appProtocol"]} if port.get("appProtocol") else told


def _number(port: Mapping[str, Any], pod: Stored) -> int:
    """The Pod's port that a Service's port means: a number, or one of the containers' by name."""
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    for container in spec_of(pod).get("containers") or ():
        for known in container.get("ports") or ():
            if known.get("name") == target:
                return int(known["containerPort"])
    return int(port["port"])


def _subsets(service: Stored, pods: list[Stored]) -> list[dict[str, Any]]:
    def address(pod: Stored) -> dict[str, Any]:
        return {"ip": status_of(pod)["podIP"], "nodeName": node_of(pod), "targetRef": _target(pod)}

    live = [pod for pod in pods if not is_ending(pod)]
    if not live:
        return []
    ready = [address(pod) for pod in live if _endpoint(service, pod)["conditions"]["ready"]]
    others = [address(pod) for pod in live if not _endpoint(service, pod)["conditions"]["ready"]]
    ports = [{name: value for name, value in _port(p, live[0]).items() if value} for p in spec_of(service)["ports"]]
    subset = {"addresses": ready, "notReadyAddresses": others, "ports": ports}
    return [{name: value for name, value in subset.items() if value}]
