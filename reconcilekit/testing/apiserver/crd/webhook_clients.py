"""How webhooks are called: of definitions that convert, and of admission (k8s.io/apiserver, `pkg/util/webhook`)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.crd.problems import child, invalid, required
from reconcilekit.testing.apiserver.go_urls import GoURLError, parse_url
from reconcilekit.testing.apiserver.status import Cause

REVIEWS: Final = ("v1", "v1beta1")
"""The versions of reviews that the server knows."""

_FORM: Final = "; desired format: https://host[/path]"
_SWAPPED: Final = (("name", "namespace"), ("namespace", "name"))
_MOST_SHOWN: Final = 4_000_000
"""Characters that the causes of one field come to."""


def client_causes(client: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """What is wrong with where a webhook is."""
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        yield required(path, "exactly one of url or service is required")
    elif url is not None:
        yield from _url_causes(url, child(path, "url"))
    elif service is not None:
        yield from _service_causes(service, child(path, "service"))


def review_causes(versions: Sequence[str], path: str, *, needed: str = "") -> Iterator[Cause]:
    """What is wrong with the versions of reviews that a webhook knows.

    Args:
        versions: that it knows.
        path: of the field.
        needed: what is said besides where there are none.
    """
    if not versions:
        yield required(path, needed)
        return
    seen: set[str] = set()
    for i, version in enumerate(versions):
        if version in seen:
            yield invalid(f"{path}[{i}]", version, "duplicate version")
        else:
            yield from (invalid(f"{path}[{i}]", version, why) for why in names.old_label(version))
        seen.add(version)
    if not seen & set(REVIEWS):
        yield invalid(path, list(versions), f"must include at least one of {', '.join(REVIEWS)}")


def _url_causes(url: str, path: str) -> Iterator[Cause]:
    try:
        parts = parse_url(url)
    except GoURLError as error:
        yield required(path, f"url must be a valid URL: {error}{_FORM}")
        return
    if parts.scheme != "https":
        yield invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{_FORM}")
    if not parts.host:
        yield invalid(path, parts.host, f"host must be specified{_FORM}")
    if parts.user is not None:
        yield invalid(path, parts.user, "user information is not permitted in the URL")
    if parts.fragment:
        yield invalid(path, parts.fragment, "fragments are not permitted in the URL")
    if parts.query:
        yield invalid(path, parts.query, "query parameters are not permitted in the URL")


def _service_causes(service: Mapping[str, Any], path: str) -> Iterator[Cause]:
    # The real server takes the one for the other.
    yield from (required(child(path, name)) for name, other in _SWAPPED if not service.get(other))
    port, told = service.get("port", 443), service.get("path") or "/"
    if not 1 <= port <= 65535:
        yield invalid(child(path, "port"), port, "port is not valid: must be between 1 and 65535, inclusive")
    if told != "/":
        # Each of them shows the whole path; the real server takes half a minute for half a megabyte of slashes.
        most = max(_MOST_SHOWN // len(told), 1)
        yield from itertools.islice(_path_causes(told, child(path, "path")), most)


def _path_causes(told: str, path: str) -> Iterator[Cause]:
    if not told.startswith("/"):
        yield invalid(path, told, "must start with a '/'")
    for i, segment in enumerate(told[1:].removesuffix("/").split("/")):
        if not segment:
            yield invalid(path, told, f"segment[{i}] may not be empty")
            continue
        yield from (invalid(path, told, f"segment[{i}]: {why}") for why in names.subdomain(segment))
