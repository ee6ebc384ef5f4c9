"""What a path names."""

from __future__ import annotations

import functools

import attrs

from reconcilekit.kube.resource import ObjectKey


@attrs.frozen(kw_only=True)
class Route:
    """A path under /api/v1 or /apis/group/version, taken apart as k8s.io/apiserver's RequestInfo does.

    Attributes:
        group: "" for the core group.
        plural: "" where the path names the version as a whole.
        namespace: "" for cluster-scoped objects and for all namespaces.
        name: "" where the path names a collection.
        subresource: "" for the object itself.
        is_watch: the path itself asks to watch, as paths did before there was a parameter.
        is_too_long: there is more than a subresource.
    """

    group: str
    version: str
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    is_watch: bool = False
    is_too_long: bool = False

    @property
    def key(self) -> ObjectKey:
        """The object that the path names."""
        return ObjectKey(self.namespace, self.name)

    @property
    def is_of_version(self) -> bool:
        """The path names the version as a whole."""
        return not self.plural and not self.name


_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@functools.lru_cache(maxsize=1024)
def parse_route(path: str) -> Route | None:
    """The route, None for paths that are no resource's."""
    match path.strip("/").split("/"):
        case ["api", version, *rest]:
            group = ""
        case ["apis", "", *_]:
            return None
        case ["apis", group, version, *rest]:
            pass
        case _:
            return None
    is_watch = len(rest) > 1 and rest[0] == "watch"
    rest = rest[1:] if is_watch else rest
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in _NAMESPACE_SUBRESOURCES:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "", "")[:3]
    return Route(
        group=group,
        version=version,
        plural=plural,
        namespace=namespace,
        name=name,
        subresource=subresource,
        is_watch=is_watch,
        is_too_long=len(rest) > 3,
    )
