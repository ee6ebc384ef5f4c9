"""A rule's matches: what Envoy is told to look at, and which of several that fit goes first."""

from __future__ import annotations

import re
from typing import Final

import attrs

from examples.gateway.model import Match
from examples.gateway.snapshot import JSON

_PATH: Final = re.compile(r"/(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*")
_ODD_SEGMENTS: Final = re.compile(r"//|/\.\.?(/|$)|%2[fF]")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]+")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH")


@attrs.frozen(kw_only=True, order=True)
class Precedence:
    """Sorts the match that goes first to the front, by the Gateway API's rule for HTTPRouteMatch.

    Exact path, longest prefix, method, most headers, most query parameters; then the oldest route, the first by
    namespace and name, the first of its rules, the first of the rule's matches.
    """

    is_prefix: bool
    negative_path_length: int
    is_any_method: bool
    negative_headers: int
    negative_query: int
    seniority: tuple[str, str, str]
    rule: int
    match: int


def precedence(match: Match, *, seniority: tuple[str, str, str], rule: int, index: int) -> Precedence:
    """Where one match of a route stands among those of all routes for the same hostname.

    Args:
        match: the match.
        seniority: its route's.
        rule: the index of its rule in the route.
        index: its own in the rule.
    """
    is_prefix = match.path_type == "PathPrefix"
    return Precedence(
        is_prefix=is_prefix,
        negative_path_length=-len(_prefix(match.path) if is_prefix else match.path),
        is_any_method=match.method is None,
        negative_headers=-len(_first_by_name(match.headers, ignore_case=True)),
        negative_query=-len(_first_by_name(match.query)),
        seniority=seniority,
        rule=rule,
        match=index,
    )


def unsupported(match: Match) -> str | None:
    """What of a match can't be honoured, or None; Envoy would refuse it, or match something else."""
    if match.path_type not in ("Exact", "PathPrefix"):
        return f"path type {match.path_type!r} isn't supported; use Exact or PathPrefix"
    if not _PATH.fullmatch(match.path) or _ODD_SEGMENTS.search(match.path):
        return f"path {match.path!r} isn't an absolute, normalised path"
    if match.method is not None and match.method not in _METHODS:
        return f"method {match.method!r} isn't supported; use one of {', '.join(_METHODS)}"
    for name, match_type, value in (*match.headers, *match.query):
        if match_type != "Exact":
            return f"the match of {name!r} has type {match_type!r}, which isn't supported; use Exact"
        if not _HEADER_NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            return f"the match of {name!r} has a name or a value that no request can carry"
    return None


def render(match: Match) -> JSON:
    """The RouteMatch of a match that `unsupported` has no objection to."""
    rendered = _render_path(match)
    headers = [_exactly(name.lower(), value) for name, value in _first_by_name(match.headers, ignore_case=True).items()]
    if match.method is not None:
        headers.append(_exactly(":method", match.method))
    if headers:
        rendered["headers"] = headers
    if match.query:
        rendered["queryParameters"] = [_exactly(name, value) for name, value in _first_by_name(match.query).items()]
    return rendered


def demanding(rendered: JSON, header: str, value: str) -> JSON:
    """The same RouteMatch, narrowed to requests that bring this header."""
    return {**rendered, "headers": [*rendered.get("headers", []), _exactly(header, value)]}


def _render_path(match: Match) -> JSON:
    if match.path_type == "Exact":
        return {"path": match.path}
    prefix = _prefix(match.path)
    return {"prefix": "/"} if prefix == "/" else {"pathSeparatedPrefix": prefix}


def _prefix(path: str) -> str:
    # "/shop/" and "/shop" are one prefix: the Gateway API compares path elements.
    return path.rstrip("/") or "/"


def _first_by_name(values: tuple[tuple[str, str, str], ...], *, ignore_case: bool = False) -> dict[str, str]:
    first: dict[str, str] = {}
    for name, _, value in values:
        first.setdefault(name.lower() if ignore_case else name, value)
    return first


def _exactly(name: str, value: str) -> JSON:
    return {"name": name, "stringMatch": {"exact": value}}
