"""How a definition's objects are converted between its versions: not at all, or by a webhook that nobody calls here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from reconcilekit.testing.apiserver.crd.problems import forbidden, invalid, not_supported, required
from reconcilekit.testing.apiserver.crd.webhook_clients import client_causes, review_causes
from reconcilekit.testing.apiserver.status import Cause

_PATH: Final = "spec.conversion"
_CLIENT: Final = f"{_PATH}.webhookClientConfig"


def conversion_causes(conversion: Mapping[str, Any], *, keeps_unknown: bool) -> Iterator[Cause]:
    """What is wrong with a conversion."""
    strategy, webhook = conversion.get("strategy") or "", conversion.get("webhook") or {}
    client, reviews = webhook.get("clientConfig"), webhook.get("conversionReviewVersions") or ()
    if strategy not in ("", "None") and keeps_unknown:
        yield invalid(f"{_PATH}.strategy", strategy, "must be None if spec.preserveUnknownFields is true")
    if strategy not in ("", "None", "Webhook"):
        yield not_supported(f"{_PATH}.strategy", strategy, ("None", "Webhook"))
    if strategy == "Webhook":
        if client is None:
            yield required(_CLIENT, "required when strategy is set to Webhook")
        else:
            yield from client_causes(client, _CLIENT)
        yield from review_causes(reviews, f"{_PATH}.conversionReviewVersions")
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
