"""What a Pod's state says, and how the kubelet would say it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconcilekit.testing.apiserver.go_times import moment
from reconcilekit.testing.apiserver.storage.storage import Stored

HOST = "192.168.0.1"
"""The address of every Pod's node."""


def is_ready(pod: Stored) -> bool:
    """Whether its condition Ready is True."""
    return _condition(pod, "Ready").get("status") == "True"


def is_available(pod: Stored, *, min_ready: float, now: datetime) -> bool:
    """Whether it has been ready for `min_ready` seconds."""
    return is_ready(pod) and (not min_ready or seconds_ready(pod, now) >= min_ready)


def seconds_ready(pod: Stored, now: datetime) -> float:
    """How long it has been ready."""
    since = _condition(pod, "Ready").get("lastTransitionTime")
    return (now - moment(since)).total_seconds() if since else 0.0


def is_ending(pod: Stored) -> bool:
    """Whether it is being deleted."""
    return bool(pod.meta.get("deletionTimestamp"))


def phase(pod: Stored) -> str:
    """Its phase, "Pending" where none is told."""
    return str((pod.content.get("status") or {}).get("phase") or "Pending")


def is_active(pod: Stored) -> bool:
    """Whether it counts as a replica: neither over nor being deleted."""
    return phase(pod) not in ("Succeeded", "Failed") and not is_ending(pod)


def node_of(pod: Stored) -> str:
    """The node that it is bound to, "" for none."""
    return str((pod.content.get("spec") or {}).get("nodeName") or "")


def waiting(pod: Stored, time: str) -> dict[str, Any]:
    """The status of a Pod whose containers are being created."""
    names = ", ".join(container["name"] for container in _containers(pod))
    message = f"containers with unready status: [{names}]"
    unready = {"status": "False", "reason": "ContainersNotReady", "message": message}
    told = {"PodReadyToStartContainers": {"status": "False"}, "Ready": unready, "ContainersReady": unready}
    states = [
        {
            **_container_status(container),
            "ready": False,
            "started": False,
            "state": {"waiting": {"reason": "ContainerCreating"}},
        }
        for container in _containers(pod)
    ]
    return {**_base(pod, time, told), "phase": "Pending", "containerStatuses": states}


def running(pod: Stored, time: str, address: str) -> dict[str, Any]:
    """The status of a Pod that is Ready."""
    states = [
        {
            **_container_status(container),
            "ready": True,
            "started": True,
            "containerID": f"containerd://{pod.uid.replace('-', '') * 2}",
            "state": {"running": {"startedAt": time}},
        }
        for container in _containers(pod)
    ]
    return {**_base(pod, time, {}), **_address(address), "phase": "Running", "containerStatuses": states}


def succeeded(pod: Stored, time: str) -> dict[str, Any]:
    """The status of a Pod whose containers have all ended well."""
    done = {"status": "False", "reason": "PodCompleted"}
    told = {"PodReadyToStartContainers": {"status": "False"}, "Ready": done, "ContainersReady": done}
    began = (pod.content.get("status") or {}).get("startTime") or time
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": began, "finishedAt": time}
    states = [
        {**_container_status(container), "ready": False, "started": False, "state": {"terminated": ended}}
        for container in _containers(pod)
    ]
    known = pod.content.get("status") or {}
    address = _address(known["podIP"]) if known.get("podIP") else {}
    return {**_base(pod, time, told), **address, "phase": "Succeeded", "containerStatuses": states}


def _base(pod: Stored, time: str, told: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    known = pod.content.get("status") or {}
    before = {condition["type"]: condition for condition in known.get("conditions") or ()}
    conditions = []
    for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"):
        says = {"status": "True", **told.get(kind, {})}
        old = before.get(kind, {})
        since = old.get("lastTransitionTime") if old.get("status") == says["status"] else time
        conditions.append({"type": kind, "lastProbeTime": None, "lastTransitionTime": since or time, **says})
    return {
        "observedGeneration": pod.meta.get("generation", 1),
        "conditions": conditions,
        "hostIP": HOST,
        "hostIPs": [{"ip": HOST}],
        "startTime": known.get("startTime") or time,
        "qosClass": known.get("qosClass") or "BestEffort",
    }


def _address(address: str) -> dict[str, Any]:
    return {"podIP": address, "podIPs": [{"ip": address}]}


def _container_status(container: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "lastState": {},
        "restartCount": 0,
    }


def _containers(pod: Stored) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (pod.content.get("spec") or {}).get("containers") or []
    return found


def _condition(pod: Stored, kind: str) -> Mapping[str, Any]:
    for condition in (pod.content.get("status") or {}).get("conditions") or ():
        if condition.get("type") == kind:
            found: dict[str, Any] = condition
            return found
    return {}
