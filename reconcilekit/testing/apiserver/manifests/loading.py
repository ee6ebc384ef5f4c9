"""Filling a server with manifests, as `kubectl apply --server-side` would."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from reconcilekit.kube.resource import Resource
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.apiserver.kinds.resources import Registry, ResourceType
from reconcilekit.testing.apiserver.manifests.reading import Manifest, ManifestError
from reconcilekit.testing.apiserver.status import StatusError

FIELD_MANAGER = "reconcilekit-load"

_FIRST = ("CustomResourceDefinition", "Namespace")
_OF_ANOTHER_SERVER = ("uid", "resourceVersion", "managedFields", "selfLink")
"""What the objects of `kubectl get --output yaml` have in their metadata and no other server can take."""

_Dispatch = Callable[[Request], object]


def load(manifests: Iterable[Manifest], registry: Callable[[], Registry], dispatch: _Dispatch) -> None:
    """Apply them: definitions first, then namespaces, then the rest in its order.

    Raises:
        ManifestError: a kind or a namespace is missing, or the server refuses an object.
    """
    for manifest in sorted(manifests, key=_rank):
        _apply(manifest, _type_of(manifest, registry()), dispatch)


def _rank(manifest: Manifest) -> int:
    return _FIRST.index(manifest.kind) if manifest.kind in _FIRST else len(_FIRST)


def _type_of(manifest: Manifest, registry: Registry) -> ResourceType:
    try:
        return registry.of(Resource(manifest.api_version, manifest.kind))
    except (KeyError, ValueError) as error:
        kind = f"{manifest.kind} in {manifest.api_version}"
        raise ManifestError(f"{manifest}: {kind} isn't served; load its CustomResourceDefinition, too") from error


def _apply(manifest: Manifest, served: ResourceType, dispatch: _Dispatch) -> None:
    metadata = {name: value for name, value in manifest.content["metadata"].items() if name not in _OF_ANOTHER_SERVER}
    namespace = ""
    if served.is_namespaced:
        namespace = metadata.setdefault("namespace", "default")
    request = Request(
        method="PATCH",
        path=_path(served, namespace, manifest.name),
        query={"fieldManager": FIELD_MANAGER, "force": "true"},
        headers={"content-type": "application/apply-patch+yaml"},
        body=msgspec.json.encode({**manifest.content, "metadata": metadata}),
    )
    try:
        answer = dispatch(request)
    except StatusError as error:
        raise ManifestError(f"{manifest}: {_explain(error, namespace)}") from error
    if isinstance(answer, Response) and answer.status >= 400:
        raise ManifestError(f"{manifest}: {answer.body.decode(errors='replace')}")


def _path(served: ResourceType, namespace: str, name: str) -> str:
    root = f"/apis/{served.group}/{served.version}" if served.group else f"/api/{served.version}"
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{inside}/{served.plural}/{name}"


def _explain(error: StatusError, namespace: str) -> str:
    if namespace and error.code == 404 and str(error) == f'namespaces "{namespace}" not found':
        cure = "load a manifest of it, too, or set metadata.namespace to one that does"
        return f'Namespace "{namespace}" doesn\'t exist; {cure}'
    return str(error)
