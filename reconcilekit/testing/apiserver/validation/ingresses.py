"""Ingresses and IngressClasses (pkg/apis/networking/validation)."""

from __future__ import annotations

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, forbidden, invalid, one_of, required, too_long
from reconcilekit.testing.apiserver.validation.domain_paths import domain_path_causes
from reconcilekit.testing.apiserver.validation.ip_addresses import is_address
from reconcilekit.testing.apiserver.validation.metadata import reference_causes

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_PARTS = ("//", "/./", "/../", "%2f", "%2F")
_ENDS = ("/..", "/.")
_CLASS = "kubernetes.io/ingress.class"
"""The annotation that named an Ingress's class before there was a field."""

_LONGEST_CONTROLLER = 250
_IN_NAMESPACES = "`parameters.scope` is set to 'Namespace'"


def ingress_causes(ingress: Obj, old: Obj | None) -> Found:
    """What is wrong with an Ingress."""
    spec = ingress["spec"]
    rules = spec.get("rules")
    if not rules and "defaultBackend" not in spec:
        yield invalid("spec", rules, "either `defaultBackend` or `rules` must be specified")
    if "defaultBackend" in spec:
        yield from _backend_causes(spec["defaultBackend"], "spec.defaultBackend")
    for i, rule in enumerate(rules or ()):
        yield from _rule_causes(rule, f"spec.rules[{i}]")
    for i, secured in enumerate(spec.get("tls") or ()):
        yield from _secured_causes(secured, f"spec.tls[{i}]")
    name = spec.get("ingressClassName")
    if name is not None:
        yield from (invalid("spec.ingressClassName", name, why) for why in names.subdomain(name))
        annotated = (ingress["metadata"].get("annotations") or {}).get(_CLASS)
        if old is None and annotated is not None and annotated != name:
            yield invalid(f"annotations.{_CLASS}", annotated, "must match `ingressClassName` when both are specified")


def _rule_causes(rule: Obj, field: str) -> Found:
    if host := rule.get("host", ""):
        if is_address(host):
            yield invalid(f"{field}.host", host, "must be a DNS name, not an IP address")
        yield from _host_causes(host, f"{field}.host")
    if (http := rule.get("http")) is not None:
        if not http.get("paths"):
            yield required(f"{field}.http.paths")
        for i, path in enumerate(http.get("paths") or ()):
            yield from _path_causes(path, f"{field}.http.paths[{i}]")


def _host_causes(host: str, field: str) -> Found:
    yield from (invalid(field, host, why) for why in (names.wildcard if "*" in host else names.subdomain)(host))


def _secured_causes(secured: Obj, field: str) -> Found:
    for i, host in enumerate(secured.get("hosts") or ()):
        yield from _host_causes(host, f"{field}.hosts[{i}]")
    if secret := secured.get("secretName"):
        yield from (invalid(f"{field}.secretName", secret, why) for why in names.subdomain(secret))


def _path_causes(path: Obj, field: str) -> Found:
    kind, told = path.get("pathType"), path.get("path", "")
    if kind is None:
        yield required(f"{field}.pathType", "pathType must be specified")
        return
    is_plain = kind in ("Exact", "Prefix")
    if not told.startswith("/") and (is_plain or (told and kind == "ImplementationSpecific")):
        yield invalid(f"{field}.path", told, "must be an absolute path")
    if is_plain:
        yield from (invalid(f"{field}.path", told, f"must not contain '{part}'") for part in _PARTS if part in told)
        yield from (invalid(f"{field}.path", told, f"cannot end with '{end}'") for end in _ENDS if told.endswith(end))
    yield from one_of(f"{field}.pathType", kind, _PATH_TYPES)
    yield from _backend_causes(path.get("backend") or {}, f"{field}.backend")


def _backend_causes(backend: Obj, field: str) -> Found:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield invalid(field, "", "cannot set both resource and service backends")
    elif resource is not None:
        yield from reference_causes(resource, f"{field}.resource")
    elif service is not None:
        yield from _service_causes(service, field)
    else:
        yield invalid(field, "", "resource or service backend is required")


def _service_causes(service: Obj, field: str) -> Found:
    if name := service.get("name"):
        yield from (invalid(f"{field}.service.name", name, why) for why in names.label(name))
    else:
        yield required(f"{field}.service.name")
    port = service.get("port") or {}
    name, number = port.get("name"), port.get("number")
    if name and number:
        yield invalid(field, "", "cannot set both port name & port number")
    elif name:
        yield from (invalid(f"{field}.service.port.name", name, why) for why in names.port_name(name))
    elif number:
        yield from (invalid(f"{field}.service.port.number", number, why) for why in names.port_number(number))
    else:
        yield required(field, "port name or number is required")


def ingress_class_causes(ingress_class: Obj, old: Obj | None) -> Found:
    """What is wrong with an IngressClass."""
    spec = ingress_class.get("spec") or {}
    controller, parameters = spec.get("controller", ""), spec.get("parameters")
    if old is not None and (old.get("spec") or {}).get("controller", "") != controller:
        yield invalid("spec.controller", controller, "field is immutable")
    yield from _controller_causes(controller, "spec.controller")
    if parameters is not None:
        yield from _parameter_causes(parameters, "spec.parameters")


def _controller_causes(controller: str, field: str) -> Found:
    if controller:
        yield from too_long(field, controller, _LONGEST_CONTROLLER)
    yield from domain_path_causes(controller, field)


def _parameter_causes(parameters: Obj, field: str) -> Found:
    yield from reference_causes(parameters, field)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        yield required(f"{field}.scope")
        return
    yield from one_of(f"{field}.scope", scope, ("Cluster", "Namespace"))
    if scope == "Namespace" and not namespace:
        yield required(f"{field}.namespace", _IN_NAMESPACES)
    elif scope == "Namespace":
        yield from (invalid(f"{field}.namespace", namespace, why) for why in names.label(namespace or ""))
    elif scope == "Cluster" and namespace is not None:
        yield forbidden(f"{field}.namespace", "`parameters.scope` is set to 'Cluster'")
