"""Pods, alone and in templates (SetDefaults_Pod, _PodSpec, _Container, ... of pkg/apis/core/v1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconcilekit.testing.apiserver.schema.defaults.filling import Fill, fill

_CORE = "io.k8s.api.core.v1."
_FILE_MODE = 0o644


_container = fill(terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")


def fill_container(container: dict[str, Any]) -> None:
    """A container's, whichever list it is in."""
    _container(container)
    if "imagePullPolicy" not in container:
        container["imagePullPolicy"] = _pull_policy(container.get("image", ""))


def _pull_policy(image: str) -> str:
    # Servers without Pods do without what reads images.
    from reconcilekit.testing.apiserver.schema.defaults.images import is_latest

    return "Always" if is_latest(image) else "IfNotPresent"


_pod_spec = fill(
    dnsPolicy="ClusterFirst",
    restartPolicy="Always",
    terminationGracePeriodSeconds=30,
    schedulerName="default-scheduler",
)


def fill_pod_spec(spec: dict[str, Any]) -> None:
    """What a pod has and a template has alike."""
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    _pod_spec(spec)
    spec.setdefault("securityContext", {})


def fill_pod(pod: dict[str, Any]) -> None:
    """What a pod has and a template hasn't."""
    spec = pod["spec"]
    if spec["terminationGracePeriodSeconds"] < 0:
        spec["terminationGracePeriodSeconds"] = 1
    spec.setdefault("enableServiceLinks", True)
    for container in _containers(spec):
        resources = container["resources"]
        if limits := resources.get("limits"):
            resources["requests"] = {**limits, **resources.get("requests", {})}
        for port in container.get("ports") or () if spec.get("hostNetwork") else ():
            port["hostPort"] = port.get("hostPort") or port.get("containerPort", 0)


def _containers(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from spec.get("containers") or ()
    yield from spec.get("initContainers") or ()


def _fill_pod_status(status: dict[str, Any]) -> None:
    ip, ips = status.get("podIP"), status.get("podIPs") or [{}]
    if ip and ips[0].get("ip") != ip:
        status["podIPs"] = [{"ip": ip}]
    elif not ip and ips[0].get("ip"):
        status["podIP"] = ips[0]["ip"]


def _fill_volume(volume: dict[str, Any]) -> None:
    if volume.keys() == {"name"}:
        volume["emptyDir"] = {}
    if (image := volume.get("image")) is not None:
        image.setdefault("pullPolicy", _pull_policy(image.get("reference", "")))


DEFAULTS: Mapping[str, Fill] = {
    f"{_CORE}{name}": told
    for name, told in {
        "Container": fill_container,
        "EphemeralContainer": fill_container,
        "PodSpec": fill_pod_spec,
        "Pod": fill_pod,
        "PodStatus": _fill_pod_status,
        "Volume": _fill_volume,
        "Probe": fill(timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3),
        "GRPCAction": fill(service=""),
        "FileKeySelector": fill(optional=False),
        "AzureDiskVolumeSource": fill(readOnly=False),
        "HTTPGetAction": fill(path="/", scheme="HTTP"),
        "ObjectFieldSelector": fill(apiVersion="v1"),
        "SecretVolumeSource": fill(defaultMode=_FILE_MODE),
        "ConfigMapVolumeSource": fill(defaultMode=_FILE_MODE),
        "DownwardAPIVolumeSource": fill(defaultMode=_FILE_MODE),
        "ProjectedVolumeSource": fill(defaultMode=_FILE_MODE),
        "ServiceAccountTokenProjection": fill(expirationSeconds=3600),
        "HostPathVolumeSource": fill(type=""),
    }.items()
}
