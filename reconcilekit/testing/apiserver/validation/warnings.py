"""What the real server warns of, and takes all the same."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Obj
from reconcilekit.testing.apiserver.validation.ip_addresses import address_warnings

MAX_LENGTH: Final = 4096
"""Characters that the server spends on texts of warnings of an answer; what would come after needn't be made."""

MAX_TEXT: Final = 256
"""Characters of each, once all together are too long."""

Warn = Callable[[Obj], Iterator[str]]

_OLD_INGRESS = "kubernetes.io/ingress.class"
_OLD_STORAGE = "volume.beta.kubernetes.io/storage-class"
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_CONTROLLERS = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")


def _warn_of_endpoints(endpoints: Obj) -> Iterator[str]:
    if (endpoints["metadata"].get("labels") or {}).get("endpoints.kubernetes.io/managed-by") == "endpoint-controller":
        return
    for i, subset in enumerate(endpoints.get("subsets") or ()):
        for name in ("addresses", "notReadyAddresses"):
            for j, address in enumerate(subset.get(name) or ()):
                yield from address_warnings(address.get("ip", ""), f"subsets[{i}].{name}[{j}].ip")


def _warn_of_claim(claim: Obj) -> Iterator[str]:
    if _OLD_STORAGE in (claim["metadata"].get("annotations") or {}):
        yield f'metadata.annotations[{_OLD_STORAGE}]: deprecated since v1.8; use "storageClassName" attribute instead'


def _warn_of_ingress(ingress: Obj) -> Iterator[str]:
    is_told = _OLD_INGRESS in (ingress["metadata"].get("annotations") or {})
    if is_told and ingress["spec"].get("ingressClassName") is None:
        yield f"annotation \"{_OLD_INGRESS}\" is deprecated, please use 'spec.ingressClassName' instead"


def _warn_of_slice(endpoint_slice: Obj) -> Iterator[str]:
    if endpoint_slice.get("addressType") == "FQDN":
        yield "spec.addressType: FQDN endpoints are deprecated"
    if (endpoint_slice["metadata"].get("labels") or {}).get(_MANAGED_BY) in _CONTROLLERS:
        return
    for i, endpoint in enumerate(endpoint_slice.get("endpoints") or ()):
        for j, address in enumerate(endpoint.get("addresses") or ()):
            yield from address_warnings(address, f"endpoints[{i}].addresses[{j}]")


def _warn_of_secret(secret: Obj) -> Iterator[str]:
    data = secret.get("data") or {}
    is_tls = secret.get("type") == "kubernetes.io/tls" and "tls.crt" in data
    if is_tls and b"-----BEGIN " not in base64.b64decode(data["tls.crt"]):
        yield "tls: failed to find any PEM data in certificate input"


def _warn_of_service(service: Obj) -> Iterator[str]:
    spec = service["spec"]
    addresses, is_external = spec.get("externalIPs"), spec.get("type") == "ExternalName"
    if "service.kubernetes.io/topology-aware-hints" in (service["metadata"].get("annotations") or {}):
        yield (
            "annotation service.kubernetes.io/topology-aware-hints is deprecated, "
            "please use service.kubernetes.io/topology-mode instead"
        )
    if spec.get("type") == "ClusterIP" and spec.get("clusterIP") == "None":
        yield from _warn_of_headless(spec)
    elif addresses and not is_external:
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if is_external and addresses:
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if not is_external and spec.get("externalName"):
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.get("trafficDistribution") == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'


def _warn_of_headless(spec: Obj) -> Iterator[str]:
    if spec.get("loadBalancerIP"):
        yield "spec.loadBalancerIP is ignored for headless services"
    if spec.get("externalIPs"):
        yield "spec.externalIPs is ignored for headless services"
    if spec.get("sessionAffinity") != "None":
        yield "spec.SessionAffinity is ignored for headless services"


def _warn_of_pod(pod: Obj) -> Iterator[str]:
    from reconcilekit.testing.apiserver.validation.pod_warnings import pod_warnings

    return pod_warnings(pod["spec"], pod["metadata"], "")


def _template_at(*path: str) -> Warn:
    """What is warned of in the template there."""

    def warn(workload: Obj) -> Iterator[str]:
        from reconcilekit.testing.apiserver.validation.pod_warnings import pod_warnings

        template = workload
        for name in path:
            template = template.get(name) or {}
        field = ".".join(path)
        return pod_warnings(template.get("spec") or {}, template.get("metadata") or {}, f"{field}.")

    return warn


_warn_of_template = _template_at("spec", "template")


_IN_POD_NAMES = "this is used in Pod names and hostnames"
NAMED: Mapping[tuple[str, str], str] = {
    ("", "pods"): "this is used in the Pod's hostname",
    ("", "replicationcontrollers"): _IN_POD_NAMES,
    ("apps", "deployments"): _IN_POD_NAMES,
    ("apps", "replicasets"): _IN_POD_NAMES,
    ("batch", "cronjobs"): _IN_POD_NAMES,
    ("batch", "jobs"): _IN_POD_NAMES,
}
"""What the name of a new object is used for, by group and plural, where it's warned of."""


def name_warnings(kind: tuple[str, str], name: str) -> Iterator[str]:
    """What is warned of in the name of a new object of one of these kinds."""
    used = NAMED[kind]
    if wrong := list(names.label(name)):
        surprise = "which can result in surprising behavior; a DNS label is recommended"
        yield f"metadata.name: {used}, {surprise}: [{' '.join(wrong)}]"


WARNINGS: Mapping[tuple[str, str], Warn] = {
    ("", "endpoints"): _warn_of_endpoints,
    ("", "persistentvolumeclaims"): _warn_of_claim,
    ("", "pods"): _warn_of_pod,
    ("", "podtemplates"): _template_at("template"),
    ("", "replicationcontrollers"): _warn_of_template,
    ("", "secrets"): _warn_of_secret,
    ("", "services"): _warn_of_service,
    ("apps", "daemonsets"): _warn_of_template,
    ("apps", "deployments"): _warn_of_template,
    ("apps", "replicasets"): _warn_of_template,
    ("apps", "statefulsets"): _warn_of_template,
    ("batch", "cronjobs"): _template_at("spec", "jobTemplate", "spec", "template"),
    ("batch", "jobs"): _warn_of_template,
    ("discovery.k8s.io", "endpointslices"): _warn_of_slice,
    ("networking.k8s.io", "ingresses"): _warn_of_ingress,
}
"""By group and plural."""

AT_FIRST = frozenset({("", "pods"), ("networking.k8s.io", "ingresses")})
"""The kinds that are warned of only where they are new."""

BY_GENERATION = frozenset(
    {
        ("", "podtemplates"), ("", "replicationcontrollers"), ("apps", "daemonsets"), ("apps", "deployments"),
        ("apps", "replicasets"), ("apps", "statefulsets"), ("batch", "cronjobs"), ("batch", "jobs"),
    }
)  # fmt: skip
"""The kinds that are warned of only where a write changes what they are to be."""
