"""What a whole Pod may be told besides its containers and volumes (pkg/apis/core/validation)."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
    too_long,
)
from reconcilekit.testing.apiserver.validation.containers import resource_causes
from reconcilekit.testing.apiserver.validation.ip_addresses import ip_causes

_MOST_SERVERS, _MOST_SEARCHES, _MOST_SEARCHED = 3, 32, 2048
_MOST_HOST_NAME = 64
_SEARCHED = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*"
_SEARCH_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must "
    f"start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SEARCHED}')"
)
_CLAIMED = ("resourceClaimName", "resourceClaimTemplateName")


def claim_causes(claims: Sequence[Obj], field: str) -> Found:
    """What is wrong with the claims of resources."""
    seen: set[str] = set()
    for i, claim in enumerate(claims):
        name, inner = claim.get("name", ""), f"{field}[{i}]"
        if not name:
            yield required(f"{inner}.name")
        elif name in seen:
            yield duplicate(f"{inner}.name", name)
        else:
            yield from (invalid(f"{inner}.name", name, why) for why in names.label(name))
        seen.add(name)
        told = [each for each in _CLAIMED if claim.get(each) is not None]
        shown = {"Name": name} | {each[:1].upper() + each[1:]: claim.get(each) for each in _CLAIMED}
        if len(told) > 1:
            why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            yield invalid(inner, shown, why)
        if not told:
            yield invalid(inner, shown, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
        for each in told:
            yield from (invalid(f"{inner}.{each}", claim[each], why) for why in names.subdomain(claim[each]))


def host_port_causes(spec: Obj, field: str, *, is_pod: bool) -> Found:
    """What is wrong with the ports of containers in the Node's network."""
    for i, container in enumerate(spec.get("containers") or ()):
        for j, port in enumerate(container.get("ports") or ()):
            on_host, inside = port.get("hostPort", 0), port.get("containerPort", 0)
            if (is_pod or on_host) and on_host != inside:
                why = "must match `containerPort` when `hostNetwork` is true"
                yield invalid(f"{field}.containers[{i}].ports[{j}].hostPort", on_host, why)


def dns_causes(config: Obj | None, policy: str, field: str) -> Found:
    """What is wrong with where names are looked up."""
    servers = (config or {}).get("nameservers") or ()
    if policy == "None" and config is None:
        yield required(field, "must provide `dnsConfig` when `dnsPolicy` is None")
        return
    if policy == "None" and not servers:
        yield required(f"{field}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")
        return
    if config is None:
        return
    if len(servers) > _MOST_SERVERS:
        yield invalid(f"{field}.nameservers", servers, f"must not have more than {_MOST_SERVERS} nameservers")
    for i, server in enumerate(servers):
        yield from ip_causes(server, f"{field}.nameservers[{i}]")
    yield from _search_causes(config.get("searches") or (), f"{field}.searches")
    for i, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            yield required(f"{field}.options[{i}]", "must not be empty")


def _search_causes(searches: Sequence[str], field: str) -> Found:
    if len(searches) > _MOST_SEARCHES:
        yield invalid(field, searches, f"must not have more than {_MOST_SEARCHES} search paths")
    if len(" ".join(searches).encode()) > _MOST_SEARCHED:
        why = f"must not have more than {_MOST_SEARCHED} characters (including spaces) in the search list"
        yield invalid(field, searches, why)
    for i, search in enumerate(searches):
        name = search.removesuffix(".")
        if search == ".":
            continue
        if len(name) > 253:
            yield invalid(f"{field}[{i}]", name, "must be no more than 253 characters")
        if not re.fullmatch(_SEARCHED, name):
            yield invalid(f"{field}[{i}]", name, _SEARCH_RULE)


def readiness_causes(gates: Sequence[Obj], field: str) -> Found:
    """What is wrong with the conditions that a Pod is ready with."""
    for i, gate in enumerate(gates):
        kind = gate.get("conditionType", "")
        yield from (invalid(f"{field}[{i}].conditionType", kind, why) for why in names.qualified(kind))


def hosted_causes(spec: Obj, field: str) -> Found:
    """What is wrong with what a Pod shares with its Node, and with the name that it has there."""
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid(f"{field}.shareProcessNamespace", True, why)
    if spec.get("hostUsers") is False:
        for name, shown in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
            if spec.get(name):
                yield forbidden(f"{field}.{shown}", "when `hostUsers` is false")
    told = spec.get("hostnameOverride")
    if told is None:
        return
    for other in ("setHostnameAsFQDN", "hostNetwork"):
        if spec.get(other):
            yield forbidden(f"{field}.hostnameOverride", f"may not be specified when {other} is true")
    yield from too_long(f"{field}.hostnameOverride", told, _MOST_HOST_NAME)
    yield from (invalid(f"{field}.hostnameOverride", told, why) for why in names.subdomain(told))


def name_causes(spec: Obj, field: str) -> Found:
    """What is wrong with the name of a Pod's host."""
    for part in ("hostname", "subdomain"):
        if host := spec.get(part):
            yield from (invalid(f"{field}.{part}", host, why) for why in names.label(host))


def late_causes(spec: Obj, field: str) -> Found:
    """What is wrong with what comes last."""
    for i, alias in enumerate(spec.get("hostAliases") or ()):
        yield from ip_causes(alias.get("ip", ""), f"{field}.hostAliases[{i}].ip")
        for j, host in enumerate(alias.get("hostnames") or ()):
            inner = f"{field}.hostAliases[{i}].hostnames[{j}]"
            yield from (invalid(inner, host, why) for why in names.subdomain(host))
    for part in ("priorityClassName", "runtimeClassName"):
        name = spec.get(part)
        if name is not None and (name or part == "runtimeClassName"):
            yield from (invalid(f"{field}.{part}", name, why) for why in names.subdomain(name))
    if (preemption := spec.get("preemptionPolicy")) is not None:
        if not preemption:
            yield required(f"{field}.preemptionPolicy")
        else:
            yield from one_of(f"{field}.preemptionPolicy", preemption, ("PreemptLowerPriority", "Never"))
    if overhead := spec.get("overhead"):
        yield from resource_causes({"limits": overhead}, f"{field}.overhead")
    if (system := spec.get("os")) is not None:
        if not system.get("name"):
            yield required(f"{field}.os.name")
        else:
            yield from one_of(f"{field}.os", system["name"], ("linux", "windows"))


def file_causes(spec: Obj, field: str) -> Found:
    """What is wrong with the volumes that variables' files are in."""
    volumes = {volume.get("name", ""): volume for volume in spec.get("volumes") or ()}
    for kind in ("initContainers", "containers"):
        for i, container in enumerate(spec.get(kind) or ()):
            for j, variable in enumerate(container.get("env") or ()):
                ref = (variable.get("valueFrom") or {}).get("fileKeyRef")
                if ref is None:
                    continue
                name, inner = ref.get("volumeName", ""), f"{field}.{kind}[{i}].env[{j}].valueFrom.fileKeyRef.volumeName"
                if name not in volumes:
                    yield missing(inner, name)
                elif "emptyDir" not in volumes[name]:
                    yield invalid(inner, name, "referenced volume must be of type emptyDir")
