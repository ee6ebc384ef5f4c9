"""The documents of discovery, in both forms, as plain data: no I/O, no decisions.

Aggregated (KEP-3352): `/api` and `/apis` each answer with every kind of every group version. Legacy: they answer with
names, and each group version has a document of its own.
"""

from __future__ import annotations

import re
from urllib.parse import quote

import attrs
import msgspec

from reconcilekit.kube.resource import ObjectKey, Resource, is_nameable

AGGREGATED_ACCEPT = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)
"""v2 is served since 1.30, v2beta1 since 1.26; older servers answer in the legacy form."""


@attrs.frozen(kw_only=True)
class ResourceInfo:
    """What discovery knows of a kind.

    Attributes:
        resource: apiVersion and kind.
        plural: as it stands in paths: "deployments".
        namespaced: whether its objects live in namespaces.
        has_status: whether its status is a subresource, written by itself.
        verbs: what the server lets be done with it: "list", "watch", ...
    """

    resource: Resource
    plural: str
    namespaced: bool
    has_status: bool = False
    verbs: frozenset[str] = frozenset()
    _root: str = attrs.field(init=False, repr=False, eq=False)

    @_root.default
    def _make_root(self) -> str:
        return version_path(self.resource.api_version)

    def collection_path(self, namespace: str | None = None) -> str:
        """The path of all objects, or of those of one namespace; names are escaped."""
        if namespace and self.namespaced:
            return f"{self._root}/namespaces/{_segment(namespace)}/{self.plural}"
        return f"{self._root}/{self.plural}"

    def object_path(self, key: ObjectKey, *, subresource: str = "") -> str:
        """The path of one object or of its subresource; names are escaped."""
        path = f"{self.collection_path(key.namespace)}/{_segment(key.name)}"
        return f"{path}/{subresource}" if subresource else path


def version_path(api_version: str) -> str:
    """Where a group version lives: "/apis/apps/v1", "/api/v1"."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _segment(name: str) -> str:
    # RBAC names hold colons; the rest of what may stand in a path (RFC 3986, pchar) needs no escape either.
    # The match is there because nearly every name passes it, at a seventh of the price of `quote`.
    return name if _plain_segment(name) else quote(name, safe=":@!$&'()*+,;=~")


_plain_segment = re.compile(r"[A-Za-z0-9._:-]+").fullmatch


class UnreadableDocumentError(ValueError):
    """The answer isn't a discovery document, in neither form."""


@attrs.frozen(kw_only=True)
class RootDocument:
    """What `/api` or `/apis` says.

    Attributes:
        infos: every kind of the current group versions; empty in the legacy form.
        current: the group versions that `infos` tells all of.
        stale: group versions that are listed although their backend doesn't answer.
        unread: group versions of which only the name is known: the legacy form.
    """

    infos: tuple[ResourceInfo, ...] = ()
    current: frozenset[str] = frozenset()
    stale: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()


def parse_root(body: bytes) -> RootDocument:
    """Read the answer of `/api` or `/apis`, in whichever form it came.

    Raises:
        UnreadableDocumentError: it is in neither.
    """
    try:
        root = _decode_root(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableDocumentError(f"This isn't a discovery document: {error}") from error
    if root.kind == "APIGroupDiscoveryList" and root.items is not None:
        return _aggregated_root(root.items)
    if root.kind == "APIVersions" and root.versions is not None:
        return RootDocument(unread=frozenset(root.versions))
    if root.kind == "APIGroupList" and root.groups is not None:
        return RootDocument(unread=frozenset(each.group_version for group in root.groups for each in group.versions))
    raise UnreadableDocumentError(f"This isn't a discovery document: its kind is {root.kind!r}")


def parse_version(api_version: str, body: bytes) -> tuple[ResourceInfo, ...]:
    """Read the legacy document of one group version.

    Raises:
        UnreadableDocumentError: it isn't one.
    """
    try:
        listed = _decode_version(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableDocumentError(f"This isn't the resource list of {api_version}: {error}") from error
    if listed.kind != "APIResourceList":
        raise UnreadableDocumentError(f"This isn't the resource list of {api_version}: its kind is {listed.kind!r}")
    names = {each.name for each in listed.resources}
    return tuple(
        ResourceInfo(
            resource=Resource(api_version, each.kind),
            plural=each.name,
            namespaced=each.namespaced,
            has_status=f"{each.name}/status" in names,
            verbs=frozenset(each.verbs or ()),
        )
        for each in listed.resources
        if "/" not in each.name and is_nameable(api_version, each.kind)
    )


def _aggregated_root(groups: tuple[_Group, ...]) -> RootDocument:
    infos: list[ResourceInfo] = []
    current: set[str] = set()
    stale: set[str] = set()
    for group in groups:
        for version in group.versions:
            name = group.metadata.name
            api_version = f"{name}/{version.version}" if name else version.version
            (stale if version.freshness == "Stale" else current).add(api_version)
            infos.extend(
                _aggregated_info(api_version, each)
                for each in version.resources or ()
                if each.response_kind and is_nameable(api_version, each.response_kind.kind)
            )
    return RootDocument(infos=tuple(infos), current=frozenset(current), stale=frozenset(stale))


def _aggregated_info(api_version: str, listed: _Listed) -> ResourceInfo:
    assert listed.response_kind is not None
    return ResourceInfo(
        resource=Resource(api_version, listed.response_kind.kind),
        plural=listed.resource,
        namespaced=listed.scope == "Namespaced",
        has_status=any(each.subresource == "status" for each in listed.subresources or ()),
        verbs=frozenset(listed.verbs or ()),
    )


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""


class _Subresource(msgspec.Struct, frozen=True):
    subresource: str


class _Listed(msgspec.Struct, frozen=True, rename="camel"):
    resource: str
    scope: str = ""
    response_kind: _Kind | None = None
    verbs: tuple[str, ...] | None = None
    subresources: tuple[_Subresource, ...] | None = None


class _Version(msgspec.Struct, frozen=True):
    version: str
    freshness: str = "Current"
    resources: tuple[_Listed, ...] | None = None


class _Name(msgspec.Struct, frozen=True):
    name: str = ""


class _Group(msgspec.Struct, frozen=True):
    metadata: _Name = _Name()
    versions: tuple[_Version, ...] = ()


class _LegacyVersion(msgspec.Struct, frozen=True, rename="camel"):
    group_version: str


class _LegacyGroup(msgspec.Struct, frozen=True):
    versions: tuple[_LegacyVersion, ...] = ()


class _Root(msgspec.Struct, frozen=True):
    kind: str
    items: tuple[_Group, ...] | None = None
    versions: tuple[str, ...] | None = None
    groups: tuple[_LegacyGroup, ...] | None = None


class _LegacyResource(msgspec.Struct, frozen=True):
    name: str
    kind: str
    namespaced: bool = False
    verbs: tuple[str, ...] | None = None


class _LegacyResources(msgspec.Struct, frozen=True):
    kind: str = ""
    resources: tuple[_LegacyResource, ...] = ()


_decode_root = msgspec.json.Decoder(_Root).decode
_decode_version = msgspec.json.Decoder(_LegacyResources).decode
