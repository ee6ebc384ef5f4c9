"""ConfigMaps, Secrets, volumes (pkg/apis/core/validation)."""

from __future__ import annotations

import base64
import json

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.validation.causes import (
    Found,
    Obj,
    forbidden,
    immutable,
    invalid,
    required,
    unsupported,
)

MAX_DATA = 1024 * 1024
"""Bytes of a ConfigMap's or Secret's data."""

_FROZEN = "field is immutable when `immutable` is set"
_NEEDED_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
}
_DOCKER = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")
_ACCOUNT = "kubernetes.io/service-account.name"


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
    yield from _size_causes(config_map, "[]", is_text=True)


def _frozen_causes(obj: Obj, old: Obj, fields: tuple[str, ...]) -> Found:
    if not obj.get("immutable"):
        yield forbidden("immutable", _FROZEN)
    yield from (forbidden(name, _FROZEN) for name in fields if obj.get(name) != old.get(name))


def _size_causes(obj: Obj, field: str, *, is_text: bool) -> Found:
    data, binary = (obj.get("data") or {}).values(), (obj.get("binaryData") or {}).values()
    size = len("".join(data).encode()) if is_text else sum(map(_bytes_encoded, data))
    size += sum(map(_bytes_encoded, binary))
    if size > MAX_DATA:
        yield Cause(reason="FieldValueTooLong", message=f"Too long: may not be more than {MAX_DATA} bytes", field=field)


def _bytes_encoded(text: str) -> int:
    """How many bytes base64 stands for."""
    return len(text) // 4 * 3 - text.count("=", -2)


def secret_causes(secret: Obj, old: Obj | None) -> Found:
    """What is wrong with a Secret."""
    if old is not None:
        yield from immutable("type", old.get("type"), secret.get("type"))
        if old.get("immutable"):
            yield from _frozen_causes(secret, old, ("data",))
    data = secret.get("data") or {}
    for key in data:
        yield from (invalid(f"data[{key}]", key, why) for why in names.config_key(key))
    yield from _size_causes(secret, "data", is_text=False)
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
