"""What containers may do on their node: privileges, users (pkg/apis/core/validation).

Privileged ones are taken, as in every cluster whose kube-apiserver runs with `--allow-privileged`.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconcilekit.testing.apiserver.validation.causes import Found, Obj, invalid, one_of

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


def security_context_causes(context: Obj, field: str) -> Found:
    """What is wrong with a container's security context."""
    for name in ("runAsUser", "runAsGroup"):
        number = context.get(name)
        if number is not None and not 0 <= number < 2**31:
            yield invalid(f"{field}.{name}", number, _ID_RULE)
    if (of_proc := context.get("procMount")) is not None:
        yield from one_of(f"{field}.procMount", of_proc, _MOUNTS_OF_PROC)
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
