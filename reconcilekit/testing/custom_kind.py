"""A kind of your own on a server that has never heard of it: what a test creates before anything else."""

from __future__ import annotations

from typing import Any

from reconcilekit.kube.resource import Resource, check_resource

CUSTOM_RESOURCE_DEFINITION = Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition")
"""The kind of what `custom_kind` gives."""


def custom_kind(
    resource: Resource, *, plural: str | None = None, is_namespaced: bool = True, has_status: bool = True
) -> dict[str, Any]:
    """A CustomResourceDefinition of a kind, with a schema that accepts everything.

    A real server takes it, too; in a cluster that others use, install the kind's own definition instead.

    Args:
        resource: the kind, of a group.
        plural: as it stands in paths; by default the kind in lower case with an "s".
        is_namespaced: False for a cluster-scoped kind.
        has_status: it has the status subresource.

    Raises:
        ValueError: the kind is of the core group, to which nobody can add.
        TypeError: that is no kind.
    """
    check_resource("custom_kind", resource)
    if not resource.group:
        raise ValueError(
            f"{resource} is of the core group, to which nobody adds kinds; write Resource('example.com/v1', ...)"
        )
    singular = resource.kind.lower()
    names = {"kind": resource.kind, "singular": singular, "plural": plural or f"{singular}s"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version: dict[str, Any] = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    if has_status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": CUSTOM_RESOURCE_DEFINITION.api_version,
        "kind": CUSTOM_RESOURCE_DEFINITION.kind,
        "metadata": {"name": f"{names['plural']}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced" if is_namespaced else "Cluster",
            "names": names,
            "versions": [version],
        },
    }
