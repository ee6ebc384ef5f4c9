"""What a request asks for, as Go's net/http reads its head; aiohttp mends and puts up with more than Go does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, unquote_plus

_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


def is_unreadable(target: str) -> bool:
    """Whether the path has an escape that is none."""
    return "%" in target and _BAD_ESCAPE.search(target.partition("?")[0]) is not None


def path_of(target: str, parsed: str) -> str:
    """The path; Go knows no fragment in a request, so that it is a part of it.

    Args:
        target: of the request, as it was sent.
        parsed: its path, for a target in which there is no fragment, and which is no authority.
    """
    if target.startswith("/") and ("#" in target or not parsed):
        return unquote(target.partition("?")[0])
    # An authority, as CONNECT has it, is no path that there is.
    return parsed or f"/{target}"


def version_problem(major: int, minor: int) -> tuple[int, str] | None:
    """The status and the reason with which Go refuses a version of HTTP, None where it takes it."""
    if major == 1:
        return None
    if major > 1:
        return 505, "505 HTTP Version Not Supported: unsupported protocol version"
    return 400, "400 Bad Request: malformed HTTP request"


def query_of(target: str, parsed: Mapping[str, str]) -> dict[str, str]:
    """The parameters, without those that Go's `url.ParseQuery` leaves out: with a semicolon, or an escape that is none.

    Args:
        target: of the request, as it was sent.
        parsed: its parameters, for a query in which nothing is wrong.
    """
    query = target.partition("?")[2]
    if ";" not in query and not ("%" in query and _BAD_ESCAPE.search(query)):
        return dict(parsed)
    told: dict[str, str] = {}
    for pair in query.split("&"):
        if pair and ";" not in pair and not _BAD_ESCAPE.search(pair):
            name, _, value = pair.partition("=")
            told.setdefault(unquote_plus(name), unquote_plus(value))
    return told


def expects_the_unknown(header: str) -> bool:
    """Whether an `Expect` header is about something else than going on."""
    return bool(header) and not waits_for_leave(header)


def waits_for_leave(header: str) -> bool:
    """Whether an `Expect` header asks to be told that the body may come."""
    return bool(header) and "100-continue" in (told.strip().lower() for told in header.split(","))
