"""What /livez, /readyz and /healthz tell of a server that runs, which is all that there is to tell."""

from __future__ import annotations

from collections.abc import Mapping

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import status

_HOOKS = (
    "start-apiserver-admission-initializer",
    "generic-apiserver-start-informers",
    "priority-and-fairness-config-consumer",
    "priority-and-fairness-filter",
    "storage-object-count-tracker-hook",
    "start-apiextensions-informers",
    "start-apiextensions-controllers",
    "crd-informer-synced",
    "start-system-namespaces-controller",
    "peer-endpoint-reconciler-controller",
    "start-cluster-authentication-info-controller",
    "start-kube-apiserver-identity-lease-controller",
    "start-kube-apiserver-identity-lease-garbage-collector",
    "storage-readiness",
    "start-legacy-token-tracking-controller",
    "start-service-ip-repair-controllers",
    "rbac/bootstrap-roles",
    "scheduling/bootstrap-system-priority-classes",
    "priority-and-fairness-config-producer",
    "bootstrap-controller",
    "start-kubernetes-service-cidr-controller",
    "start-kube-aggregator-informers",
    "apiservice-status-local-available-controller",
    "apiservice-status-remote-available-controller",
    "apiservice-registration-controller",
    "apiservice-discovery-controller",
    "kube-apiserver-autoregistration",
)
_SHARED = (
    *(f"poststarthook/{name}" for name in _HOOKS),
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
)
_LIVING = ("ping", "log", "loopback-serving-certificate", "etcd", *_SHARED)

CHECKS: Mapping[str, tuple[str, ...]] = {
    "healthz": _LIVING,
    "livez": _LIVING,
    "readyz": ("ping", "log", "etcd", "etcd-readiness", "informer-sync", *_SHARED, "shutdown"),
}
"""What the real server looks at, by path and in its order."""


def health(path: str, query: Mapping[str, str]) -> Response | None:
    """The answer, None for other paths.

    Args:
        path: of the request; below one of the three, a check's name is a path, too.
        query: `verbose` lists the checks, but for a single one; `exclude` leaves one out.
    """
    name, slash, check = path[1:].partition("/")
    checks = CHECKS.get(name)
    if checks is None:
        return None
    if slash:
        return status.plain_text(200, "ok") if check in checks else status.plain_text(404, "404 page not found\n")
    if "verbose" not in query:
        return status.plain_text(200, "ok")
    excluded = query.get("exclude")
    told = [f"[+]{check} excluded: ok" if check == excluded else f"[+]{check} ok" for check in checks]
    return status.plain_text(200, "\n".join([*told, f"{name} check passed\n"]))
