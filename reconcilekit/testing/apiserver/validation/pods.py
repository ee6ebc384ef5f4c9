"""Pods, alone and in templates (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from types import ModuleType
from typing import Any

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.go_text import BLANKS
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    forbidden,
    invalid,
    not_negative,
    one_of,
    required,
    unsupported,
)
from reconcilekit.testing.apiserver.validation.containers import (
    Around,
    container_list_causes,
    initial_container_causes,
)
from reconcilekit.testing.apiserver.validation.metadata import annotation_causes
from reconcilekit.testing.apiserver.validation.selectors import label_causes

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NEEDED = {"configMap": "name", "hostPath": "path", "secret": "secretName", "persistentVolumeClaim": "claimName"}
_MOST_SECONDS = 2147483647
_RARE = frozenset(
    {
        "shareProcessNamespace", "hostUsers", "hostnameOverride", "hostname", "subdomain", "hostAliases",
        "priorityClassName", "runtimeClassName", "preemptionPolicy", "overhead", "os",
    }
)  # fmt: skip
"""What few Pods are told."""

_MAY_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_spec_causes(spec: Obj, field: str, *, is_pod: bool = False) -> Found:
    """What is wrong with what a pod and a template have alike."""
    volumes: dict[str, Obj] = {}
    around = Around(spec, volumes)
    yield from _volume_causes(spec.get("volumes") or (), volumes, f"{field}.volumes")
    if claims := spec.get("resourceClaims"):
        yield from _settings().claim_causes(claims, f"{field}.resourceClaims")
    yield from container_list_causes(spec.get("containers") or (), around, f"{field}.containers")
    if initial := spec.get("initContainers"):
        seen = {container.get("name", "") for container in spec.get("containers") or ()}
        yield from initial_container_causes(initial, around, seen, f"{field}.initContainers")
    if spec.get("hostNetwork"):
        yield from _settings().host_port_causes(spec, field, is_pod=is_pod)
    yield from one_of(f"{field}.restartPolicy", spec.get("restartPolicy"), _RESTART_POLICIES)
    yield from one_of(f"{field}.dnsPolicy", spec.get("dnsPolicy"), _DNS_POLICIES)
    yield from label_causes(spec.get("nodeSelector"), f"{field}.nodeSelector")
    if context := spec.get("securityContext"):
        from reconcilekit.testing.apiserver.validation.security_contexts import pod_context_causes

        yield from pod_context_causes(context, spec, f"{field}.securityContext")
    yield from _placing_causes(spec, field)
    yield from _who_and_where_causes(spec, field)


def _placing_causes(spec: Obj, field: str) -> Found:
    """What is wrong with where it may run, and what it waits for."""
    if affinity := spec.get("affinity"):
        from reconcilekit.testing.apiserver.validation.affinities import affinity_causes

        yield from affinity_causes(affinity, f"{field}.affinity")
    if "dnsConfig" in spec or spec.get("dnsPolicy") == "None":
        yield from _settings().dns_causes(spec.get("dnsConfig"), spec.get("dnsPolicy", ""), f"{field}.dnsConfig")
    if gates := spec.get("readinessGates"):
        yield from _settings().readiness_causes(gates, f"{field}.readinessGates")
    seen: set[str] = set()
    for i, gate in enumerate(_gates_of(spec)):
        yield from (invalid(f"{field}.schedulingGates[{i}]", gate, why) for why in names.qualified(gate))
        if gate in seen:
            yield duplicate(f"{field}.schedulingGates[{i}]", gate)
        seen.add(gate)
    if constraints := spec.get("topologySpreadConstraints"):
        from reconcilekit.testing.apiserver.validation.affinities import spread_causes

        yield from spread_causes(constraints, f"{field}.topologySpreadConstraints")
    if not _RARE.isdisjoint(spec):
        yield from _settings().hosted_causes(spec, field)


def _who_and_where_causes(spec: Obj, field: str) -> Found:
    account = spec.get("serviceAccountName", "")
    if account:
        yield from (invalid(f"{field}.serviceAccountName", account, why) for why in names.subdomain(account))
    if node := spec.get("nodeName"):
        yield from (invalid(f"{field}.nodeName", node, why) for why in names.subdomain(node))
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _MOST_SECONDS:
        yield invalid(f"{field}.activeDeadlineSeconds", deadline, f"must be between 1 and {_MOST_SECONDS}, inclusive")
    is_rare = not _RARE.isdisjoint(spec)
    if is_rare:
        yield from _settings().name_causes(spec, field)
    yield from toleration_causes(spec.get("tolerations") or (), f"{field}.tolerations")
    if is_rare:
        yield from _settings().late_causes(spec, field)
    if any("valueFrom" in variable for container in _containers(spec) for variable in container.get("env") or ()):
        yield from _settings().file_causes(spec, field)


def _containers(spec: Obj) -> Iterator[Obj]:
    for name in ("initContainers", "containers"):
        yield from spec.get(name) or ()


def _settings() -> ModuleType:
    """The module that few Pods need."""
    from reconcilekit.testing.apiserver.validation import pod_settings

    return pod_settings


def toleration_causes(tolerations: Sequence[Obj], field: str) -> Found:
    """What is wrong with tolerations."""
    for i, toleration in enumerate(tolerations):
        yield from _one_toleration_causes(toleration, f"{field}[{i}]")


def _one_toleration_causes(toleration: Obj, field: str) -> Found:
    key, operator, value = (toleration.get(name, "") for name in ("key", "operator", "value"))
    effect = toleration.get("effect", "")
    yield from (invalid(f"{field}.key", key, why) for why in (names.qualified(key) if key else ()))
    if not key and operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid(f"{field}.operator", operator, why)
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        yield invalid(f"{field}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
    if operator in ("", "Equal"):
        if wrong := list(names.label_value(value)):
            yield invalid(f"{field}.operator", value, ";".join(wrong))
    elif operator == "Exists":
        if value:
            yield invalid(f"{field}.operator", value, "value must be empty when `operator` is 'Exists'")
    else:
        known = ("Equal", "Exists", "Lt", "Gt") if operator in ("Lt", "Gt") else ("Equal", "Exists")
        yield unsupported(f"{field}.operator", operator, known)
    if effect and effect not in _EFFECTS:
        yield unsupported(f"{field}.effect", effect, _EFFECTS)


def _volume_causes(volumes: Sequence[Obj], seen: dict[str, Obj], field: str) -> Found:
    """What is wrong with the volumes; `seen` gets those that are right, by name."""
    for i, volume in enumerate(volumes):
        wrong = list(_one_volume_causes(volume, seen, f"{field}[{i}]"))
        yield from wrong
        if not wrong:
            seen[volume["name"]] = volume


def _one_volume_causes(volume: Obj, seen: Collection[str], field: str) -> Found:
    name, sources = volume.get("name", ""), [source for source in volume if source != "name"]
    for source in sources[:1]:
        needed = _NEEDED.get(source, "")
        if needed and not volume[source].get(needed):
            yield required(f"{field}.{source}.{needed}")
    yield from (forbidden(f"{field}.{source}", "may not specify more than 1 volume type") for source in sources[1:])
    if not name:
        yield required(f"{field}.name")
    else:
        yield from (invalid(f"{field}.name", name, why) for why in names.label(name))
    if name in seen:
        yield duplicate(f"{field}.name", name)


def pod_causes(pod: Obj, old: Obj | None) -> Found:
    """What is wrong with a pod, or with a change of one."""
    spec = pod["spec"]
    yield from pod_spec_causes(spec, "spec", is_pod=True)
    yield from not_negative("spec.terminationGracePeriodSeconds", spec.get("terminationGracePeriodSeconds"))
    yield from _image_causes(spec)
    if old is not None:
        yield from _changed_causes(spec, old["spec"])
        return
    if spec.get("ephemeralContainers"):
        yield forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.get("nodeName") and _gates_of(spec):
        yield forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def _changed_causes(spec: Obj, old: Obj) -> Found:
    for name in ("containers", "initContainers"):
        if len(spec.get(name) or ()) != len(old.get(name) or ()):
            yield forbidden(f"spec.{name}", "pod updates may not add or remove containers")
            return
    deadline, latest = (told.get("activeDeadlineSeconds") for told in (spec, old))
    if deadline is not None and not 0 <= deadline <= _MOST_SECONDS:
        yield invalid("spec.activeDeadlineSeconds", deadline, f"must be between 0 and {_MOST_SECONDS}, inclusive")
        return
    if deadline is not None and latest is not None and latest < deadline:
        yield invalid("spec.activeDeadlineSeconds", deadline, "must be less than or equal to previous value")
        return
    if deadline is None and latest is not None:
        yield invalid("spec.activeDeadlineSeconds", None, "must not update from a positive integer to nil value")
    yield from _lost_toleration_causes(spec.get("tolerations") or (), old.get("tolerations") or ())
    yield from _gate_causes(spec, old)
    yield from _fixed_causes(spec, old)


def _lost_toleration_causes(tolerations: Sequence[Obj], before: Sequence[Obj]) -> Found:
    """They may be added, and their times may change."""
    plain = [{**toleration, "tolerationSeconds": None} for toleration in tolerations]
    if any({**toleration, "tolerationSeconds": None} not in plain for toleration in before):
        yield forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")


def _fixed_causes(spec: Obj, old: Obj) -> Found:
    fixed, before = _fixed(spec), _fixed(old)
    grace = "terminationGracePeriodSeconds"
    if (before.get(grace) or 0) < 0 and fixed.get(grace) == 1:
        fixed[grace] = before[grace]
    if _gates_of(old):
        # While it is held back it may still be told where to run.
        selector, known = fixed.pop("nodeSelector", None) or {}, before.pop("nodeSelector", None) or {}
        if not known.items() <= selector.items():
            why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            yield invalid("spec.nodeSelector", selector or None, why)
    if fixed != before:
        yield forbidden("spec", _MAY_CHANGE)


def _image_causes(spec: Obj) -> Found:
    """What is wrong with images in Pods, and isn't in templates."""
    for name in ("containers", "initContainers"):
        for i, container in enumerate(spec.get(name) or ()):
            image = container.get("image", "")
            if image.strip(BLANKS) != image:
                yield invalid(f"spec.{name}[{i}].image", image, "must not have leading or trailing whitespace")


def _gate_causes(spec: Obj, old: Obj) -> Found:
    """A gate may be taken off, and never be put up again."""
    known = set(_gates_of(old))
    for i, name in enumerate(_gates_of(spec)):
        if name not in known:
            why = f"only deletion is allowed, but found new scheduling gate '{name}'"
            yield forbidden(f"spec.schedulingGates[{i}].name", why)


def _gates_of(spec: Obj) -> list[str]:
    return [gate.get("name", "") for gate in spec.get("schedulingGates") or ()]


def _fixed(spec: Obj) -> dict[str, Any]:
    """What of a pod may never change."""
    free = ("activeDeadlineSeconds", "schedulingGates", "tolerations")
    fixed: dict[str, Any] = {name: value for name, value in spec.items() if name not in free}
    for name in ("containers", "initContainers"):
        fixed[name] = [{**container, "image": ""} for container in spec.get(name) or ()]
    return fixed


def template_causes(template: Obj, selector: Obj | None, field: str) -> Found:
    """What is wrong with the template of a workload whose pods run for ever."""
    metadata = template.get("metadata") or {}
    yield from label_causes(metadata.get("labels"), f"{field}.labels")
    yield from annotation_causes(metadata.get("annotations") or {}, f"{field}.annotations")
    yield from pod_spec_causes(template.get("spec") or {}, f"{field}.spec")


def lasting_template_causes(spec: Obj, field: str) -> Found:
    """What only a workload's template has to keep: its pods are restarted always."""
    if spec.get("restartPolicy") != "Always":
        yield from one_of(f"{field}.restartPolicy", spec.get("restartPolicy"), ("Always",))
    if spec.get("activeDeadlineSeconds") is not None:
        yield forbidden(f"{field}.activeDeadlineSeconds", "activeDeadlineSeconds in ReplicaSet is not Supported")
