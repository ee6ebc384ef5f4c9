"""Reading what clients send, and saying as the server does what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from reconcilekit.errors import LostAnswerError
from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.encoding.negotiation import JSON, MEDIA_TYPES, PROTOBUF, PROTOBUF_MAGIC, YAML
from reconcilekit.testing.apiserver.go_text import json_type
from reconcilekit.testing.apiserver.json_values import is_too_deep, may_be_too_deep, with_whole_numbers
from reconcilekit.testing.apiserver.kinds.resources import ResourceType

TYPE_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
SCHEME = 'in scheme "pkg/runtime/scheme.go:111"'
LONG_NUMBER = re.compile(rb"[0-9]{19}")
_ENDLESS = 300
_ENDLESS_NUMBER = re.compile(rb"[0-9]{%d}" % _ENDLESS)
_SURROGATES = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_ESCAPED_QUOTE = b"\\u0022"
_LONE = re.compile("[\ud800-\udfff]")
_TOO_DEEP = "exceeded max depth"
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf';\s*({_WORD})\s*=\s*(?:{_WORD}|"(?:\\.|[^"\\])*")\s*')
_PARAMETERS = re.compile(rf"\s*(?:{_PARAMETER.pattern})*;?\s*")


def check_media_type(request: Request) -> None:
    """Refuse bodies in encodings that aren't read.

    Raises:
        StatusError: 415.
    """
    if _media_type(request) not in MEDIA_TYPES:
        raise status.unknown_format()


def _media_type(request: Request) -> str:
    """The media type of a body, "" for a header that can't be read."""
    told = request.headers.get("content-type", "")
    name, mark, parameters = told.partition(";")
    if mark and not _are_parameters(mark + parameters):
        return ""
    return name.strip().lower() or ("" if mark else JSON)


def _are_parameters(text: str) -> bool:
    """Whether Go's `mime.ParseMediaType` reads them: each with a name of its own and a value, the last one or none."""
    if not _PARAMETERS.fullmatch(text):
        return False
    names = [name.lower() for name in _PARAMETER.findall(text)]
    return len(names) == len(set(names))


def decode_object(body: bytes, served: ResourceType, request: Request) -> dict[str, Any]:
    """An object as JSON, YAML or protobuf; null fields are as good as absent ones.

    Raises:
        StatusError: 400.
    """
    media_type = _media_type(request)
    if media_type == PROTOBUF or body.startswith(PROTOBUF_MAGIC):
        return _decode_protobuf(body, served)
    sent = body
    if media_type == YAML:
        body = _yaml_as_json(body, served)
    decoded = _decode(body, served, sent)
    if served.is_custom and not decoded.get("kind"):
        said = f"Object 'Kind' is missing in '{body.decode(errors='replace')}'"
        raise _unrecognized(sent, served, said)
    if served.is_custom and (told := str(decoded.get("apiVersion"))).count("/") > 1:
        raise _unrecognized(sent, served, f"unexpected GroupVersion string: {told}")
    if served.is_custom:
        return with_go_numbers(decoded) if LONG_NUMBER.search(body) else decoded
    # Kinds with a struct read their nulls themselves: in a map they are empty values.
    return without_nulls(decoded) if b"null" in body and not served.definition else decoded


def _decode(body: bytes, served: ResourceType, sent: bytes) -> dict[str, Any]:
    try:
        decoded = loads(body)
    except ValueError as error:
        raise _unreadable(sent, served, describe(body, error)) from error
    if decoded is None:
        return {}
    if why := unreadable_type(decoded):
        raise _unreadable(sent, served, why)
    fields: dict[str, Any] = decoded
    return fields


def unreadable_type(decoded: object) -> str:
    """Why nobody can tell what an object is, "" if one can."""
    if not isinstance(decoded, dict):
        return f"json parse error: json: cannot unmarshal {json_type(decoded)} into Go value of type {TYPE_META}"
    for name in ("apiVersion", "kind"):
        value = decoded.get(name)
        if value is not None and not isinstance(value, str):
            found = json_type(value)
            return f"json parse error: json: cannot unmarshal {found} into Go struct field .{name} of type string"
    return ""


class _TooDeepError(ValueError):
    """Nested deeper than the server follows."""


class _NumberError(ValueError):
    """A number that nobody can hold."""


def loads(body: bytes) -> Any:
    """What JSON means, as Go reads it.

    Raises:
        ValueError: it is none.
    """
    try:
        decoded = msgspec.json.decode(body)
        if may_be_too_deep(body) and is_too_deep(decoded):
            raise _TooDeepError(_TOO_DEEP)
        return with_go_numbers(decoded) if len(body) >= _ENDLESS and _ENDLESS_NUMBER.search(body) else decoded
    except RecursionError as error:
        raise _TooDeepError(_TOO_DEEP) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _loads_leniently(body, error)


def _loads_leniently(body: bytes, first: Exception) -> Any:
    """What Go reads and our decoder doesn't: broken UTF-8, lone surrogates, numbers beyond a float."""
    text = body.decode(errors="replace")
    if not (
        isinstance(first, UnicodeDecodeError) or _SURROGATES.search(body) or "\ufffd" in text or "range" in str(first)
    ):
        raise ValueError(str(first)) from first
    try:
        decoded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return _without_surrogates(decoded)


def with_go_numbers(value: Any) -> Any:
    """Whole numbers beyond 64 bits are floats to the server.

    Raises:
        ValueError: one is beyond a float, too.
    """
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        try:
            return float(value)
        except OverflowError as error:
            raise _NumberError("json: cannot unmarshal number into Go value of type float64") from error
    if isinstance(value, list):
        return [with_go_numbers(item) for item in value]
    if isinstance(value, dict):
        return {name: with_go_numbers(item) for name, item in value.items()}
    return value


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
    return value


def _load_yaml(body: bytes) -> bytes:
    from reconcilekit.testing.apiserver.encoding.yaml_reading import load_yaml

    return load_yaml(body)


def _yaml_as_json(body: bytes, served: ResourceType) -> bytes:
    try:
        return _load_yaml(body)
    except ValueError as error:
        raise _unrecognized(body, served, str(error)) from error


def decode_apply(body: bytes, served: ResourceType) -> dict[str, Any]:
    """An apply configuration, JSON or YAML.

    Raises:
        StatusError: 400.
    """
    from reconcilekit.testing.apiserver.encoding.yaml_reading import read_yaml

    try:
        decoded = read_yaml(body)
        if is_too_deep(decoded):
            raise _TooDeepError(_TOO_DEEP)
    except ValueError as error:
        # What begins as JSON isn't looked at before it is decoded.
        is_json = body.lstrip().startswith(b"{")
        why = "error decoding patch: error converting YAML to JSON" if is_json else "error encoding patch"
        raise status.bad_request(f"{why}: {error}") from error
    if decoded is None:
        return {}
    if not isinstance(decoded, dict):
        found = json_type(decoded)
        said = f"json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        raise status.bad_request(f"error decoding patch: error unmarshaling JSON: while decoding JSON: {said}")
    # The numbers of a custom object are what YAML has made of them: one that is whole is an integer.
    return with_whole_numbers(decoded) if served.is_custom else decoded


def _decode_protobuf(body: bytes, served: ResourceType) -> dict[str, Any]:
    from reconcilekit.testing.apiserver.encoding import protobuf

    if served.is_custom:
        # The real server's decoder for custom objects panics there.
        raise LostAnswerError(f"{served.plural}.{served.group}: the server broke the connection for a body in protobuf")
    try:
        return protobuf.decode_protobuf(body, api_version=served.api_version, kind=served.kind)
    except protobuf.MalformedEnvelopeError as error:
        raise _unrecognized(body, served, str(error)) from error
    except protobuf.UnknownKindError as error:
        raise _misfit(error.kind, error.api_version, served) from error
    except protobuf.MalformedMessageError as error:
        subject = f'{served.kind} in version "{served.version}" cannot be handled as a {served.kind}'
        raise status.bad_request(f"{subject}: {error}") from error


def check_kind(obj: Mapping[str, Any], served: ResourceType) -> None:
    """Refuse an object of another kind or version.

    Raises:
        StatusError: 400.
    """
    kind, api_version = obj.get("kind") or served.kind, obj.get("apiVersion") or served.api_version
    if (kind, api_version) == (served.kind, served.api_version):
        return
    if str(api_version).count("/") > 1:
        raise _unrecognized(msgspec.json.encode(obj), served, f"unexpected GroupVersion string: {api_version}")
    raise _misfit(kind, str(api_version), served)


def _misfit(kind: str, api_version: str, served: ResourceType) -> status.StatusError:
    from reconcilekit.testing.apiserver.kinds.earlier import is_earlier

    if kind == served.kind and is_earlier(kind, api_version):
        return _other_version(api_version, served)
    version = api_version.rpartition("/")[2]
    why = conversion_problem(kind, api_version, served)
    return status.bad_request(f'{kind} in version "{version}" cannot be handled as a {served.kind}: {why}')


def conversion_problem(kind: str, api_version: str, served: ResourceType) -> str:
    """Why an object of one kind can't be taken for one of another."""
    if not _is_known(kind, api_version):
        return f'no kind "{kind}" is registered for version "{api_version}" {SCHEME}'
    version = api_version.rpartition("/")[2]
    group = served.group.partition(".")[0] or "core"
    return f"converting ({version}.{kind}) to ({group}.{served.kind}): unknown conversion"


def nameless(name: str) -> status.StatusError:
    """400 of an object without a name, where the path has one."""
    why = "name must be provided"
    return status.bad_request(f"the name of the object ({name} based on URL) was undeterminable: {why}")


def check_version(obj: Mapping[str, Any], served: ResourceType) -> None:
    """Refuse a custom object of another version than the path's; what kind it says it is, is looked at later.

    Raises:
        StatusError: 400.
    """
    api_version = obj.get("apiVersion") or ""
    if api_version != served.api_version:
        raise _other_version(api_version, served)


def _other_version(api_version: str, served: ResourceType) -> status.StatusError:
    return status.bad_request(
        f"the API version in the data ({api_version}) does not match the expected API version ({served.api_version})"
    )


def _is_known(kind: str, api_version: str) -> bool:
    from reconcilekit.testing.apiserver.kinds.earlier import is_earlier
    from reconcilekit.testing.apiserver.kinds.resources import built_in_types

    if is_earlier(kind, api_version):
        return True
    return any((t.kind, t.api_version) == (kind, api_version) for t in built_in_types().values())


def check_applied_kind(config: Mapping[str, Any], served: ResourceType) -> None:
    """Refuse an apply of another kind or version, or of none.

    Raises:
        StatusError: 400.
    """
    kind, api_version = config.get("kind") or "", str(config.get("apiVersion") or "")
    if (kind, api_version) != (served.kind, served.api_version):
        group, _, version = api_version.rpartition("/")
        raise status.bad_request(f"invalid object type: {group}/{version}, Kind={kind}")


def surely_has_no_twins(body: bytes) -> bool:
    """Whether JSON is found to have no field twice without a look at its fields, as that of nearly everyone is.

    What is decoded has as many quotation marks then, if none was sent as anything but itself.
    """
    return _ESCAPED_QUOTE not in body and msgspec.json.encode(msgspec.json.decode(body)).count(b'"') >= body.count(b'"')


def repetitive_paths(body: bytes, read: Mapping[str, Any]) -> list[str]:
    """The paths of all fields of a JSON body that has some more than once, in its order; else none.

    Args:
        body: as it came.
        read: what was read of it; nulls and the like may be missing.
    """
    try:
        # The same as below for what there is already: most bodies go no further.
        if _ESCAPED_QUOTE not in body and msgspec.json.encode(read).count(b'"') >= body.count(b'"'):
            return []
        if surely_has_no_twins(body):
            return []
        read_again = json.loads(body, object_pairs_hook=Pairs)
        return list(paths(read_again, "")) if _has_twins(read_again) else []
    except (ValueError, OverflowError, RecursionError):
        return []


def _has_twins(value: Any) -> bool:
    if isinstance(value, Pairs):
        return len(dict(value)) < len(value) or any(_has_twins(item) for _, item in value)
    return isinstance(value, list) and any(map(_has_twins, value))


def is_yaml(request: Request) -> bool:
    """Whether a body is read as YAML."""
    return _media_type(request) == YAML and not (request.body or b"").startswith(PROTOBUF_MAGIC)


def yaml_twins(body: bytes) -> list[str]:
    """What is told of the keys that a body in YAML has twice in one map."""
    from reconcilekit.testing.apiserver.encoding.yaml_twins import twin_keys

    return twin_keys(body)


class Pairs(list[tuple[str, Any]]):
    """An object whose fields are all kept."""


def paths(value: Any, path: str) -> Iterator[str]:
    """The paths of all fields below a value, in their order, each as often as it's there."""
    if isinstance(value, Pairs):
        for name, item in value:
            inner = f"{path}.{name}" if path else name
            yield inner
            yield from paths(item, inner)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, f"{path}[{index}]")


def without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    """The object without null fields: in an object they mean that the field isn't there."""
    return {name: _without_nulls(item) for name, item in value.items() if item is not None}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return without_nulls(value)
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _unreadable(body: bytes, served: ResourceType, why: str) -> status.StatusError:
    return _unrecognized(body, served, f"couldn't get version/kind; {why}")


def _unrecognized(body: bytes, served: ResourceType, why: str) -> status.StatusError:
    return status.bad_request(
        f"the object provided is unrecognized (must be of type {served.kind}): {why} ({_summary(body)})"
    )


def describe(body: bytes, error: Exception) -> str:
    """Why JSON can't be read, as Go says it."""
    from reconcilekit.testing.apiserver.encoding import go_json

    text = str(error) if isinstance(error, _TooDeepError | _NumberError) else go_json.problem(body)
    return f"json parse error: {text}"


def _summary(body: bytes, limit: int = 30) -> str:
    if not body:
        return "<empty>"
    shown = body[:limit].decode(errors="replace") if body[:1] == b"{" else body[:limit].hex()
    return shown if len(body) <= limit else f"{shown} ..."
