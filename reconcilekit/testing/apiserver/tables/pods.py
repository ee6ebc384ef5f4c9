"""A Pod's row: what its containers' statuses come to in one word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from reconcilekit.testing.apiserver.tables.ages import moment, since
from reconcilekit.testing.apiserver.tables.values import NONE, at, count, is_true, items, text


@attrs.define
class _Tally:
    """What is known of a Pod's containers so far."""

    reason: str
    restarts: int = 0
    ready: int = 0
    last_restart: str = ""

    def count_restarts(self, container: Any) -> None:
        self.restarts += count(container, "restartCount")
        finished = text(container, "lastState", "terminated", "finishedAt")
        latest, this = moment(self.last_restart), moment(finished)
        if this is not None and (latest is None or this > latest):
            self.last_restart = finished


def pod_cells(pod: Mapping[str, Any], now: datetime) -> list[Any]:
    """Its cells, without name."""
    spec, status = at(pod, "spec") or {}, at(pod, "status") or {}
    sidecars = {text(c, "name") for c in items(spec, "initContainers") if text(c, "restartPolicy") == "Always"}
    tally = _Tally(_first_reason(status))
    side_tally = _Tally("")
    is_initializing = _look_at_init(spec, status, sidecars, tally, side_tally)
    if not is_initializing or is_true(items(status, "conditions"), "Initialized"):
        tally.restarts, tally.last_restart = side_tally.restarts, side_tally.last_restart
        _look_at_containers(status, tally)
    if at(pod, "metadata", "deletionTimestamp"):
        if text(status, "reason") == "NodeLost":
            tally.reason = "Unknown"
        elif text(status, "phase") not in ("Failed", "Succeeded"):
            tally.reason = "Terminating"
    total = len(items(spec, "containers")) + len(sidecars)
    restarts = str(tally.restarts)
    if tally.restarts and tally.last_restart:
        restarts += f" ({since(tally.last_restart, now)} ago)"
    born = at(pod, "metadata", "creationTimestamp")
    return [f"{tally.ready}/{total}", tally.reason, restarts, since(born, now), *_wide(spec, status)]


def pod_conditions(pod: Mapping[str, Any]) -> list[dict[str, str]]:
    """The row's own conditions: a Pod that has ended is completed."""
    phase = text(pod, "status", "phase")
    said = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}.get(phase)
    return [{"type": "Completed", "status": "True", "reason": phase, "message": said}] if said else []


def _first_reason(status: Any) -> str:
    for condition in items(status, "conditions"):
        if text(condition, "type") == "PodScheduled" and text(condition, "reason") == "SchedulingGated":
            return "SchedulingGated"
    return text(status, "reason") or text(status, "phase")


def _look_at_init(spec: Any, status: Any, sidecars: set[str], tally: _Tally, side_tally: _Tally) -> bool:
    for index, container in enumerate(items(status, "initContainerStatuses")):
        is_sidecar = text(container, "name") in sidecars
        tally.count_restarts(container)
        if is_sidecar:
            side_tally.count_restarts(container)
        terminated = at(container, "state", "terminated")
        if terminated is not None and not count(terminated, "exitCode"):
            continue
        if is_sidecar and at(container, "started"):
            tally.ready += bool(at(container, "ready"))
            continue
        waiting = text(container, "state", "waiting", "reason")
        if terminated is not None:
            tally.reason = f"Init:{_exit(terminated)}"
        elif waiting and waiting != "PodInitializing":
            tally.reason = f"Init:{waiting}"
        else:
            tally.reason = f"Init:{index}/{len(items(spec, 'initContainers'))}"
        return True
    return False


def _look_at_containers(status: Any, tally: _Tally) -> None:
    has_running, error = False, ""
    for container in reversed(items(status, "containerStatuses")):
        tally.count_restarts(container)
        terminated = at(container, "state", "terminated")
        if waiting := text(container, "state", "waiting", "reason"):
            tally.reason = waiting
        elif terminated is not None:
            tally.reason = _exit(terminated)
            if count(terminated, "exitCode"):
                error = tally.reason
        elif at(container, "ready") and at(container, "state", "running") is not None:
            has_running = True
            tally.ready += 1
    if tally.reason == "Completed":
        if has_running and is_true(items(status, "conditions"), "Ready"):
            tally.reason = "Running"
        elif error or has_running:
            tally.reason = error or "NotReady"


def _exit(terminated: Any) -> str:
    if reason := text(terminated, "reason"):
        return reason
    signal = count(terminated, "signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{count(terminated, 'exitCode')}"


def _wide(spec: Any, status: Any) -> list[str]:
    address = next((text(ip, "ip") for ip in items(status, "podIPs")), "")
    gates = [text(gate, "conditionType") for gate in items(spec, "readinessGates")]
    open_gates = sum(is_true(items(status, "conditions"), gate) for gate in gates)
    return [
        address or NONE,
        text(spec, "nodeName") or NONE,
        text(status, "nominatedNodeName") or NONE,
        f"{open_gates}/{len(gates)}" if gates else NONE,
    ]
