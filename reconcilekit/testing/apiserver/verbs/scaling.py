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
from reconcilekit.testing.apiserver.go_text import json_type
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.ownership.field_sets import Path
from reconcilekit.testing.apiserver.ownership.tracking import SCALE, Entries, Write
from reconcilekit.testing.apiserver.status import Cause
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.tables.values import at, label_selector
from reconcilekit.testing.apiserver.verbs import patching
from reconcilekit.testing.apiserver.verbs.parameters import write_options
from reconcilekit.testing.apiserver.writing.preconditions import Target

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.verbs.call import Call

_BUILT_IN = ScalePaths(
    spec_replicas=("spec", "replicas"), status_replicas=("status", "replicas"), label_selector=("spec", "selector")
)


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
        scale = bodies.decode_object(call.request.body or b"", SCALE, call.request)
        _check_kind(scale)
        _check_name(call, scale)
        target = call.target(options)
        return _shown(_write(call, target, scale), call.served)
    kind = patching.kind_of(call.request, call.served)
    options = write_options(call.request.query, "PatchOptions", is_apply=kind == "apply")
    target = call.target(options)
    live = scale_of(call.live(), call.served, is_needed=False)
    if kind == "apply":
        return _shown(_apply(call, target, live), call.served)
    transform = patching.transform_of(kind, call.request, SCALE, strict=options.field_validation != "Ignore")
    scale = transform(live)
    _check_name(call, scale)
    return _shown(_write(call, target, scale), call.served)


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
    _check_name(call, scale)
    return _write(call, target, scale, entries)


def _tracked(call: Call, target: Target) -> Write:
    return Write(served=call.served, manager=target.manager, time=call.cluster.storage.timestamp())


def _untyped(scale: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scale.items() if name not in ("kind", "apiVersion")}


def _replicas_paths(served: ResourceType) -> dict[str, Path | None]:
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


def _check_kind(scale: Mapping[str, Any]) -> None:
    kind, api_version = scale.get("kind", "Scale"), str(scale.get("apiVersion", "autoscaling/v1"))
    if kind != "Scale":
        version = api_version.rpartition("/")[2]
        raise status.bad_request(
            f'{kind} in version "{version}" cannot be handled as a Scale: converting ({version}.{kind}) to '
            "(autoscaling.Scale): unknown conversion"
        )


def _check_name(call: Call, scale: Mapping[str, Any]) -> None:
    name, wanted = at(scale, "metadata", "name"), call.route.name
    if not name:
        why = "name must be provided"
        raise status.bad_request(f"the name of the object ({wanted} based on URL) was undeterminable: {why}")
    if name != wanted:
        raise status.bad_request(f"the name of the object ({name}) does not match the name on the URL ({wanted})")


def _write(call: Call, target: Target, scale: Mapping[str, Any], entries: Entries | None = None) -> Stored:
    served = call.served
    replicas = at(scale, "spec", "replicas") or 0
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        found = json_type(replicas)
        why = f"json: cannot unmarshal {found} into Go struct field ScaleSpec.spec.replicas of type int32"
        raise patching.undecodable(scale, why)
    if replicas < 0:
        raise _negative(call, replicas)
    metadata = at(scale, "metadata") or {}
    path = _paths(served).spec_replicas

    if entries is None:
        before = scale_of(call.live(), served, is_needed=False)
        entries = call.cluster.ownership.of_scale(
            _tracked(call, target), call.live().content, _untyped(before), _untyped(scale), _replicas_paths(served)
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
    if call.served.is_custom:
        message, field = f"Invalid value: {replicas}: should be a non-negative integer", ".spec.replicas"
        group, kind = call.served.group, call.served.kind
    else:
        message, field = f"Invalid value: {replicas}: must be greater than or equal to 0", "spec.replicas"
        group, kind = "autoscaling", "Scale"
    cause = Cause(reason="FieldValueInvalid", message=message, field=field)
    return status.invalid(group, kind, call.route.name, [cause])
