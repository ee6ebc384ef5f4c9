"""What containers may do on their node: privileges, users (pkg/apis/core/validation).

Privileged ones are taken, as in every cluster whose kube-apiserver runs with `--allow-privileged`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    invalid,
    one_of,
    required,
    too_long,
)
from reconcilekit.testing.apiserver.validation.container_sources import descending_causes

_ID_RULE = "must be between 0 and 2147483647, inclusive"
_MOUNTS_OF_PROC = ("Default", "Unmasked")
_ALL_RIGHTS = "CAP_SYS_ADMIN"
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "capabilities": ("add", "drop"),
    "privileged": (),
    "seLinuxOptions": ("user", "role", "type", "level"),
    "windowsOptions": ("gmsaCredentialSpecName", "gmsaCredentialSpec", "runAsUserName", "hostProcess"),
    "runAsUser": (),
    "runAsGroup": (),
    "runAsNonRoot": (),
    "readOnlyRootFilesystem": (),
    "allowPrivilegeEscalation": (),
    "procMount": (),
    "seccompProfile": ("type", "localhostProfile"),
    "appArmorProfile": ("type", "localhostProfile"),
}
"""The fields of a security context and of what is in them, in the order of Go's structs."""

_NEVER_NULL = frozenset({"user", "role", "type", "level"})
_ABBREVIATED = {"seLinuxOptions": "SELinuxOptions", "gmsa": "GMSA"}


_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_POLICIES: Mapping[str, tuple[str, ...]] = {
    "supplementalGroupsPolicy": ("Merge", "Strict"),
    "seLinuxChangePolicy": ("MountOption", "Recursive"),
}
_SYSCTL = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_MOST_SYSCTL, _MOST_PROFILE = 253, 4095
_NOT_OURS = "may not be specified when '{}' is true"


def security_context_causes(context: Obj, field: str, *, has_host_users: bool) -> Found:
    """What is wrong with a container's security context."""
    yield from _id_causes(context, ("runAsUser", "runAsGroup"), field)
    if (of_proc := context.get("procMount")) is not None:
        yield from one_of(f"{field}.procMount", of_proc, _MOUNTS_OF_PROC)
        if of_proc == "Unmasked" and has_host_users:
            yield invalid(f"{field}.procMount", of_proc, "`hostUsers` must be false to use `Unmasked`")
    yield from _seccomp_causes(context.get("seccompProfile"), f"{field}.seccompProfile")
    yield from _escalation_causes(context, field)
    yield from _app_armor_causes(context.get("appArmorProfile"), f"{field}.appArmorProfile")


def pod_context_causes(context: Obj, spec: Obj, field: str) -> Found:
    """What is wrong with the security context of a whole Pod."""
    yield from _id_causes(context, ("fsGroup", "runAsUser", "runAsGroup"), field)
    for i, group in enumerate(context.get("supplementalGroups") or ()):
        yield from _id_causes({"": group}, ("",), f"{field}.supplementalGroups[{i}]")
    yield from _sysctl_causes([told.get("name", "") for told in context.get("sysctls") or ()], spec, f"{field}.sysctls")
    if (change := context.get("fsGroupChangePolicy")) is not None:
        yield from one_of(f"{field}.fsGroupChangePolicy", change, ("Always", "OnRootMismatch"))
    yield from _seccomp_causes(context.get("seccompProfile"), f"{field}.seccompProfile")
    yield from _app_armor_causes(context.get("appArmorProfile"), f"{field}.appArmorProfile")
    for name, known in _POLICIES.items():
        if context.get(name) is not None:
            yield from one_of(f"{field}.{name}", context[name], known)


def _id_causes(context: Obj, ids: Sequence[str], field: str) -> Found:
    for name in ids:
        number = context.get(name)
        if number is not None and not 0 <= number < 2**31:
            yield invalid(f"{field}.{name}".rstrip("."), number, _ID_RULE)


def _sysctl_causes(told: Sequence[str], spec: Obj, field: str) -> Found:
    seen: set[str] = set()
    for i, name in enumerate(told):
        inner = f"{field}[{i}].name"
        if not name:
            yield required(inner)
        elif len(name) > _MOST_SYSCTL or not re.fullmatch(_SYSCTL, name):
            yield invalid(inner, name, f"must have at most {_MOST_SYSCTL} characters and match regex ^{_SYSCTL}$")
        elif name in seen:
            yield duplicate(inner, name)
        seen.add(name)
        dotted = name.replace("/", ".")
        if spec.get("hostNetwork") and dotted.startswith("net."):
            yield invalid(inner, name, _NOT_OURS.format("hostNetwork"))
        if spec.get("hostIPC") and dotted.startswith(("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")):
            yield invalid(inner, name, _NOT_OURS.format("hostIPC"))


def _seccomp_causes(profile: Obj | None, field: str) -> Found:
    if profile is None:
        return
    kind, path = profile.get("type", ""), profile.get("localhostProfile")
    if not kind:
        yield required(f"{field}.type", "type is required when seccompProfile is set")
    else:
        yield from one_of(f"{field}.type", kind, _PROFILES)
    if kind != "Localhost":
        if path is not None:
            shown = {"Type": kind, "LocalhostProfile": path}
            yield invalid(f"{field}.localhostProfile", shown, "can only be set when seccomp type is Localhost")
    elif path is None:
        yield required(f"{field}.localhostProfile", "must be set when seccomp type is Localhost")
    else:
        yield from descending_causes(path, f"{field}.localhostProfile")


def _app_armor_causes(profile: Obj | None, field: str) -> Found:
    if profile is None:
        return
    kind, path = profile.get("type", ""), profile.get("localhostProfile")
    if not kind:
        yield required(f"{field}.type", "type is required when appArmorProfile is set")
    else:
        yield from one_of(f"{field}.type", kind, _PROFILES)
    field = f"{field}.localhostProfile"
    if kind in _PROFILES[1:] and path is not None:
        yield invalid(field, path, "can only be set when AppArmor type is Localhost")
    if kind != "Localhost":
        return
    if not path:
        yield required(field, "must be set when AppArmor type is Localhost")
    elif path.strip() != path:
        yield invalid(field, path, "must not be padded with whitespace")
    yield from too_long(field, path or "", _MOST_PROFILE)


def _escalation_causes(context: Obj, field: str) -> Found:
    if context.get("allowPrivilegeEscalation") is not False:
        return
    refused = ["`privileged` to true"] if context.get("privileged") else []
    added = (context.get("capabilities") or {}).get("add") or ()
    refused += ["`capabilities.Add` CAP_SYS_ADMIN" for each in added if each == _ALL_RIGHTS]
    for what in refused:
        yield invalid(field, _as_struct(context), f"cannot set `allowPrivilegeEscalation` to false and {what}")


def _as_struct(context: Obj) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, inner in _FIELDS.items():
        value = context.get(name)
        if inner and value is not None:
            value = {_go_name(each): value.get(each, "" if each in _NEVER_NULL else None) for each in inner}
        found[_go_name(name)] = value
    return found


def _go_name(name: str) -> str:
    for json_name, go_name in _ABBREVIATED.items():
        if name.startswith(json_name):
            return go_name + name.removeprefix(json_name)
    return name[:1].upper() + name[1:]
