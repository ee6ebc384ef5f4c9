"""What the real server warns of, and takes all the same."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping

from reconcilekit.testing.apiserver.validation.causes import Obj

Warn = Callable[[Obj], Iterator[str]]

_ENDPOINTS = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"


def _warn_of_endpoints(endpoints: Obj) -> Iterator[str]:
    yield _ENDPOINTS


def _warn_of_secret(secret: Obj) -> Iterator[str]:
    data = secret.get("data") or {}
    is_tls = secret.get("type") == "kubernetes.io/tls" and "tls.crt" in data
    if is_tls and b"-----BEGIN " not in base64.b64decode(data["tls.crt"]):
        yield "tls: failed to find any PEM data in certificate input"


WARNINGS: Mapping[tuple[str, str], Warn] = {
    ("", "endpoints"): _warn_of_endpoints,
    ("", "secrets"): _warn_of_secret,
}
"""By group and plural."""
