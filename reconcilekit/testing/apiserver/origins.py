"""Where the server is, for the documents that tell it."""

from __future__ import annotations

from typing import Final

import attrs

from reconcilekit.kube.transport import Request

TOLD_BY: Final = frozenset({"/api", "/.well-known/openid-configuration"})
"""The paths of these documents, without a slash at the end."""

NOWHERE: Final = "127.0.0.1:6443"
"""Host and port that a server without a socket says."""


@attrs.frozen(kw_only=True)
class RequestAt(Request):
    """A request of which it is known where it was received.

    Attributes:
        scheme: "http" or "https".
        authority: host and port of the socket, as a URL has them.
    """

    scheme: str
    authority: str


def authority_of(request: Request) -> str:
    """Host and port that the server has for who asks."""
    return request.authority if isinstance(request, RequestAt) else NOWHERE


def url_of(request: Request) -> str:
    """The same as a URL without a path."""
    scheme = request.scheme if isinstance(request, RequestAt) else "https"
    return f"{scheme}://{authority_of(request)}"
