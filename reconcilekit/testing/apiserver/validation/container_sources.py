"""What containers take their variables from, their devices and their claims (pkg/apis/core/validation)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    forbidden,
    invalid,
    missing,
    one_of,
    required,
    unsupported,
)

VARIABLE_RULE = "a valid environment variable name must consist only of printable ASCII characters other than '='"

_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_POD_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
"""What a variable may take over of its pod."""
_OTHER_FIELDS = ("metadata.labels", "metadata.annotations")
_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")
_RESOURCES = tuple(
    f"{kind}.{name}" for kind in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
)
_HUGE = tuple(f"{kind}.hugepages-" for kind in ("limits", "requests"))
_SIZES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_DIVISORS: Mapping[str, tuple[Collection[str], str]] = {
    "cpu": (("1m", "1"), "only divisor's values 1m and 1 are supported with the cpu resource"),
    "memory": (_SIZES, f"only divisor's values {', '.join(_SIZES)} are supported with the memory resource"),
}


def is_variable(name: str) -> bool:
    """True for what may name a variable, or begin its name."""
    return bool(name) and "=" not in name and name.isascii() and name.isprintable()


def source_causes(variable: Obj, field: str) -> Found:
    """What is wrong with where a variable's value comes from."""
    source = variable["valueFrom"]
    told = [name for name in _SOURCES if name in source]
    for name in told:
        yield from _one_source_causes(name, source[name], f"{field}.{name}")
    if not told:
        listed = ", ".join(f"`{name}`" for name in _SOURCES[:-1])
        yield invalid(field, "", f"must specify one of: {listed} or `{_SOURCES[-1]}`")
    elif variable.get("value"):
        yield invalid(field, "", "may not be specified when `value` is not empty")
    elif len(told) > 1:
        yield invalid(field, "", "may not have more than one field specified at a time")


def _one_source_causes(kind: str, told: Obj, field: str) -> Found:
    if kind == "fieldRef":
        yield from _field_causes(told, field)
    elif kind == "resourceFieldRef":
        yield from _amount_causes(told, field)
    elif kind == "fileKeyRef":
        yield from _file_causes(told, field)
    else:
        name, key = told.get("name", ""), told.get("key", "")
        yield from (invalid(f"{field}.name", name, why) for why in (names.subdomain(name)))
        if not key:
            yield required(f"{field}.key")
        yield from (invalid(f"{field}.key", key, why) for why in (names.config_key(key) if key else ()))


def _field_causes(ref: Obj, field: str) -> Found:
    path, version = ref.get("fieldPath", ""), ref.get("apiVersion", "")
    keyed = _KEYED.fullmatch(path)
    if not path:
        yield required(f"{field}.fieldPath")
    elif version != "v1":
        yield invalid(f"{field}.fieldPath", path, f"error converting fieldPath: unsupported pod version: {version}")
    elif keyed:
        key = keyed[2].lower() if keyed[1] == "annotations" else keyed[2]
        yield from (invalid(field, key, why) for why in names.qualified(key))
    elif path in _OTHER_FIELDS:
        yield unsupported(f"{field}.fieldPath", path, _POD_FIELDS)
    elif path not in _POD_FIELDS:
        why = f"error converting fieldPath: field label not supported: {path}"
        yield invalid(f"{field}.fieldPath", path, why)


def _amount_causes(ref: Obj, field: str) -> Found:
    resource, divisor = ref.get("resource", ""), ref.get("divisor", "0")
    if not resource:
        yield required(f"{field}.resource")
    elif resource not in _RESOURCES and not resource.startswith(_HUGE):
        yield unsupported(f"{field}.resource", resource, _RESOURCES)
    name = resource.rpartition(".")[2]
    known, why = _DIVISORS.get(name, (None, ""))
    if known is not None and divisor not in ("0", *known):
        yield invalid(f"{field}.divisor", resource, why)


def _file_causes(ref: Obj, field: str) -> Found:
    key, volume, path = (ref.get(name, "") for name in ("key", "volumeName", "path"))
    for name, value in (("key", key), ("volumeName", volume), ("path", path)):
        if not value:
            yield required(f"{field}.{name}")
        elif name == "key" and not is_variable(value):
            yield invalid(f"{field}.{name}", value, VARIABLE_RULE)
        elif name == "volumeName":
            yield from (invalid(f"{field}.{name}", value, why) for why in names.label(value))
        elif name == "path":
            yield from backstep_causes(value, f"{field}.{name}")


def all_source_causes(sources: Sequence[Obj], field: str) -> Found:
    """What is wrong with what a container takes all variables of."""
    for i, source in enumerate(sources):
        prefix = source.get("prefix", "")
        if prefix and not is_variable(prefix):
            yield invalid(f"{field}[{i}].prefix", prefix, VARIABLE_RULE)
        told = [name for name in ("configMapRef", "secretRef") if name in source]
        for kind in told:
            name = source[kind].get("name", "")
            if not name:
                yield required(f"{field}[{i}].{kind}.name")
            else:
                problems = names.subdomain(names.of_prefix(name))
                yield from (invalid(f"{field}[{i}].{kind}.name", name, why) for why in problems)
        if not told:
            yield invalid(field, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(told) > 1:
            yield invalid(field, "", "may not have more than one field specified at a time")


def device_causes(container: Obj, volumes: Mapping[str, Obj], field: str) -> Found:
    """What is wrong with the devices of a container."""
    mounts = container.get("volumeMounts") or ()
    mounted, mounted_at = ({mount.get(name, "") for mount in mounts} for name in ("name", "mountPath"))
    seen: set[str] = set()
    paths: set[str] = set()
    for i, device in enumerate(container.get("volumeDevices") or ()):
        name, path, inner = device.get("name", ""), device.get("devicePath", ""), f"{field}[{i}]"
        yield from _device_name_causes(name, seen, volumes, f"{inner}.name")
        if not path:
            yield required(f"{inner}.devicePath")
        if path in paths:
            yield invalid(f"{inner}.devicePath", path, "must be unique")
        if ".." in path.split("/"):
            yield invalid(f"{inner}.devicePath", path, "can not contain backsteps ('..')")
        else:
            paths.add(path)
        if name in mounted:
            yield invalid(f"{inner}.name", name, "must not already exist in volumeMounts")
        if path in mounted_at:
            yield invalid(f"{inner}.devicePath", path, "must not already exist as a path in volumeMounts")
        if name:
            seen.add(name)


def _device_name_causes(name: str, seen: Collection[str], volumes: Mapping[str, Obj], field: str) -> Found:
    if not name:
        yield required(field)
    if name in seen:
        yield invalid(field, name, "must be unique")
    if name not in volumes:
        yield missing(field, name)
    elif not volumes[name].keys() & {"persistentVolumeClaim", "ephemeral"}:
        why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        yield invalid(field, name, why)


def claim_causes(claims: Sequence[Obj], known: Collection[str], field: str) -> Found:
    """What is wrong with the claims of its Pod that a container uses.

    Args:
        claims: those.
        known: the names that the Pod has, in order, each once.
        field: where.
    """
    seen: set[str] = set()
    taken_in_part: set[str] = set()
    listed = f": {', '.join(known)}" if known else " which is empty"
    for i, claim in enumerate(claims):
        name, request, inner = claim.get("name", ""), claim.get("request", ""), f"{field}[{i}]"
        if not name:
            yield required(inner)
            continue
        key = f"{name}/{request}" if request else name
        if name in seen:
            yield duplicate(inner, name)
        else:
            yield from (invalid(f"{inner}.request", request, why) for why in (names.label(request) if request else ()))
            if key in seen or (not request and name in taken_in_part):
                yield duplicate(inner, key)
            seen.add(key)
            if "/" in key:
                taken_in_part.add(key.partition("/")[0])
        if name not in known:
            message = f"{missing(inner, name).message}: must be one of the names in pod.spec.resourceClaims{listed}"
            yield Cause(reason="FieldValueNotFound", message=message, field=inner)


def backstep_causes(path: str, field: str) -> Found:
    """What is wrong with a path that may not lead upwards."""
    if ".." in path.split("/"):
        yield invalid(field, path, "must not contain '..'")


def descending_causes(path: str, field: str) -> Found:
    """What is wrong with a path that has to stay below where it begins."""
    if path.startswith("/"):
        yield invalid(field, path, "must be a relative path")
    yield from backstep_causes(path, field)


def recursion_causes(mount: Obj, field: str) -> Found:
    """What is wrong with a mount whose inner mounts are to be read alone, too."""
    mode = mount.get("recursiveReadOnly")
    if mode in (None, "Disabled"):
        return
    if mode not in ("Enabled", "IfPossible"):
        yield from one_of(field, mode, ("Disabled", "Enabled", "IfPossible"))
        return
    if not mount.get("readOnly"):
        yield forbidden(field, "may only be specified when readOnly is true")
    if mount.get("mountPropagation") not in (None, "None"):
        yield forbidden(field, "may only be specified when mountPropagation is None or not specified")
