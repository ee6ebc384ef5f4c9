"""Containers: names, images, ports, variables, mounts, resources, probes (pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import ModuleType

import attrs

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    forbidden,
    invalid,
    missing,
    one_of,
    required,
)
from reconcilekit.testing.apiserver.validation.resource_names import amount

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RARE_IN_MOUNTS = frozenset({"subPath", "subPathExpr", "mountPropagation", "recursiveReadOnly"})
_PARTS_OF_LIFE = frozenset(
    {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "restartPolicy", "restartPolicyRules"}
)
_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage"})


@attrs.frozen
class Around:
    """What of its Pod is looked at with a container.

    Attributes:
        spec: the Pod's.
        volumes: those that are right, by name.
    """

    spec: Obj
    volumes: Mapping[str, Obj]

    @property
    def grace(self) -> int | None:
        """Seconds that it has to stop."""
        seconds: int | None = self.spec.get("terminationGracePeriodSeconds")
        return seconds

    @cached_property
    def claims(self) -> Mapping[str, None]:
        """The names of its claims, in order."""
        claims = self.spec.get("resourceClaims") or ()
        return dict.fromkeys(sorted(claim["name"] for claim in claims if claim.get("name")))


def container_list_causes(containers: Sequence[Obj], around: Around, field: str) -> Found:
    """What is wrong with the containers of a pod."""
    if not containers:
        yield required(field)
    seen: set[str] = set()
    for i, container in enumerate(containers):
        inner, name = f"{field}[{i}]", container.get("name", "")
        yield from container_causes(container, around, inner)
        if name in seen:
            yield duplicate(f"{inner}.name", name)
        seen.add(name)
        if not _PARTS_OF_LIFE.isdisjoint(container):
            from reconcilekit.testing.apiserver.validation import container_lives

            yield from container_lives.life_causes(container, around.grace, inner)
            yield from container_lives.restart_causes(container, inner)
    yield from _host_port_causes(containers, [f"{field}[{i}]" for i in range(len(containers))])


def initial_container_causes(containers: Sequence[Obj], around: Around, seen: set[str], field: str) -> Found:
    """What is wrong with those that run before; `seen` has the names of the others."""
    from reconcilekit.testing.apiserver.validation import container_lives

    for i, container in enumerate(containers):
        inner, name = f"{field}[{i}]", container.get("name", "")
        yield from container_causes(container, around, inner)
        yield from container_lives.restart_causes(container, inner)
        if name and name in seen:
            yield duplicate(f"{inner}.name", name)
        seen.add(name)
        # They run one by one, and the real server counts from the first.
        yield from _host_port_causes([container], [f"{field}[0]"])
        yield from container_lives.initial_causes(container, around.grace, inner)


def container_causes(container: Obj, around: Around, field: str) -> Found:
    """What is wrong with what all kinds of containers have."""
    name = container.get("name", "")
    if not name:
        yield required(f"{field}.name")
    else:
        yield from (invalid(f"{field}.name", name, why) for why in names.label(name))
    if not container.get("image"):
        yield required(f"{field}.image")
    yield from one_of(f"{field}.terminationMessagePolicy", container.get("terminationMessagePolicy"), _MESSAGE_POLICIES)
    yield from port_causes(container.get("ports") or (), f"{field}.ports")
    yield from _variable_causes(container.get("env") or (), f"{field}.env")
    if sources := container.get("envFrom"):
        yield from container_sources().all_source_causes(sources, f"{field}.envFrom")
    yield from _mount_causes(container, around.volumes, f"{field}.volumeMounts")
    if container.get("volumeDevices"):
        yield from container_sources().device_causes(container, around.volumes, f"{field}.volumeDevices")
    yield from one_of(f"{field}.imagePullPolicy", container.get("imagePullPolicy"), _PULL_POLICIES)
    resources = container.get("resources") or {}
    yield from resource_causes(resources, f"{field}.resources")
    if claims := resources.get("claims"):
        yield from container_sources().claim_causes(claims, around.claims, f"{field}.resources.claims")
    if policies := container.get("resizePolicy"):
        from reconcilekit.testing.apiserver.validation import container_lives

        policy = around.spec.get("restartPolicy", "")
        yield from container_lives.resize_policy_causes(policies, policy, f"{field}.resizePolicy")
    if context := container.get("securityContext"):
        from reconcilekit.testing.apiserver.validation.security_contexts import security_context_causes

        is_hosts = around.spec.get("hostUsers") is not False
        yield from security_context_causes(context, f"{field}.securityContext", has_host_users=is_hosts)


def container_sources() -> ModuleType:
    """The module that few containers need."""
    from reconcilekit.testing.apiserver.validation import container_sources

    return container_sources


def _host_port_causes(containers: Sequence[Obj], fields: Sequence[str]) -> Found:
    seen: set[str] = set()
    for container, field in zip(containers, fields, strict=True):
        for i, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            told = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if told in seen:
                yield duplicate(f"{field}.ports[{i}].hostPort", told)
            seen.add(told)


def port_causes(ports: Sequence[Obj], field: str) -> Found:
    """What is wrong with a container's ports."""
    seen: set[str] = set()
    for i, port in enumerate(ports):
        if name := port.get("name"):
            wrong = [invalid(f"{field}[{i}].name", name, why) for why in names.port_name(name)]
            yield from wrong
            if name in seen and not wrong:
                yield duplicate(f"{field}[{i}].name", name)
            seen.add(name)
        number = port.get("containerPort", 0)
        if not number:
            yield required(f"{field}[{i}].containerPort")
        else:
            yield from (invalid(f"{field}[{i}].containerPort", number, why) for why in names.port_number(number))
        if host := port.get("hostPort"):
            yield from (invalid(f"{field}[{i}].hostPort", host, why) for why in names.port_number(host))
        yield from one_of(f"{field}[{i}].protocol", port.get("protocol"), _PROTOCOLS)


def _variable_causes(variables: Sequence[Obj], field: str) -> Found:
    for i, variable in enumerate(variables):
        name = variable.get("name", "")
        if not name:
            yield required(f"{field}[{i}].name")
        elif "=" in name or not name.isascii() or not name.isprintable():
            yield invalid(f"{field}[{i}].name", name, container_sources().VARIABLE_RULE)
        if "valueFrom" in variable:
            yield from container_sources().source_causes(variable, f"{field}[{i}].valueFrom")


def _mount_causes(container: Obj, volumes: Mapping[str, Obj], field: str) -> Found:
    seen: set[str] = set()
    devices = container.get("volumeDevices") or ()
    for i, mount in enumerate(container.get("volumeMounts") or ()):
        name, path = mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            yield required(f"{field}[{i}].name")
        if name not in volumes:
            yield missing(f"{field}[{i}].name", name)
        if not path:
            yield required(f"{field}[{i}].mountPath")
        if path in seen:
            yield invalid(f"{field}[{i}].mountPath", path, "must be unique")
        seen.add(path)
        if any(device.get("name") == name for device in devices):
            yield invalid(f"{field}[{i}].name", name, "must not already exist in volumeDevices")
        if any(device.get("devicePath") == path for device in devices):
            yield invalid(f"{field}[{i}].mountPath", path, "must not already exist as a path in volumeDevices")
        if not _RARE_IN_MOUNTS.isdisjoint(mount):
            yield from _rare_mount_causes(mount, container, field, f"{field}[{i}]")


def _rare_mount_causes(mount: Obj, container: Obj, whole: str, field: str) -> Found:
    """Which of them it is, the real server doesn't say of most."""
    for name in ("subPath", "subPathExpr"):
        if name == "subPathExpr" and mount.get(name) and mount.get("subPath"):
            yield invalid(f"{field}.{name}", mount[name], "subPathExpr and subPath are mutually exclusive")
        if path := mount.get(name):
            yield from container_sources().descending_causes(path, f"{whole}.{name}")
    mode = mount.get("mountPropagation")
    if mode is not None:
        yield from one_of(f"{whole}.mountPropagation", mode, _PROPAGATIONS)
    if mode == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        why = "Bidirectional mount propagation is available only to privileged containers"
        yield forbidden(f"{whole}.mountPropagation", why)
    yield from container_sources().recursion_causes(mount, f"{whole}.recursiveReadOnly")


def resource_causes(resources: Obj, field: str) -> Found:
    """What is wrong with limits and requests."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, value in limits.items():
        yield from _amount_causes(name, value, f"{field}.limits[{name}]")
    for name, value in requests.items():
        yield from _amount_causes(name, value, f"{field}.requests[{name}]")
        if name not in limits:
            if not _is_shared(name):
                yield required(f"{field}.limits", "Limit must be set for non overcommitable resources")
        elif not _is_shared(name) and amount(value) != amount(limits[name]):
            yield invalid(f"{field}.requests", value, f"must be equal to {name} limit of {limits[name]}")
        elif amount(value) > amount(limits[name]):
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            yield invalid(f"{field}.requests", value, why)


def _is_shared(name: str) -> bool:
    """More of it may be allowed than there is."""
    return ("/" not in name or "kubernetes.io/" in name) and not name.startswith("hugepages-")


def _amount_causes(name: str, value: str, field: str) -> Found:
    is_standard = name in _RESOURCES or name.startswith("hugepages-")
    if "/" in name:
        yield from (invalid(field, name, why) for why in names.qualified(name))
    elif not is_standard:
        yield invalid(field, name, "must be a standard resource type or fully qualified")
        yield invalid(field, name, "must be a standard resource for containers")
    if amount(value) < 0:
        yield invalid(field, value, "must be greater than or equal to 0")
