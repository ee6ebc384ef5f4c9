"""What a client accepts: the media type of the answer, and what objects are turned into for it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from reconcilekit.testing.apiserver import status

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
MEDIA_TYPES = (JSON, YAML, PROTOBUF)
PROTOBUF_MAGIC = b"k8s\0"
"""What every body in protobuf's envelope (runtime.Unknown) begins with."""

_STREAMED = tuple(f"{name};stream=watch" for name in (JSON, PROTOBUF))

_TRANSFORMS = frozenset({"Table", "PartialObjectMetadata", "PartialObjectMetadataList"})
_BROWSERS = ("curl", "Wget", "Mozilla/5.0")


@attrs.frozen(kw_only=True)
class Accepted:
    """The representation that the Accept header asks for first, of those that we have.

    Attributes:
        media_type: JSON, YAML or PROTOBUF.
        transform: what objects become: "Table", "PartialObjectMetadata" and so on; "" leaves them as they are.
        version: of the transform: "v1", "v1beta1", "v2".
        is_pretty: indented.
    """

    media_type: str = JSON
    transform: str = ""
    version: str = ""
    is_pretty: bool = False

    @property
    def stream_type(self) -> str:
        """The media type of a watch."""
        return f"{PROTOBUF};stream=watch" if self.media_type == PROTOBUF else self.media_type

    @property
    def is_table(self) -> bool:
        """A Table is wanted."""
        return self.transform == "Table"

    @property
    def is_aggregated_discovery(self) -> bool:
        """The groups, their versions and resources are wanted in one document."""
        return self.transform == "APIGroupDiscoveryList"

    @property
    def meta_version(self) -> str:
        """The apiVersion of what objects become."""
        return f"meta.k8s.io/{self.version}"


PLAIN = Accepted()


@attrs.frozen
class _Clause:
    media_type: str
    parameters: Mapping[str, str]


def negotiate(
    accept: str, *, is_watch: bool = False, is_list: bool = False, is_lenient: bool = False, has_tables: bool = True
) -> Accepted:
    """Choose a representation of objects.

    Args:
        accept: the header.
        is_watch: the answer is a stream, of which there's no YAML.
        is_list: it may become one, so the path offers those, too.
        is_lenient: for custom kinds, whose paths have no list of media types of their own to refuse by, and which
            have no protobuf but for their metadata.
        has_tables: False for what is asked and answered, of which nobody makes tables.

    Raises:
        StatusError: 406 where there's none that both know.
    """
    if not accept or accept == JSON:
        return PLAIN
    if not is_lenient:
        check_listed(accept, (*MEDIA_TYPES, *_STREAMED) if is_watch or is_list else MEDIA_TYPES)
    for clause in _clauses(accept):
        for offered in MEDIA_TYPES:
            if _matches(clause.media_type, offered) and (found := _accepted(clause.parameters, offered)):
                if (is_lenient and offered == PROTOBUF and not found.transform) or (found.is_table and not has_tables):
                    continue
                if is_watch and offered == YAML:
                    raise not_acceptable(_STREAMED)
                return found
    raise not_acceptable(_STREAMED if is_watch else MEDIA_TYPES)


def negotiate_discovery(accept: str) -> Accepted:
    """Choose a representation of discovery.

    Raises:
        StatusError: 406.
    """
    if not accept or accept == JSON:
        return PLAIN
    for clause in _clauses(accept):
        for offered in MEDIA_TYPES:
            if not _matches(clause.media_type, offered):
                continue
            told = clause.parameters
            transform, version = told.get("as", ""), told.get("v", "")
            if not transform and not version:
                return Accepted(media_type=offered, is_pretty=told.get("pretty") == "1")
            if offered == JSON and (transform, version) == ("APIGroupDiscoveryList", "v2"):
                return Accepted(transform=transform, version=version)
    raise not_acceptable(MEDIA_TYPES)


def is_pretty(query: Mapping[str, str], user_agent: str) -> bool:
    """Whether a request's answer is indented: by its parameter, or because a human looks at it."""
    if text := query.get("pretty"):
        return text in ("1", "t", "T", "true", "TRUE", "True")
    return user_agent.startswith(_BROWSERS)


def not_acceptable(offered: tuple[str, ...]) -> status.StatusError:
    """406 about what the objects' own encodings are."""
    message = f"only the following media types are accepted: {', '.join(offered)}"
    return status.StatusError(406, message, reason="NotAcceptable")


def check_listed(accept: str, listed: tuple[str, ...] = MEDIA_TYPES) -> None:
    """Paths of built-in kinds are routed by media type first, and there "application/*" is none.

    Raises:
        StatusError: 406.
    """
    if not accept:
        return
    named = {clause.partition(";")[0].strip() for clause in accept.split(",")}
    if not named & {"*/*", *MEDIA_TYPES}:
        raise status.not_acceptable(listed)


def _clauses(accept: str) -> list[_Clause]:
    weighed = []
    for text in accept.split(","):
        media_type, *told = (part.strip() for part in text.split(";"))
        parameters = {name.strip(): value.strip().strip('"') for name, _, value in (p.partition("=") for p in told)}
        weighed.append((-_quality(parameters.pop("q", "1")), _Clause(media_type, parameters)))
    return [clause for _, clause in sorted(weighed, key=lambda pair: pair[0])]


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _matches(wanted: str, offered: str) -> bool:
    return wanted in (offered, "*/*", "application/*")


def _accepted(told: Mapping[str, str], media_type: str) -> Accepted | None:
    if told.get("sv") or told.get("stream", "watch") not in ("", "watch"):
        return None
    pretty = told.get("pretty") == "1"
    if not any(name in told for name in ("as", "g", "v")):
        return Accepted(media_type=media_type, is_pretty=pretty)
    transform, version = told.get("as", ""), told.get("v", "")
    if told.get("g") != "meta.k8s.io" or version not in ("v1", "v1beta1") or transform not in _TRANSFORMS:
        return None
    if (media_type, transform) == (PROTOBUF, "Table"):
        return None
    return Accepted(media_type=media_type, transform=transform, version=version, is_pretty=pretty)
