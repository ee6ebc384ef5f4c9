"""Rights in one namespace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.controlplane.rest import AdminClient

_GROUP = "rbac.authorization.k8s.io"
_API = f"/apis/{_GROUP}/v1"


def bind(admin: AdminClient, namespace: str, user: User, role: str) -> list[dict[str, Any]]:
    """Bind a ClusterRole to a user in a namespace, and return its rules.

    "admin", "edit" and "view" are aggregated: it is the controller manager that fills in their rules. So that they mean
    the same without one, what they are aggregated of is bound.
    """
    rules: list[dict[str, Any]] = []
    for part in _parts(admin, role):
        binding = {
            "metadata": {"name": f"{user.name}-{part['metadata']['name']}"},
            "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": part["metadata"]["name"]},
            "subjects": [{"apiGroup": _GROUP, "kind": "User", "name": user.name}],
        }
        admin.demand("POST", f"{_API}/namespaces/{namespace}/rolebindings", binding, but=(409,))
        rules += part.get("rules") or ()
    return rules


def is_allowed(admin: AdminClient, namespace: str, user: User, rule: Mapping[str, Any]) -> bool:
    """True if the authoriser allows the user a rule's first verb on its first resource; rules of URLs are no matter."""
    if not rule.get("resources"):
        return True
    resource, _, subresource = rule["resources"][0].partition("/")
    asked = {"verb": rule["verbs"][0], "group": rule["apiGroups"][0], "namespace": namespace}
    attributes = {**asked, "resource": resource, "subresource": subresource}
    review = {"spec": {"user": user.name, "groups": list(user.groups), "resourceAttributes": attributes}}
    answer = admin.demand("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def _parts(admin: AdminClient, role: str) -> Iterator[dict[str, Any]]:
    found = admin.get(f"{_API}/clusterroles/{role}")
    yield found
    for selector in (found.get("aggregationRule") or {}).get("clusterRoleSelectors", ()):
        labels = ",".join(f"{name}={value}" for name, value in selector.get("matchLabels", {}).items())
        for part in admin.get(f"{_API}/clusterroles?labelSelector={quote(labels)}")["items"]:
            yield from _parts(admin, part["metadata"]["name"])
