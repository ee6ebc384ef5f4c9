"""How a definition's objects are converted between its versions: not at all, or by a webhook that nobody calls here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from reconcilekit.testing.apiserver.crd.definitions.names import label_problem, subdomain_problem
from reconcilekit.testing.apiserver.crd.problems import child, forbidden, invalid, not_supported, required
from reconcilekit.testing.apiserver.go_urls import GoURLError, parse_url
from reconcilekit.testing.apiserver.status import Cause

_PATH: Final = "spec.conversion"
_CLIENT: Final = f"{_PATH}.webhookClientConfig"
_FORM: Final = "; desired format: https://host[/path]"
_REVIEWS: Final = ("v1", "v1beta1")
_SWAPPED: Final = (("name", "namespace"), ("namespace", "name"))


def conversion_causes(conversion: Mapping[str, Any], *, keeps_unknown: bool) -> Iterator[Cause]:
    """What is wrong with a conversion."""
    strategy, webhook = conversion.get("strategy") or "", conversion.get("webhook") or {}
    client, reviews = webhook.get("clientConfig"), webhook.get("conversionReviewVersions") or ()
    if strategy not in ("", "None") and keeps_unknown:
        yield invalid(f"{_PATH}.strategy", strategy, "must be None if spec.preserveUnknownFields is true")
    if strategy not in ("", "None", "Webhook"):
        yield not_supported(f"{_PATH}.strategy", strategy, ("None", "Webhook"))
    if strategy == "Webhook":
        yield from _client_causes(client)
        yield from _review_causes(reviews, f"{_PATH}.conversionReviewVersions")
        return
    detail = "should not be set when strategy is not set to Webhook"
    if client is not None:
        yield forbidden(_CLIENT, detail)
    if reviews:
        yield forbidden(f"{_PATH}.conversionReviewVersions", detail)


def webhook_failure(spec: Mapping[str, Any], version: str) -> str:
    """What the server says where it can't reach the webhook for an object of a version."""
    client = spec["conversion"]["webhook"]["clientConfig"]
    if (service := client.get("service")) is not None:
        host = f"{service['name']}.{service['namespace']}.svc:{service.get('port', 443)}"
        url, why = f"https://{host}{service.get('path') or '/'}", f'service "{service["name"]}" not found'
    else:
        url, parts = client["url"], urlsplit(client["url"])
        why = f"dial tcp {parts.hostname}:{parts.port or 443}: connect: connection refused"
    kind = f"{spec['group']}/{version}, Kind={spec['names']['kind']}"
    return f'conversion webhook for {kind} failed: Post "{url}?timeout=30s": {why}'


def _client_causes(client: Mapping[str, Any] | None) -> Iterator[Cause]:
    if client is None:
        yield required(_CLIENT, "required when strategy is set to Webhook")
        return
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        yield required(_CLIENT, "exactly one of url or service is required")
    elif url is not None:
        yield from _url_causes(url, f"{_CLIENT}.url")
    elif service is not None:
        yield from _service_causes(service, f"{_CLIENT}.service")


def _url_causes(url: str, path: str) -> Iterator[Cause]:
    try:
        parts = parse_url(url)
    except GoURLError as error:
        yield required(path, f"url must be a valid URL: {error}{_FORM}")
        return
    if parts.scheme != "https":
        yield invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{_FORM}")
    if not parts.host:
        yield invalid(path, "", f"host must be specified{_FORM}")
    if parts.user is not None:
        yield invalid(path, parts.user, "user information is not permitted in the URL")
    if parts.fragment:
        yield invalid(path, parts.fragment, "fragments are not permitted in the URL")
    if parts.query:
        yield invalid(path, parts.query, "query parameters are not permitted in the URL")


def _service_causes(service: Mapping[str, Any], path: str) -> Iterator[Cause]:
    # The real server takes the one for the other.
    yield from (required(child(path, name)) for name, other in _SWAPPED if not service.get(other))
    port = service.get("port", 443)
    if not 1 <= port <= 65535:
        yield invalid(child(path, "port"), port, "port is not valid: must be between 1 and 65535, inclusive")
    told, where = service.get("path") or "/", child(path, "path")
    if told == "/":
        return
    if told == "//":
        yield invalid(where, told, "segment[0] may not be empty")
        return
    if not told.startswith("/"):
        yield invalid(where, told, "must start with a '/'")
    for i, segment in enumerate(told[1:].removesuffix("/").split("/")):
        if not segment:
            yield invalid(where, told, f"segment[{i}] may not be empty")
        elif found := subdomain_problem(segment):
            yield invalid(where, told, f"segment[{i}]: {found}")


def _review_causes(versions: Sequence[str], path: str) -> Iterator[Cause]:
    if not versions:
        yield required(path)
        return
    seen: set[str] = set()
    for i, version in enumerate(versions):
        if version in seen:
            yield invalid(f"{path}[{i}]", version, "duplicate version")
        elif found := label_problem(version):
            yield invalid(f"{path}[{i}]", version, found)
        seen.add(version)
    if not set(versions) & set(_REVIEWS):
        yield invalid(path, list(versions), f"must include at least one of {', '.join(_REVIEWS)}")
