"""What the real server warns of in Pods and in templates of them (pkg/api/pod)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.validation.causes import Obj
from reconcilekit.testing.apiserver.validation.ip_addresses import address_warnings
from reconcilekit.testing.apiserver.validation.resource_names import amount
from reconcilekit.testing.apiserver.validation.warnings import MAX_LENGTH, MAX_TEXT

_Group = tuple[object, ...]

_NULL = "a null labelSelector results in matching no pod"
_NEEDED, _PREFERRED = (f"{way}DuringSchedulingIgnoredDuringExecution" for way in ("required", "preferred"))
_VOLUMES: Mapping[str, str] = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_SHOWN = {"storageos": "storageOS"}
_LABELS: Mapping[str, str] = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}
_ANNOTATIONS: Mapping[str, str] = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}


def pod_warnings(spec: Obj, metadata: Obj, field: str) -> Iterator[str]:
    """What it warns of, as far as that is sent.

    Args:
        spec: the Pod's, or the template's.
        metadata: the same.
        field: what stands before both: "spec.template.", or nothing.
    """
    seen: set[str] = set()
    length = 0
    for text in _all_warnings(spec, metadata, field):
        if text in seen:
            continue
        yield text
        seen.add(text)
        length += len(text[:MAX_TEXT])
        if length > MAX_LENGTH:
            return


def _all_warnings(spec: Obj, metadata: Obj, field: str) -> Iterator[str]:
    inner = f"{field}spec"
    yield from _of_nodes(spec, inner)
    yield from _of_spread(spec.get("topologySpreadConstraints") or (), f"{inner}.topologySpreadConstraints")
    annotations = metadata.get("annotations") or {}
    told = (key for key in _ANNOTATIONS if key in annotations)
    yield from (f"{field}metadata.annotations[{key}]: {_ANNOTATIONS[key]}" for key in told)
    for i, volume in enumerate(spec.get("volumes") or ()):
        old = (name for name in _VOLUMES if name in volume)
        yield from (f"{inner}.volumes[{i}].{_SHOWN.get(name, name)}: {_VOLUMES[name]}" for name in old)
    yield from _of_twins(spec, inner)
    yield from _of_fractions(spec.get("overhead") or {}, f"{inner}.overhead")
    for path, container in _containers(spec, inner):
        for name in ("limits", "requests"):
            amounts = (container.get("resources") or {}).get(name) or {}
            yield from _of_fractions(amounts, f"{path}.resources.{name}")
        yield from _of_variables(container.get("env") or (), f"{path}.env")
    yield from _of_ports(spec, inner)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        why = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{inner}.terminationGracePeriodSeconds: {why}"
    for kind in ("podAffinity", "podAntiAffinity"):
        yield from _of_pods((spec.get("affinity") or {}).get(kind) or {}, f"{inner}.affinity.{kind}")
    for i, server in enumerate((spec.get("dnsConfig") or {}).get("nameservers") or ()):
        yield from address_warnings(server, f"{inner}.dnsConfig.nameservers[{i}]")
    for i, alias in enumerate(spec.get("hostAliases") or ()):
        yield from address_warnings(alias.get("ip", ""), f"{inner}.hostAliases[{i}].ip")


def _of_spread(constraints: Sequence[Obj], field: str) -> Iterator[str]:
    for i, constraint in enumerate(constraints):
        key = constraint.get("topologyKey", "")
        if key in _LABELS:
            yield f"{field}[{i}].topologyKey: {key} is {_LABELS[key]}"
        if constraint.get("labelSelector") is None:
            yield f"{field}[{i}].labelSelector: {_NULL}"


def _of_twins(spec: Obj, field: str) -> Iterator[str]:
    """What there is twice, and secrets without a name."""
    for part, key in (("hostAliases", "ip"), ("imagePullSecrets", "name")):
        seen: set[str] = set()
        for i, item in enumerate(spec.get(part) or ()):
            value = item.get(key, "")
            if value in seen:
                yield f"{field}.{part}[{i}].{key}: duplicate {key} {quoted(value)}"
            seen.add(value)
    for i, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if not secret.get("name"):
            yield f'{field}.imagePullSecrets[{i}].name: invalid empty name ""'


def _of_fractions(amounts: Obj, field: str) -> Iterator[str]:
    for name in ("memory", "ephemeral-storage"):
        if name in amounts and amount(amounts[name]) % 1:
            why = "is invalid, must be an integer"
            yield f"{field}[{name}]: fractional byte value {quoted(amounts[name])} {why}"


def _containers(spec: Obj, field: str) -> Iterator[tuple[str, Obj]]:
    for name in ("initContainers", "containers", "ephemeralContainers"):
        yield from ((f"{field}.{name}[{i}]", container) for i, container in enumerate(spec.get(name) or ()))


def _of_nodes(spec: Obj, field: str) -> Iterator[str]:
    """Labels that Nodes have no more, and what is preferred with values that no label has."""
    told = (key for key in spec.get("nodeSelector") or () if key in _LABELS)
    yield from (f"{field}.nodeSelector[{key}]: {_LABELS[key]}" for key in told)
    affinity, field = (spec.get("affinity") or {}).get("nodeAffinity") or {}, f"{field}.affinity.nodeAffinity"
    for i, term in enumerate((affinity.get(_NEEDED) or {}).get("nodeSelectorTerms") or ()):
        yield from _of_term(term, f"{field}.{_NEEDED}.nodeSelectorTerms[{i}]", has_free_values=False)
    for i, weighted in enumerate(affinity.get(_PREFERRED) or ()):
        term = weighted.get("preference") or {}
        yield from _of_term(term, f"{field}.{_PREFERRED}[{i}].preference", has_free_values=True)


def _of_term(term: Obj, field: str, *, has_free_values: bool) -> Iterator[str]:
    for i, told in enumerate(term.get("matchExpressions") or ()):
        inner, key = f"{field}.matchExpressions[{i}]", told.get("key", "")
        if key in _LABELS:
            yield f"{inner}.key: {key} is {_LABELS[key]}"
        for j, value in enumerate((told.get("values") or ()) if has_free_values else ()):
            yield from (f"{inner}.values[{j}]: {value} is invalid, {why}" for why in names.label_value(value))


def _of_pods(affinity: Obj, field: str) -> Iterator[str]:
    for i, term in enumerate(affinity.get(_NEEDED) or ()):
        if term.get("labelSelector") is None:
            yield f"{field}.{_NEEDED}[{i}].labelSelector: {_NULL}"
    for i, weighted in enumerate(affinity.get(_PREFERRED) or ()):
        if (weighted.get("podAffinityTerm") or {}).get("labelSelector") is None:
            yield f"{field}.{_PREFERRED}[{i}].podAffinityTerm.labelSelector: {_NULL}"


def _of_variables(variables: Sequence[Obj], field: str) -> Iterator[str]:
    seen: set[str] = set()
    for i, variable in enumerate(variables):
        name, value = variable.get("name", ""), variable.get("value", "")
        # A value may build on the one before it, as `$(PATH):/more` does.
        is_built_on = "valueFrom" not in variable and value != f"$({name})" and f"$({name})" in value
        if name in seen and not is_built_on:
            yield f'{field}[{i}]: hides previous definition of "{name}", which may be dropped when using apply'
        seen.add(name)


def _of_ports(spec: Obj, field: str) -> Iterator[str]:
    told = [
        (f"{path}.ports[{i}]", port)
        for path, container in _containers(spec, field)
        for i, port in enumerate(container.get("ports") or ())
    ]
    before: dict[_Group, list[int]] = {}
    for at, (path, port) in enumerate(told):
        if port.get("hostIP") and not port.get("hostPort"):
            yield f"{path}: hostIP set without hostPort: {_shown(port)}"
        for other in heapq.merge(*(before.get(group, ()) for group in _groups_in_its_way(port))):
            other_path, other_port = told[other]
            yield f"{path}: {_conflict(port, other_port)} port definition with {other_path}"
        for group in _groups(port):
            before.setdefault(group, []).append(at)
    first: dict[str, str] = {}
    for path, port in told:
        name = port.get("name", "")
        if name and first.setdefault(name, path) != path:
            told_by = f"services and probes that select ports by name will use {first[name]}"
            yield f"{path}: duplicate port name {quoted(name)} with {first[name]}, {told_by}"


def _groups(port: Obj) -> Iterator[_Group]:
    """Those that a port is in: of the same port, on the same port of the host, at the same address there."""
    group = (port.get("containerPort"), port.get("protocol"))
    yield group
    yield (*group, port.get("hostPort", 0))
    yield (*group, port.get("hostPort", 0), port.get("hostIP", ""))


def _groups_in_its_way(port: Obj) -> Iterator[_Group]:
    """Those that hold all ports that get in the way of one, each once, and no others."""
    same, on_host, at_address = _groups(port)
    if not port.get("hostPort"):
        yield same
        return
    yield (*same, 0)
    if not port.get("hostIP"):
        yield on_host
        return
    yield (*on_host, "")
    yield at_address


def _conflict(port: Obj, other: Obj) -> str:
    """How one port gets in the way of another."""
    ours, theirs = ((each.get("hostIP", ""), each.get("hostPort", 0)) for each in (port, other))
    if ours == theirs:
        return "duplicate"
    return "dangerously ambiguous" if ours[1] and theirs[1] else "overlapping"


def _shown(port: Obj) -> str:
    parts = (("Name", "name", ""), ("HostPort", "hostPort", 0), ("ContainerPort", "containerPort", 0))
    rest = (("Protocol", "protocol", ""), ("HostIP", "hostIP", ""))
    return "{" + " ".join(f"{shown}:{port.get(name, zero)}" for shown, name, zero in (*parts, *rest)) + "}"
