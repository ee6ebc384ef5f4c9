"""What the real server warns of, and takes all the same."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence

from reconcilekit.testing.apiserver.validation.causes import Obj
from reconcilekit.testing.apiserver.validation.ip_addresses import address_warnings

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


def _warn_of_template(workload: Obj) -> Iterator[str]:
    spec = (workload["spec"].get("template") or {}).get("spec") or {}
    for name in ("initContainers", "containers"):
        for i, container in enumerate(spec.get(name) or ()):
            yield from _warn_of_variables(container.get("env") or (), f"spec.template.spec.{name}[{i}].env")


def _warn_of_variables(variables: Sequence[Obj], field: str) -> Iterator[str]:
    seen: set[str] = set()
    for i, variable in enumerate(variables):
        name, value = variable.get("name", ""), variable.get("value", "")
        # A value may build on the one before it, as `$(PATH):/more` does.
        is_built_on = "valueFrom" not in variable and value != f"$({name})" and f"$({name})" in value
        if name in seen and not is_built_on:
            yield f'{field}[{i}]: hides previous definition of "{name}", which may be dropped when using apply'
        seen.add(name)


WARNINGS: Mapping[tuple[str, str], Warn] = {
    ("", "endpoints"): _warn_of_endpoints,
    ("", "persistentvolumeclaims"): _warn_of_claim,
    ("", "secrets"): _warn_of_secret,
    ("", "services"): _warn_of_service,
    ("apps", "daemonsets"): _warn_of_template,
    ("apps", "deployments"): _warn_of_template,
    ("apps", "replicasets"): _warn_of_template,
    ("apps", "statefulsets"): _warn_of_template,
    ("discovery.k8s.io", "endpointslices"): _warn_of_slice,
    ("networking.k8s.io", "ingresses"): _warn_of_ingress,
}
"""By group and plural."""

AT_FIRST = frozenset({("networking.k8s.io", "ingresses")})
"""The kinds that are warned of only where they are new."""

BY_GENERATION = frozenset({("apps", name) for name in ("daemonsets", "deployments", "replicasets", "statefulsets")})
"""The kinds that are warned of only where a write changes what they are to be."""
