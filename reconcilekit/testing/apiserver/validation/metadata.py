"""Every object's metadata (apimachinery's api/validation)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, bytes_in, invalid, required
from reconcilekit.testing.apiserver.validation.selectors import label_causes

MAX_ANNOTATIONS = 256 * 1024
"""Bytes of all annotations, keys and values."""

STANDARD_FINALIZERS = ("orphan", "foregroundDeletion", "kubernetes")

_ADMISSION: Final = "admissionregistration.k8s.io"

FREE_FINALIZERS: Final = frozenset(
    {
        ("", "events"),
        (_ADMISSION, "mutatingadmissionpolicies"),
        (_ADMISSION, "mutatingadmissionpolicybindings"),
        (_ADMISSION, "mutatingwebhookconfigurations"),
        (_ADMISSION, "validatingadmissionpolicies"),
        (_ADMISSION, "validatingadmissionpolicybindings"),
        (_ADMISSION, "validatingwebhookconfigurations"),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
        ("apiregistration.k8s.io", "apiservices"),
        ("coordination.k8s.io", "leases"),
        ("node.k8s.io", "runtimeclasses"),
        ("policy", "poddisruptionbudgets"),
    }
)
"""Built-in kinds whose finalizers need no domain, by group and plural; those of custom kinds need none either."""

NameRule = Callable[[str], Iterator[str]]


def path_segment(name: str) -> Iterator[str]:
    """What is wrong with a name that may hold all that fits in a URL: RBAC's."""
    if name in (".", ".."):
        yield f"may not be '{name}'"
    yield from (f"may not contain '{part}'" for part in ("/", "%") if part in name)


def behind_signer(name: str) -> Iterator[str]:
    """What is wrong with a name that may begin with that of a signer, as in "example.com:signer:name"."""
    return names.subdomain(name.rpartition(":")[2])


def metadata_causes(metadata: Obj, rule: NameRule, *, is_new: bool) -> Found:
    """What is wrong with an object's metadata.

    Args:
        metadata: the object's.
        rule: of its name.
        is_new: its name is looked at, too.
    """
    if is_new and metadata.get("generateName"):
        prefix = metadata["generateName"]
        problems = rule(prefix if rule is path_segment else names.of_prefix(prefix))
        yield from (invalid("metadata.generateName", prefix, why) for why in problems)
    name = metadata.get("name", "")
    if is_new and not name:
        yield required("metadata.name", "name or generateName is required")
    elif is_new:
        yield from (invalid("metadata.name", name, why) for why in rule(name))
    yield from common_causes(metadata)
    if finalizers := metadata.get("finalizers"):
        yield from _finalizer_causes(finalizers)


def common_causes(metadata: Obj) -> Found:
    """What is wrong with the parts that are looked at with every object, and once more with every change of one."""
    if labels := metadata.get("labels"):
        yield from label_causes(labels, "metadata.labels")
    if annotations := metadata.get("annotations"):
        yield from annotation_causes(annotations, "metadata.annotations")
    if owners := metadata.get("ownerReferences"):
        yield from _owner_causes(owners)


def annotation_causes(annotations: Obj, field: str) -> Found:
    """What is wrong with an object's or a template's annotations."""
    for key in annotations:
        yield from (invalid(field, key, why) for why in names.qualified(key.lower()))
    if sum(bytes_in(key) + bytes_in(value) for key, value in annotations.items()) > MAX_ANNOTATIONS:
        message = f"Too long: may not be more than {MAX_ANNOTATIONS} bytes"
        yield Cause(reason="FieldValueTooLong", message=message, field=field)


def _owner_causes(owners: Sequence[Obj]) -> Found:
    field, leader = "metadata.ownerReferences", ""
    for i, owner in enumerate(owners):
        version = owner.get("apiVersion", "")
        if version.count("/") > 1 or version.endswith("/"):
            yield invalid(f"{field}[{i}].apiVersion", version, "must be <group>/<version> or <version>")
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                yield required(f"{field}[{i}].{name}", "must not be empty")
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            yield invalid(f"{field}[{i}]", _in_go_order(owner), "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            this = f"{owner.get('kind')}/{owner.get('name')}"
            if leader:
                pair = f'Found "true" in references for {leader} and {this}'
                told = [_in_go_order(owner) for owner in owners]
                yield invalid(field, told, f"Only one reference can have Controller set to true. {pair}")
            leader = this


def _in_go_order(owner: Obj) -> Obj:
    """An owner as the struct that it is writes itself."""
    names = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
    return {name: owner[name] for name in names if name in owner}


def _finalizer_causes(finalizers: Sequence[str]) -> Found:
    field = "metadata.finalizers"
    for name in finalizers:
        yield from (invalid(field, name, why) for why in names.qualified(name))
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        yield invalid(field, finalizers, "finalizer orphan and foregroundDeletion cannot be both set")


def domain_causes(metadata: Obj) -> Found:
    """Which finalizers lack the domain that most built-in kinds ask for."""
    for i, name in enumerate(metadata.get("finalizers") or ()):
        if "/" not in name and name not in STANDARD_FINALIZERS:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid(f"metadata.finalizers[{i}]", name, why)


def finalizer_warnings(metadata: Obj, old: Obj | None) -> Iterator[str]:
    """What the server warns of in a custom object's new finalizers."""
    known = () if old is None else old.get("finalizers") or ()
    for name in sorted(set(metadata.get("finalizers") or ()).difference(known)):
        yield from (f"metadata.finalizers: {quoted(name)}: {why}" for why in names.qualified(name))
        if "/" not in name and name not in STANDARD_FINALIZERS:
            form = "including a path (/) " if "." in name else ""
            why = f"prefer a domain-qualified finalizer name {form}to avoid accidental conflicts with other finalizer"
            yield f"metadata.finalizers: {quoted(name)}: {why} writers"


def reference_causes(reference: Obj, field: str) -> Found:
    """What is wrong with a reference to an object of any kind."""
    rules = (("apiGroup", names.subdomain), ("kind", path_segment), ("name", path_segment))
    for name, rule in rules:
        told = reference.get(name)
        if told:
            yield from (invalid(f"{field}.{name}", told, why) for why in rule(told))
        elif name != "apiGroup":
            yield required(f"{field}.{name}")
