"""The scale subresource: an object's replicas as autoscaling/v1's Scale, read, replaced and patched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from reconcilekit.kube.transport import Response
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.crd.kind import ScalePaths
from reconcilekit.testing.apiserver.encoding import bodies
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.ownership.field_sets import Path
from reconcilekit.testing.apiserver.ownership.tracking import SCALE, Entries, Write
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.tables.values import at, label_selector
from reconcilekit.testing.apiserver.verbs import patching
from reconcilekit.testing.apiserver.verbs.answers import Presenter
from reconcilekit.testing.apiserver.verbs.parameters import write_options
from reconcilekit.testing.apiserver.writing import builtin, identity, naming
from reconcilekit.testing.apiserver.writing.applied import read_built_in
from reconcilekit.testing.apiserver.writing.preconditions import Target
from reconcilekit.testing.apiserver.writing.strategic import StrategicPatch

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.verbs.call import Call

_BUILT_IN = ScalePaths(
    spec_replicas=("spec", "replicas"), status_replicas=("status", "replicas"), label_selector=("spec", "selector")
)


_UNSET = -(2**31)
"""The replicas of a custom object that has none, while its scale is patched."""

_SCHEME = '"pkg/runtime/scheme.go:111"'
"""What the real server calls the list of kinds that a Scale is looked up in."""

_UNREADABLE = f"no kind is registered for the type v1.Scale in scheme {_SCHEME}"
"""What a bad body comes to where the object is a custom one, whatever is wrong with it."""


def answer(call: Call, verb: str) -> Response:
    """Do what the verb says.

    Raises:
        StatusError: the answer is a failure.
    """
    if verb == "get":
        return _shown(call, call.live())
    return _shown(call, _replaced(call) if verb == "update" else _patched(call))


def _replaced(call: Call) -> Stored:
    options = write_options(call.request.query, "UpdateOptions")
    bodies.check_media_type(call.request)
    try:
        obj = call.read_body(options, SCALE)
        target = call.target(options)
        scale = builtin.decoded(attrs.evolve(target, served=SCALE), obj)
    except status.StatusError as error:
        raise status.bad_request(_UNREADABLE) if call.served.is_custom else error from error
    call.check_object(scale)
    naming.check_told_uid(target, call.live().uid, scale["metadata"])
    return _write(call, target, scale)


def _patched(call: Call) -> Stored:
    kind = patching.kind_of(call.request, call.served)
    options = write_options(call.request.query, "PatchOptions", is_apply=kind == "apply")
    target = call.target(options)
    live = scale_of(call.live(), call.served, is_needed=False)
    if kind == "apply":
        return _applied(call, target, live)
    transform = patching.transform_of(kind, call.request, SCALE, strict=options.field_validation != "Ignore")
    made = transform(_owned(call, live))
    strategic = transform.patch if isinstance(transform, StrategicPatch) else None
    if strategic is None:
        _check_patched_kind(made, target)
    of_scale = attrs.evolve(target, served=SCALE, strategic_patch=strategic)
    scale = builtin.decoded(of_scale, made, is_patched=True)
    call.check_object(scale)
    return _write(call, target, scale, is_patched=True)


def _owned(call: Call, scale: dict[str, Any]) -> dict[str, Any]:
    """A Scale with who owns its replicas, as patches see it."""
    entries = call.cluster.ownership.scale_entries(call.live().content, _replicas_paths(call.served))
    return {**scale, "metadata": {**scale["metadata"], "managedFields": entries}} if entries else scale


def _check_patched_kind(made: Mapping[str, Any], target: Target) -> None:
    if not target.served.is_custom:
        patching.check_kind(made, SCALE, target)
        return
    if why := identity.unreadable(made):
        raise patching.undecodable(made, why)
    kind, api_version = made.get("kind") or SCALE.kind, made.get("apiVersion") or ""
    if kind != SCALE.kind or api_version not in (SCALE.api_version, *identity.NO_VERSIONS):
        # A custom kind's Scale is looked up where there are no others.
        why = f"no kind {quoted(kind)} is registered for version {quoted(api_version)} in scheme {_SCHEME}"
        raise patching.undecodable(made, why)


def _applied(call: Call, target: Target, before: Mapping[str, Any]) -> Stored:
    config = bodies.decode_apply(call.request.body or b"", SCALE)
    bodies.check_applied_kind(config, SCALE)
    live, served = call.live(), call.served
    made, entries = call.cluster.ownership.of_scale_apply(
        _tracked(call, target),
        live.content,
        _untyped(before),
        _untyped(config),
        _replicas_paths(served),
        force=target.force,
    )
    scale = read_built_in(SCALE, dict(made), config)
    call.check_applied(target, scale)
    return _write(call, target, scale, entries, is_patched=True)


def _tracked(call: Call, target: Target) -> Write:
    return Write(served=call.served, manager=target.manager, time=call.cluster.storage.timestamp())


def _untyped(scale: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scale.items() if name not in ("kind", "apiVersion")}


def _replicas_paths(served: ResourceType) -> Mapping[str, Path | None]:
    if served.custom is not None:
        found = served.custom.replicas_paths
        return {version: path and tuple(f"f:{name}" for name in path) for version, path in found.items()}
    return {served.api_version: tuple(f"f:{name}" for name in _paths(served).spec_replicas)}


def scale_of(stored: Stored, served: ResourceType, *, is_needed: bool = True) -> dict[str, Any]:
    """An object's Scale.

    Args:
        stored: the object.
        served: its kind.
        is_needed: a custom kind's replicas must be there; else a number stands for them that nobody asks for.

    Raises:
        StatusError: 500 where they aren't.
    """
    paths = _paths(served)
    replicas = at(stored.content, *paths.spec_replicas)
    if replicas is None and served.is_custom:
        if is_needed:
            raise status.internal_error(f'the spec replicas field "{_spec_path(paths)}" does not exist')
        replicas = _UNSET
    current = at(stored.content, *paths.status_replicas) or 0
    shown_status: dict[str, Any] = {"replicas": current}
    if selector := _selector(stored, served, paths):
        shown_status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": _metadata(stored),
        "spec": {"replicas": replicas} if replicas else {},
        "status": shown_status,
    }


def _metadata(stored: Stored) -> dict[str, Any]:
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {name: stored.meta[name] for name in names if stored.meta.get(name)}


def _paths(served: ResourceType) -> ScalePaths:
    return (served.custom.scale if served.custom is not None else None) or _BUILT_IN


def _selector(stored: Stored, served: ResourceType, paths: ScalePaths) -> str:
    found = at(stored.content, *paths.label_selector) if paths.label_selector else None
    if served.is_custom:
        return str(found or "")
    if served.kind == "ReplicationController":
        return label_selector({"matchLabels": found or {}})
    return label_selector(found)


def _shown(call: Call, stored: Stored) -> Response:
    content = _untyped(scale_of(stored, call.served))
    presenter = Presenter(SCALE, call.accepted, call.request.query, call.cluster.clock.now, scaled=call.served)
    return presenter.one(Stored(stored.key, stored.revision, content))


def _write(
    call: Call, target: Target, scale: Mapping[str, Any], entries: Entries | None = None, *, is_patched: bool = False
) -> Stored:
    served, live = call.served, call.live()
    replicas, metadata = at(scale, "spec", "replicas") or 0, dict(scale["metadata"])
    _check_replicas(call, replicas)
    if is_patched:
        _check_uid(call, live, metadata.pop("uid", ""))
    path = _paths(served).spec_replicas
    if entries is None:
        before = scale_of(live, served, is_needed=False)
        entries = call.cluster.ownership.of_scale(
            _tracked(call, target), live.content, _untyped(before), _untyped(scale), _replicas_paths(served)
        )

    def scaled(live: dict[str, Any]) -> dict[str, Any]:
        changed = _with(live, path, replicas)
        told = {name: metadata[name] for name in ("uid", "resourceVersion") if metadata.get(name)}
        told["managedFields"] = entries
        return {**changed, "metadata": {**changed["metadata"], **told}}

    target = attrs.evolve(target, subresource="scale")
    return call.cluster.patch(target, scaled).stored


def _check_replicas(call: Call, replicas: int) -> None:
    if call.served.is_custom:
        # Whether it may be negative is for the object's schema.
        if replicas == _UNSET:
            path = _spec_path(_paths(call.served))
            raise status.bad_request(f'the spec replicas field "{path}" cannot be empty')
    elif replicas < 0:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        cause = Cause(reason="FieldValueInvalid", message=message, field="spec.replicas")
        raise status.invalid(SCALE.group, SCALE.kind, call.route.name, [cause])


def _check_uid(call: Call, live: Stored, wanted: str) -> None:
    """A patch's uid must be the live one; that of a custom object's scale doesn't matter."""
    served = call.served
    if wanted and wanted != live.uid and not served.is_custom:
        why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {live.uid}"
        raise status.conflict(served.group, f"{served.plural}/scale", call.route.name, why)


def _spec_path(paths: ScalePaths) -> str:
    return "." + ".".join(paths.spec_replicas)


def _with(content: dict[str, Any], path: tuple[str, ...], value: int) -> dict[str, Any]:
    if not path:
        return content
    name, rest = path[0], path[1:]
    inner = content.get(name)
    return {**content, name: _with(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}
