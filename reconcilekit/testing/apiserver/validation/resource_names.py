"""The names of resources, and how much there may be of one (pkg/apis/core/validation, pkg/apis/core/helper)."""

from __future__ import annotations

from fractions import Fraction

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.schema.mistakes import DecodeError
from reconcilekit.testing.apiserver.schema.quantities import parse_quantity, whole_value
from reconcilekit.testing.apiserver.validation.causes import Found, invalid

_CONTAINERS = ("cpu", "memory", "ephemeral-storage")
_OBJECTS = frozenset(
    {
        "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps",
        "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
    }
)  # fmt: skip
_QUOTAS = frozenset(
    {*_OBJECTS, *_CONTAINERS, *(f"{way}.{name}" for way in ("requests", "limits") for name in _CONTAINERS)}
    | {"requests.storage"}
)
_PAGES = "hugepages-"
_REQUESTS = "requests."


def amount(text: str | None) -> Fraction:
    """What a quantity comes to; what is none is told elsewhere, and is 0 here."""
    try:
        return parse_quantity(text)
    except DecodeError:
        return Fraction(0)


def whole_amount(text: str, *, millis: bool = False) -> int:
    """What a quantity comes to in 64 bits, see `whole_value`; what is none is 0."""
    try:
        return whole_value(text, millis=millis)
    except DecodeError:
        return 0


def is_native(name: str) -> bool:
    """True of what isn't made by somebody else."""
    return "/" not in name or "kubernetes.io/" in name


def is_shared(name: str) -> bool:
    """True if more of it may be allowed than there is."""
    return is_native(name) and not name.startswith(_PAGES)


def is_quota(name: str) -> bool:
    """True of what a quota knows without a domain."""
    return name in _QUOTAS or name.startswith((_PAGES, _REQUESTS + _PAGES))


def _is_extended(name: str) -> bool:
    return not is_native(name) and not name.startswith(_REQUESTS) and not names.qualified(_REQUESTS + name)


def name_causes(name: str, field: str) -> Found:
    """What is wrong with a resource's name, whatever it is for."""
    wrong = names.qualified(name)
    yield from (invalid(field, name, why) for why in wrong)
    if not wrong and "/" not in name and name != "storage" and not is_quota(name):
        yield invalid(field, name, "must be a standard resource type or fully qualified")


def container_name_causes(name: str, field: str) -> Found:
    """What is wrong with the name of what a container has."""
    yield from name_causes(name, field)
    if "/" not in name:
        if name not in _CONTAINERS and not name.startswith(_PAGES):
            yield invalid(field, name, "must be a standard resource for containers")
    elif not is_native(name) and not _is_extended(name):
        yield invalid(field, name, "doesn't follow extended resource name standard")


def quota_name_causes(name: str, field: str) -> Found:
    """What is wrong with the name of what a quota limits."""
    yield from name_causes(name, field)
    if "/" not in name and not is_quota(name):
        yield invalid(field, name, "must be a standard resource for quota")


def amount_causes(name: str, value: str, field: str) -> Found:
    """What is wrong with how much there is of a resource."""
    told = amount(value)
    if told < 0:
        yield invalid(field, value, "must be greater than or equal to 0")
    if (name in _OBJECTS or _is_extended(name)) and told.denominator != 1:
        yield invalid(field, value, "must be an integer")
