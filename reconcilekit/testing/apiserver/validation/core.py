"""ConfigMaps, Secrets, Services, volumes' claims (pkg/apis/core/validation)."""

from __future__ import annotations

import base64
import ipaddress
import json

from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.validation import names
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    duplicate,
    forbidden,
    immutable,
    invalid,
    one_of,
    required,
    unsupported,
)

MAX_DATA = 1024 * 1024
"""Bytes of a ConfigMap's or Secret's data."""

_FROZEN = "field is immutable when `immutable` is set"
_FIXED_CLAIM = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)
_NEEDED_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
}
_DOCKER = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")
_ACCOUNT = "kubernetes.io/service-account.name"
_SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_ADDRESS_RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def config_map_causes(config_map: Obj, old: Obj | None) -> Found:
    """What is wrong with a ConfigMap."""
    if old is not None and old.get("immutable"):
        yield from _frozen_causes(config_map, old, ("data", "binaryData"))
    binary = config_map.get("binaryData") or {}
    for key in config_map.get("data") or {}:
        for why in names.config_key(key):
            yield invalid(f"data[{key}]", key, why)
        if key in binary:
            yield invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    for key in binary:
        yield from (invalid(f"binaryData[{key}]", key, why) for why in names.config_key(key))
    yield from _size_causes(config_map, "[]")


def _frozen_causes(obj: Obj, old: Obj, fields: tuple[str, ...]) -> Found:
    if not obj.get("immutable"):
        yield forbidden("immutable", _FROZEN)
    yield from (forbidden(name, _FROZEN) for name in fields if obj.get(name) != old.get(name))


def _size_causes(obj: Obj, field: str) -> Found:
    plain = sum(map(len, (obj.get("data") or {}).values()))
    binary = sum(map(len, (obj.get("binaryData") or {}).values()))
    if plain + binary > MAX_DATA:
        yield Cause(reason="FieldValueTooLong", message=f"Too long: may not be more than {MAX_DATA} bytes", field=field)


def secret_causes(secret: Obj, old: Obj | None) -> Found:
    """What is wrong with a Secret."""
    if old is not None:
        yield from immutable("type", old.get("type"), secret.get("type"))
        if old.get("immutable"):
            yield from _frozen_causes(secret, old, ("data",))
    data = secret.get("data") or {}
    for key in data:
        yield from (invalid(f"data[{key}]", key, why) for why in names.config_key(key))
    yield from _size_causes(secret, "data")
    kind = secret["type"]
    missing = [key for key in _NEEDED_KEYS.get(kind, ()) if key not in data]
    yield from (required(f"data[{key}]") for key in missing)
    if kind in _DOCKER and not missing:
        yield from _docker_causes(data, _NEEDED_KEYS[kind][0])
    if kind == "kubernetes.io/basic-auth" and not data.keys() & {"username", "password"}:
        yield from (required(f"data[{key}]") for key in ("username", "password"))
    if kind == "kubernetes.io/service-account-token" and not (secret["metadata"].get("annotations") or {}).get(
        _ACCOUNT
    ):
        yield required(f"metadata.annotations[{_ACCOUNT}]")


def _docker_causes(data: Obj, key: str) -> Found:
    text = base64.b64decode(data[key]).decode(errors="replace")
    try:
        json.loads(text)
    except ValueError:
        why = (
            f"invalid character '{text[:1]}' looking for beginning of value" if text else "unexpected end of JSON input"
        )
        yield invalid(f"data[{key}]", "<secret contents redacted>", why)


def service_causes(service: Obj, old: Obj | None) -> Found:
    """What is wrong with a Service."""
    spec = service["spec"]
    kind, ports = spec["type"], spec.get("ports") or []
    is_headless = spec.get("clusterIP") == "None"
    if not ports and not is_headless and kind != "ExternalName":
        yield required("spec.ports")
    if kind == "ExternalName":
        yield from _external_name_causes(spec)
    for i, port in enumerate(ports):
        yield from _service_port_causes(port, f"spec.ports[{i}]", {p.get("name") for p in ports[:i]}, len(ports) > 1)
    yield from names.labels(spec.get("selector"), "spec.selector")
    yield from one_of("spec.sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None"))
    yield from one_of("spec.type", kind, _SERVICE_TYPES)
    yield from _same_port_causes(ports)
    is_external = kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs"))
    if (policy := spec.get("externalTrafficPolicy")) is not None and not is_external and kind in _SERVICE_TYPES:
        yield invalid("spec.externalTrafficPolicy", policy, "may only be set for externally-accessible services")
    yield from _address_causes(spec, old["spec"] if old is not None else None)


def _external_name_causes(spec: Obj) -> Found:
    name = spec.get("externalName", "").removesuffix(".")
    if not name:
        yield required("spec.externalName")
    else:
        yield from (invalid("spec.externalName", name, why) for why in names.subdomain(name))


def _service_port_causes(port: Obj, field: str, before: set[str | None], is_named: bool) -> Found:
    name, number, target = port.get("name", ""), port.get("port", 0), port.get("targetPort", 0)
    if not name:
        if is_named:
            yield required(f"{field}.name")
    else:
        yield from (invalid(f"{field}.name", name, why) for why in names.label(name))
        if name in before:
            yield duplicate(f"{field}.name", name)
    yield from (invalid(f"{field}.port", number, why) for why in names.port_number(number))
    if port["protocol"] not in _PROTOCOLS:
        yield unsupported(f"{field}.protocol", port["protocol"], _PROTOCOLS)
    wrong = names.port_number(target) if isinstance(target, int) else names.port_name(target)
    yield from (invalid(f"{field}.targetPort", target, why) for why in wrong)


def _same_port_causes(ports: list[Obj]) -> Found:
    seen: set[tuple[object, object]] = set()
    for i, port in enumerate(ports):
        key = (port["protocol"], port.get("port", 0))
        if key in seen:
            shown = {
                "Name": "",
                "Protocol": key[0],
                "AppProtocol": None,
                "Port": key[1],
                "TargetPort": 0,
                "NodePort": 0,
            }
            yield duplicate(f"spec.ports[{i}]", shown)
        seen.add(key)


def _address_causes(spec: Obj, old: Obj | None) -> Found:
    addresses = spec.get("clusterIPs") or [spec["clusterIP"]] if spec.get("clusterIP") else []
    for i, address in enumerate(addresses):
        if address != "None" and not is_address(address):
            yield invalid(f"spec.clusterIPs[{i}]", address, _ADDRESS_RULE)
    before = (old or {}).get("clusterIPs")
    after = spec.get("clusterIPs")
    stays = old is not None and old["type"] != "ExternalName" and spec["type"] != "ExternalName"
    if stays and before and after and before != after:
        yield invalid("spec.clusterIPs[0]", after, "may not change once set")


def is_address(text: str) -> bool:
    """True for an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(text: str) -> bool:
    """True for an address that leads back to the machine."""
    return is_address(text) and ipaddress.ip_address(text).is_loopback


def claim_causes(claim: Obj, old: Obj | None) -> Found:
    """What is wrong with a PersistentVolumeClaim."""
    spec = claim["spec"]
    if old is not None:
        free = ("resources", "volumeAttributesClassName", "volumeName")
        if any(spec.get(name) != old["spec"].get(name) for name in {*spec, *old["spec"]} - set(free)):
            yield forbidden("spec", _FIXED_CLAIM)
        return
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    if "storage" not in (spec.get("resources") or {}).get("requests", {}):
        yield required("spec.resources[storage]")


_PLAIN_VOLUME = frozenset(
    {
        "capacity", "accessModes", "claimRef", "persistentVolumeReclaimPolicy", "storageClassName", "mountOptions",
        "volumeMode", "nodeAffinity", "volumeAttributesClassName",
    }
)  # fmt: skip
"""What a PersistentVolume's spec has besides its source."""


def volume_causes(volume: Obj, old: Obj | None) -> Found:
    """What is wrong with a PersistentVolume."""
    spec = volume["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes")
    if not spec.get("capacity"):
        yield required("spec.capacity")
    if list(spec.get("capacity") or ()) != ["storage"]:
        yield unsupported("spec.capacity", spec.get("capacity"), ["storage"])
    if not spec.keys() - _PLAIN_VOLUME:
        yield required("spec", "must specify a volume type")
