"""Networking, autoscaling, disruption, access, leases, endpoints, priorities."""

from __future__ import annotations

from collections.abc import Sequence

from reconcilekit.testing.apiserver.validation import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    forbidden,
    immutable,
    invalid,
    not_negative,
    one_of,
    required,
)
from reconcilekit.testing.apiserver.validation.selectors import selector_causes

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_HIGHEST_PRIORITY = 1000000000
SYSTEM_PRIORITIES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
"""The priorities that every cluster has."""

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def ingress_causes(ingress: Obj, old: Obj | None) -> Found:
    """What is wrong with an Ingress."""
    spec = ingress["spec"]
    if not spec.get("rules") and "defaultBackend" not in spec:
        yield invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    if "defaultBackend" in spec:
        yield from _backend_causes(spec["defaultBackend"], "spec.defaultBackend")
    for i, rule in enumerate(spec.get("rules") or ()):
        field, host = f"spec.rules[{i}]", rule.get("host", "")
        if host and not host.startswith("*."):
            yield from (invalid(f"{field}.host", host, why) for why in names.subdomain(host))
        for j, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            yield from _path_causes(path, f"{field}.http.paths[{j}]")


def _path_causes(path: Obj, field: str) -> Found:
    kind, told = path.get("pathType"), path.get("path", "")
    if kind is None:
        yield required(f"{field}.pathType", "pathType must be specified")
        return
    yield from one_of(f"{field}.pathType", kind, _PATH_TYPES)
    if kind in ("Exact", "Prefix") and not told.startswith("/"):
        yield invalid(f"{field}.path", told, "must be an absolute path")
    yield from _backend_causes(path.get("backend") or {}, f"{field}.backend")


def _backend_causes(backend: Obj, field: str) -> Found:
    service, resource = backend.get("service"), backend.get("resource")
    if service is None and resource is None:
        yield required(field, "resource or service backend is required")
    if service is None:
        return
    if not service.get("name"):
        yield required(f"{field}.service.name")
    port = service.get("port") or {}
    if not port.get("name") and not port.get("number"):
        yield required(field, "port name or number is required")
    elif number := port.get("number"):
        yield from (invalid(f"{field}.service.port.number", number, why) for why in names.port_number(number))


def network_policy_causes(policy: Obj, old: Obj | None) -> Found:
    """What is wrong with a NetworkPolicy."""
    spec = policy["spec"]
    yield from selector_causes(spec.get("podSelector") or {}, "spec.podSelector")
    for way, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(spec.get(way) or ()):
            yield from _policy_rule_causes(rule, peers, f"spec.{way}[{i}]")
    for i, kind in enumerate(spec.get("policyTypes") or ()):
        yield from one_of(f"spec.policyTypes[{i}]", kind, ("Ingress", "Egress"))


def _policy_rule_causes(rule: Obj, peers: str, field: str) -> Found:
    for i, port in enumerate(rule.get("ports") or ()):
        number = port.get("port")
        if number is not None:
            wrong = names.port_number(number) if isinstance(number, int) else names.port_name(number)
            yield from (invalid(f"{field}.ports[{i}].port", number, why) for why in wrong)
        yield from one_of(f"{field}.ports[{i}].protocol", port.get("protocol"), _PROTOCOLS)
    for i, peer in enumerate(rule.get(peers) or ()):
        if not peer:
            yield required(f"{field}.{peers}[{i}]", "must specify a peer")


def disruption_budget_causes(budget: Obj, old: Obj | None) -> Found:
    """What is wrong with a PodDisruptionBudget."""
    spec = budget["spec"]
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        told = {"MinAvailable": least, "Selector": spec.get("selector"), "MaxUnavailable": most}
        told["UnhealthyPodEvictionPolicy"] = spec.get("unhealthyPodEvictionPolicy")
        yield invalid("spec", told, "minAvailable and maxUnavailable cannot be both set")
    for name, value in (("minAvailable", least), ("maxUnavailable", most)):
        if isinstance(value, int):
            yield from not_negative(f"spec.{name}", value)
    yield from selector_causes(spec.get("selector") or {}, "spec.selector")


def role_causes(role: Obj, old: Obj | None) -> Found:
    """What is wrong with a Role."""
    yield from _rule_causes(role.get("rules") or (), is_namespaced=True)


def cluster_role_causes(role: Obj, old: Obj | None) -> Found:
    """What is wrong with a ClusterRole."""
    yield from _rule_causes(role.get("rules") or (), is_namespaced=False)


def _rule_causes(rules: Sequence[Obj], *, is_namespaced: bool) -> Found:
    for i, rule in enumerate(rules):
        field, urls = f"rules[{i}]", rule.get("nonResourceURLs") or ()
        if not urls:
            if not rule.get("apiGroups"):
                yield required(f"{field}.apiGroups", "resource rules must supply at least one api group")
            if not rule.get("resources"):
                yield required(f"{field}.resources", "resource rules must supply at least one resource")
        elif is_namespaced:
            yield invalid(f"{field}.nonResourceURLs", urls, "namespaced rules cannot apply to non-resource URLs")
        elif rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid(f"{field}.nonResourceURLs", urls, why)
        if not rule.get("verbs"):
            yield required(f"{field}.verbs")


def role_binding_causes(binding: Obj, old: Obj | None) -> Found:
    """What is wrong with a RoleBinding."""
    yield from _binding_causes(binding, old, ("Role", "ClusterRole"))


def cluster_role_binding_causes(binding: Obj, old: Obj | None) -> Found:
    """What is wrong with a ClusterRoleBinding."""
    yield from _binding_causes(binding, old, ("ClusterRole",))


def _binding_causes(binding: Obj, old: Obj | None, kinds: tuple[str, ...]) -> Found:
    ref = binding["roleRef"]
    if old is not None and old["roleRef"] != ref:
        told = {"APIGroup": ref.get("apiGroup", ""), "Kind": ref.get("kind", ""), "Name": ref.get("name", "")}
        yield from immutable("roleRef", old["roleRef"], told)
    yield from one_of("roleRef.kind", ref.get("kind", ""), kinds)
    for i, subject in enumerate(binding.get("subjects") or ()):
        field = f"subjects[{i}]"
        yield from one_of(f"{field}.kind", subject.get("kind", ""), ("ServiceAccount", "User", "Group"))
        if not subject.get("name"):
            yield required(f"{field}.name")
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            yield required(f"{field}.namespace")
    if not ref.get("name"):
        yield required("roleRef.name")


def lease_causes(lease: Obj, old: Obj | None) -> Found:
    """What is wrong with a Lease."""
    spec = lease.get("spec") or {}
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    yield from not_negative("spec.leaseTransitions", spec.get("leaseTransitions"))


def priority_class_causes(priority: Obj, old: Obj | None) -> Found:
    """What is wrong with a PriorityClass."""
    value, name = priority.get("value", 0), priority["metadata"].get("name", "")
    if old is not None:
        if old.get("value", 0) != value:
            yield forbidden("value", "may not be changed in an update.")
        return
    if name.startswith("system-"):
        yield from _system_priority_causes(name, value, is_default=priority.get("globalDefault", False))
    elif value > _HIGHEST_PRIORITY:
        yield forbidden("value", f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}")


def _system_priority_causes(name: str, value: int, *, is_default: bool) -> Found:
    known, why = SYSTEM_PRIORITIES.get(name), ""
    if known is None:
        why = f"{name} is not a known system priority class"
    elif value != known:
        why = f"value of {name} PriorityClass must be {known}"
    elif is_default:
        why = f"globalDefault of {name} PriorityClass must be false"
    if why:
        reserved = "priority class names with 'system-' prefix are reserved for system use only"
        yield forbidden("metadata.name", f"{reserved}. error: {why}")
