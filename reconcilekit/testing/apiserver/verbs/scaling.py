"""The scale subresource: an object's replicas as autoscaling/v1's Scale, read, replaced and patched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

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
from reconcilekit.testing.apiserver.verbs.parameters import WriteOptions, write_options
from reconcilekit.testing.apiserver.writing import builtin
from reconcilekit.testing.apiserver.writing.preconditions import Target

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.verbs.call import Call

_BUILT_IN = ScalePaths(
    spec_replicas=("spec", "replicas"), status_replicas=("status", "replicas"), label_selector=("spec", "selector")
)


_SCALE = attrs.evolve(SCALE, definition="io.k8s.api.autoscaling.v1.Scale")
"""The same as Go reads it."""

_SCHEME = '"pkg/runtime/scheme.go:111"'
"""What the real server calls the list of kinds that a custom kind's Scale is looked up in."""

_UNSET = -(2**31)
"""How many replicas a custom object has that says nothing of them."""


def answer(call: Call, verb: str) -> Response:
    """Do what the verb says.

    Raises:
        StatusError: the answer is a failure.
    """
    if verb == "get":
        return _shown(call.live(), call.served)
    if verb == "update":
        options = write_options(call.request.query, "UpdateOptions")
        bodies.check_media_type(call.request)
        scale = _sent(call, options)
        call.check_object(scale)
        return _shown(_write(call, call.target(options), scale), call.served)
    kind = patching.kind_of(call.request, call.served)
    options = write_options(call.request.query, "PatchOptions", is_apply=kind == "apply")
    target = call.target(options)
    live = scale_of(call.live(), call.served, is_needed=False)
    if kind == "apply":
        return _shown(_apply(call, target, live), call.served)
    transform = patching.transform_of(kind, call.request, _SCALE, strict=options.field_validation != "Ignore")
    made = transform(live)
    _check_patched(made)
    scale = builtin.decoded(attrs.evolve(target, served=_SCALE), made, is_patched=True)
    call.check_object(scale)
    return _shown(_write(call, target, scale), call.served)


def _sent(call: Call, options: WriteOptions) -> dict[str, Any]:
    """The Scale in a body.

    Raises:
        StatusError: 400; of a custom kind's it isn't told why.
    """
    try:
        obj = call.read_body(options, _SCALE)
        return builtin.decoded(attrs.evolve(call.target(options), served=_SCALE), obj)
    except status.StatusError as error:
        if not call.served.is_custom:
            raise
        raise status.bad_request(f"no kind is registered for the type v1.Scale in scheme {_SCHEME}") from error


def _check_patched(made: Mapping[str, Any]) -> None:
    kind, api_version = made.get("kind", "Scale"), made.get("apiVersion", "autoscaling/v1")
    if (kind, api_version) != ("Scale", "autoscaling/v1"):
        why = f"no kind {quoted(kind)} is registered for version {quoted(api_version)} in scheme {_SCHEME}"
        raise patching.undecodable(made, why)


def _apply(call: Call, target: Target, before: Mapping[str, Any]) -> Stored:
    config = bodies.decode_apply(call.request.body or b"", SCALE)
    bodies.check_applied_kind(config, SCALE)
    live, served = call.live(), call.served
    scale, entries = call.cluster.ownership.of_scale_apply(
        _tracked(call, target),
        live.content,
        _untyped(before),
        _untyped(config),
        _replicas_paths(served),
        force=target.force,
    )
    call.check_object(scale)
    return _write(call, target, scale, entries)


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
        is_needed: a custom kind's replicas must be there.

    Raises:
        StatusError: 500 where they aren't.
    """
    paths = _paths(served)
    replicas = at(stored.content, *paths.spec_replicas)
    if replicas is None and served.is_custom and is_needed:
        path = "." + ".".join(paths.spec_replicas)
        raise status.internal_error(f'the spec replicas field "{path}" does not exist')
    if replicas is None and served.is_custom:
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


def _shown(stored: Stored, served: ResourceType) -> Response:
    body = msgspec.json.encode(scale_of(stored, served))
    return Response(status=200, headers={"content-type": status.JSON}, body=body)


def _write(call: Call, target: Target, scale: Mapping[str, Any], entries: Entries | None = None) -> Stored:
    served = call.served
    replicas = at(scale, "spec", "replicas") or 0
    live = call.live()
    if served.is_custom and replicas == _UNSET:
        where = "." + ".".join(_paths(served).spec_replicas)
        raise status.bad_request(f'the spec replicas field "{where}" cannot be empty')
    if replicas < 0 and not served.is_custom:
        raise _negative(call, replicas)
    metadata = at(scale, "metadata") or {}
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


def _with(content: dict[str, Any], path: tuple[str, ...], value: int) -> dict[str, Any]:
    if not path:
        return content
    name, rest = path[0], path[1:]
    inner = content.get(name)
    return {**content, name: _with(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


def _negative(call: Call, replicas: int) -> status.StatusError:
    message = f"Invalid value: {replicas}: must be greater than or equal to 0"
    cause = Cause(reason="FieldValueInvalid", message=message, field="spec.replicas")
    return status.invalid("autoscaling", "Scale", call.route.name, [cause])
