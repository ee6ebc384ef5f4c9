"""Containers: names, images, ports, variables, mounts, resources, probes (pkg/apis/core/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    forbidden,
    invalid,
    missing,
    not_negative,
    one_of,
    required,
)
from reconcilekit.testing.apiserver.validation.resource_names import amount

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage"})
_VARIABLE_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_POD_FIELDS = frozenset(
    {
        "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
        "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
    }
)  # fmt: skip
"""What a variable may take over of its pod."""


def container_list_causes(containers: Sequence[Obj], volumes: set[str], field: str) -> Found:
    """What is wrong with the containers of a pod."""
    if not containers:
        yield required(field)
    seen: set[str] = set()
    for i, container in enumerate(containers):
        yield from container_causes(container, volumes, seen, f"{field}[{i}]")


def container_causes(container: Obj, volumes: set[str], seen: set[str], field: str) -> Found:
    """What is wrong with one of them; `seen` has the names of those before it."""
    name = container.get("name", "")
    if not name:
        yield required(f"{field}.name")
    else:
        yield from (invalid(f"{field}.name", name, why) for why in names.label(name))
    if name and name in seen:
        yield duplicate(f"{field}.name", name)
    seen.add(name)
    image = container.get("image", "")
    if not image:
        yield required(f"{field}.image")
    yield from _lifecycle_causes(container, field)
    yield from one_of(f"{field}.terminationMessagePolicy", container.get("terminationMessagePolicy"), _MESSAGE_POLICIES)
    yield from port_causes(container.get("ports") or (), f"{field}.ports")
    yield from _variable_causes(container.get("env") or (), f"{field}.env")
    mounts, context = container.get("volumeMounts") or (), container.get("securityContext") or {}
    yield from _mount_causes(mounts, volumes, f"{field}.volumeMounts")
    yield from _propagation_causes(mounts, context, f"{field}.volumeMounts")
    yield from one_of(f"{field}.imagePullPolicy", container.get("imagePullPolicy"), _PULL_POLICIES)
    yield from resource_causes(container.get("resources") or {}, f"{field}.resources")
    if context:
        from reconcilekit.testing.apiserver.validation.security_contexts import security_context_causes

        yield from security_context_causes(context, f"{field}.securityContext")


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
            why = "a valid environment variable name must consist only of printable ASCII characters other than '='"
            yield invalid(f"{field}[{i}].name", name, why)
        if "valueFrom" in variable:
            yield from _source_causes(variable, f"{field}[{i}].valueFrom")


def _source_causes(variable: Obj, field: str) -> Found:
    source = variable["valueFrom"]
    told = [name for name in _VARIABLE_SOURCES if name in source]
    if told[:1] == ["fieldRef"]:
        yield from _field_causes(source["fieldRef"], f"{field}.fieldRef")
    for name in ("configMapKeyRef", "secretKeyRef"):
        if name in source and not source[name].get("key"):
            yield required(f"{field}.{name}.key")
    if not told:
        listed = ", ".join(f"`{name}`" for name in _VARIABLE_SOURCES[:-1])
        yield invalid(field, "", f"must specify one of: {listed} or `{_VARIABLE_SOURCES[-1]}`")
    elif variable.get("value"):
        yield invalid(field, "", "may not be specified when `value` is not empty")
    elif len(told) > 1:
        yield invalid(field, "", "may not have more than one field specified at a time")


def _field_causes(ref: Obj, field: str) -> Found:
    path = ref.get("fieldPath", "")
    if not path:
        yield required(f"{field}.fieldPath")
    elif path not in _POD_FIELDS and not re.fullmatch(r"metadata\.(labels|annotations)\['.+'\]", path):
        why = f"error converting fieldPath: field label not supported: {path}"
        yield invalid(f"{field}.fieldPath", path, why)


def _mount_causes(mounts: Sequence[Obj], volumes: set[str], field: str) -> Found:
    seen: set[str] = set()
    for i, mount in enumerate(mounts):
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
        if mount.get("subPath") and mount.get("subPathExpr"):
            why = "subPathExpr and subPath are mutually exclusive"
            yield invalid(f"{field}[{i}].subPathExpr", mount["subPathExpr"], why)


def _propagation_causes(mounts: Sequence[Obj], context: Obj, field: str) -> Found:
    """What is wrong with mounts that others on the node are to see."""
    for mount in mounts:
        if mount.get("mountPropagation") == "Bidirectional" and not context.get("privileged"):
            # The real server doesn't say which mount.
            why = "Bidirectional mount propagation is available only to privileged containers"
            yield forbidden(f"{field}.mountPropagation", why)


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


def _lifecycle_causes(container: Obj, field: str) -> Found:
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            yield from _probe_causes(container[name], f"{field}.{name}")
    for name, handler in (container.get("lifecycle") or {}).items():
        if name in ("postStart", "preStop"):
            yield from _handler_causes(handler, f"{field}.lifecycle.{name}", more=("sleep",))


def _probe_causes(probe: Obj, field: str) -> Found:
    yield from _handler_causes(probe, field)
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        yield from not_negative(f"{field}.{name}", probe.get(name))


def _handler_causes(handler: Obj, field: str, more: tuple[str, ...] = ()) -> Found:
    told = [name for name in (*_HANDLERS, *more) if name in handler]
    if not told:
        yield required(field, "must specify a handler type")
    for name in told[:1]:
        yield from _action_causes(name, handler[name], f"{field}.{name}")
    yield from (forbidden(f"{field}.{name}", "may not specify more than 1 handler type") for name in told[1:])


def _action_causes(name: str, action: Obj, field: str) -> Found:
    if name == "exec" and not action.get("command"):
        yield required(f"{field}.command")
    if name in ("httpGet", "tcpSocket"):
        port = action.get("port", 0)
        wrong: Iterator[str] = names.port_number(port) if isinstance(port, int) else names.port_name(port)
        yield from (invalid(f"{field}.port", port, why) for why in wrong)
