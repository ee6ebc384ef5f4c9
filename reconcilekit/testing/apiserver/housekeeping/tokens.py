"""Secrets of type kubernetes.io/service-account-token get their token, and go with their ServiceAccount."""

from __future__ import annotations

import base64
from collections.abc import Hashable, Iterable
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver.housekeeping.chores import StorageKey, key_of, version_of
from reconcilekit.testing.apiserver.housekeeping.hands import Hands
from reconcilekit.testing.apiserver.storage.storage import Event, Stored

SECRETS = ("", "secrets")
ACCOUNTS = ("", "serviceaccounts")
TYPE = "kubernetes.io/service-account-token"
NAME = "kubernetes.io/service-account.name"
UID = "kubernetes.io/service-account.uid"


class TokenSecrets:
    """The tokens controller.

    Args:
        hands: its reads and writes.
    """

    delay = 0.0
    kinds: frozenset[StorageKey] | None = frozenset({SECRETS, ACCOUNTS})

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    def notice(self, kind: StorageKey, event: Event) -> Iterable[Hashable]:
        """A Secret of this type, or the end of an account that has some."""
        if kind == SECRETS:
            return (key_of(event),) if event.after is not None and event.after.content.get("type") == TYPE else ()
        if event.after is not None:
            return ()
        gone = version_of(event)
        secrets = self._hands.select(SECRETS, gone.key.namespace)
        return [secret.key for secret in secrets if _account(secret) == gone.key.name]

    def look_at(self, item: Hashable) -> None:
        """Fill it, or remove it where its account isn't there."""
        assert isinstance(item, ObjectKey)
        secret = self._hands.get(SECRETS, item)
        if secret is None or secret.meta.get("deletionTimestamp"):
            return
        account = self._hands.get(ACCOUNTS, ObjectKey(item.namespace, _account(secret)))
        if account is None or (secret.meta.get("annotations") or {}).get(UID, account.uid) != account.uid:
            self._hands.delete(SECRETS, item)
            return
        self._fill(secret, account)

    def start_over(self) -> Iterable[Hashable]:
        """Every Secret of this type."""
        return [secret.key for secret in self._hands.select(SECRETS) if secret.content.get("type") == TYPE]

    def _fill(self, secret: Stored, account: Stored) -> None:
        missing = self._missing(secret, account)
        if not missing:
            return

        def transform(live: dict[str, Any]) -> dict[str, Any]:
            annotations = {**(live["metadata"].get("annotations") or {}), UID: account.uid}
            metadata = {**live["metadata"], "annotations": annotations}
            return {**live, "metadata": metadata, "data": {**(live.get("data") or {}), **missing}}

        self._hands.change(SECRETS, secret.key, transform)

    def _missing(self, secret: Stored, account: Stored) -> dict[str, str]:
        """What has to be in the Secret and isn't; another authority's certificate gives way."""
        data = secret.content.get("data") or {}
        wanted = {"namespace": _encoded(secret.key.namespace)} if not data.get("namespace") else {}
        if certificate := _encoded(self._hands.cluster.root_certificate()):
            wanted["ca.crt"] = certificate
        if not data.get("token"):
            make = self._hands.cluster.make_token
            token = None if make is None else make(account.key, secret.key)
            if token is None:
                return {}
            wanted["token"] = _encoded(token)
        return {name: value for name, value in sorted(wanted.items()) if data.get(name) != value}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _account(secret: Stored) -> str:
    if secret.content.get("type") != TYPE:
        return ""
    return str((secret.meta.get("annotations") or {}).get(NAME, ""))
