"""What stands for the machines of a real control plane: Pods become Ready, and nothing runs in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconcilekit.testing.controlplane import ControlPlane
from reconcilekit.testing.controlplane.rest import AdminClient

_PENDING = "/api/v1/pods?fieldSelector=status.phase%3DPending"
_MERGE_PATCH = "application/merge-patch+json"
_GLANCE = 0.05
"""Seconds between two looks for new Pods, as long as ours take to become Ready in these tests."""

_GONE = (404, 409)


@contextmanager
def kubelet(plane: ControlPlane) -> Iterator[None]:
    """Pods that are made inside become Ready; without a node they are gone as soon as they are deleted."""
    is_over = threading.Event()
    thread = threading.Thread(target=_run, args=(plane, is_over), name="kubelet")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _run(plane: ControlPlane, is_over: threading.Event) -> None:
    config = plane.config()
    client = AdminClient(
        port=urlsplit(plane.url).port or 443,
        ca_file=Path(plane.ca_file),
        token=str(config.authorization).removeprefix("Bearer "),
        pause=lambda: None,
    )
    with closing(client):
        while not is_over.wait(_GLANCE):
            for pod in client.get(_PENDING)["items"]:
                path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
                client.demand("PATCH", path, {"status": _ready(pod)}, but=_GONE, content_type=_MERGE_PATCH)


def _ready(pod: dict[str, Any]) -> dict[str, Any]:
    now = pod["metadata"]["creationTimestamp"]
    types = ("Initialized", "ContainersReady", "Ready", "PodScheduled")
    return {
        "phase": "Running",
        "startTime": now,
        "conditions": [{"type": each, "status": "True", "lastTransitionTime": now} for each in types],
        "containerStatuses": [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": each["image"],
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            }
            for each in pod["spec"]["containers"]
        ],
    }
