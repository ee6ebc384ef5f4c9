"""What becomes of CertificateSigningRequests between a write and the storage.

Who asks is written down at their creation, and that and the rest of the spec stay; an approval writes the decision, the
status all else that is reported (k8s.io/kubernetes `pkg/registry/certificates/certificates/strategy.go`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.traits import SIGNING_REQUESTS
from reconcilekit.testing.apiserver.validation.certificate_requests import DECISIONS
from reconcilekit.testing.apiserver.writing.preconditions import Target

APPROVAL = "approval"
_ABOUT_USERS = ("username", "uid", "groups", "extra")
_CLIENTS_SIGNER, _MASTERS = "kubernetes.io/kube-apiserver-client", "system:masters"


def prepare(target: Target, content: dict[str, Any], old: Mapping[str, Any] | None) -> None:
    """Write down, in a new request, who asks for it, unless nobody is known to; put its spec back in a changed one."""
    if old is not None:
        content["spec"] = old["spec"]
    elif target.requestor is not None:
        spec = {name: value for name, value in content["spec"].items() if name not in _ABOUT_USERS}
        content["spec"] = spec | {name: target.requestor[name] for name in _ABOUT_USERS if name in target.requestor}


def settle(target: Target, content: dict[str, Any], old: Mapping[str, Any], now: str) -> None:
    """Put back, in a changed status, what this write may not change, and date its conditions."""
    found = content.get("status") or {}
    before = (old.get("status") or {}).get("conditions") or []
    conditions = found.get("conditions") or []
    if target.subresource != APPROVAL:
        conditions = _with_decisions(conditions, before)
    dated = [_dated(condition, before, now) for condition in conditions]
    others = (old.get("status") or {}) if target.subresource == APPROVAL else found
    rest = {name: value for name, value in others.items() if name != "conditions"}
    content["status"] = {"conditions": dated, **rest} if dated else rest


def _with_decisions(conditions: list[dict[str, Any]], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Decisions as they are; where there are more or fewer of them, that is refused later."""
    for kind in DECISIONS:
        decided = [condition for condition in before if condition.get("type") == kind]
        places = [i for i, condition in enumerate(conditions) if condition.get("type") == kind]
        if len(decided) == len(places):
            kept = dict(zip(places, decided, strict=True))
            conditions = [kept.get(i, condition) for i, condition in enumerate(conditions)]
    return conditions


def _dated(condition: dict[str, Any], before: list[dict[str, Any]], now: str) -> dict[str, Any]:
    same = [
        told["lastTransitionTime"]
        for told in before
        if told.get("lastTransitionTime") and all(told.get(name) == condition.get(name) for name in ("type", "status"))
    ]
    updated = condition.get("lastUpdateTime") or now
    changed = condition.get("lastTransitionTime") or (same[0] if same else now)
    return {**condition, "lastUpdateTime": updated, "lastTransitionTime": changed}


def check_subject(target: Target, content: Mapping[str, Any], old: Mapping[str, Any] | None) -> None:
    """Refuse a new request of those who would do everything.

    Raises:
        StatusError: 403.
    """
    spec = content["spec"]
    if old is not None or spec["signerName"] != _CLIENTS_SIGNER:
        return
    from reconcilekit.testing.apiserver.validation.signing_requests import organizations

    if _MASTERS in organizations(spec["request"]):
        why = f"use of {_CLIENTS_SIGNER} signer with {_MASTERS} group is not allowed"
        raise status.forbidden(*SIGNING_REQUESTS, target.key.name, why)
