"""Groups of the Kubernetes community need an approval (KEP-1111): the annotation `api-approved.kubernetes.io`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from reconcilekit.testing.apiserver.crd.problems import invalid, required
from reconcilekit.testing.apiserver.go_text import quoted
from reconcilekit.testing.apiserver.status import Cause

ANNOTATION: Final = "api-approved.kubernetes.io"
_SEE: Final = "see https://github.com/kubernetes/enhancements/pull/1111"
_PATH: Final = f"metadata.annotations[{ANNOTATION}]"

State = Literal["missing", "bypassed", "approved", "invalid"]


def is_protected(group: str) -> bool:
    """Whether a group is the community's."""
    return any(group == domain or group.endswith(f".{domain}") for domain in ("k8s.io", "kubernetes.io"))


def approval(content: Mapping[str, Any]) -> tuple[State, str]:
    """A definition's approval, and what the server says of it."""
    told = str((content["metadata"].get("annotations") or {}).get(ANNOTATION) or "")
    if not told:
        return "missing", f"protected groups must have approval annotation {quoted(ANNOTATION)}, {_SEE}"
    if told.startswith("unapproved"):
        return "bypassed", f"not approved: {quoted(told)}"
    parts = urlsplit(told)
    if parts.scheme and parts.netloc:
        return "approved", f"approved in {told}"
    return "invalid", (
        f"protected groups must have approval annotation {quoted(ANNOTATION)} with either a URL or a reason starting "
        f'with "unapproved", {_SEE}'
    )


def approval_causes(content: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[Cause]:
    """What is wrong with a definition's approval; what was wrong before may stay."""
    if not is_protected((content["spec"] or {}).get("group") or ""):
        return
    state, reason = approval(content)
    if old is not None and approval(old)[0] == state:
        return
    if state == "missing":
        yield required(_PATH, reason)
    elif state == "invalid":
        yield invalid(_PATH, content["metadata"]["annotations"][ANNOTATION], reason)


def approval_condition(content: Mapping[str, Any]) -> dict[str, str] | None:
    """The condition that tells of it, None for groups that need none."""
    if not is_protected(content["spec"]["group"]):
        return None
    state, reason = approval(content)
    names = {
        "missing": "MissingAnnotation",
        "bypassed": "UnapprovedAnnotation",
        "approved": "ApprovedAnnotation",
        "invalid": "InvalidAnnotation",
    }
    return {
        "type": "KubernetesAPIApprovalPolicyConformant",
        "status": "True" if state == "approved" else "False",
        "reason": names[state],
        "message": reason,
    }
