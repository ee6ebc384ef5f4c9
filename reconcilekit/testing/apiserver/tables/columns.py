"""Which columns a kind has, and what makes its cells."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from reconcilekit.testing.apiserver import recorded
from reconcilekit.testing.apiserver.tables import cluster_kinds as kinds
from reconcilekit.testing.apiserver.tables import network, pods, workloads
from reconcilekit.testing.apiserver.tables.ages import since
from reconcilekit.testing.apiserver.tables.values import at

Cells = Callable[[Mapping[str, Any], datetime], list[Any]]
"""Makes the cells after the name."""

Column = dict[str, Any]

_CELLS: Mapping[str, Cells] = {
    "pods": pods.pod_cells,
    "deployments.apps": workloads.deployment_cells,
    "replicasets.apps": workloads.replica_set_cells,
    "statefulsets.apps": workloads.stateful_set_cells,
    "daemonsets.apps": workloads.daemon_set_cells,
    "controllerrevisions.apps": kinds.revision_cells,
    "replicationcontrollers": workloads.replication_controller_cells,
    "jobs.batch": workloads.job_cells,
    "cronjobs.batch": workloads.cron_job_cells,
    "poddisruptionbudgets.policy": workloads.pod_disruption_budget_cells,
    "horizontalpodautoscalers.autoscaling": workloads.autoscaler_cells,
    "services": network.service_cells,
    "endpoints": network.endpoints_cells,
    "endpointslices.discovery.k8s.io": network.endpoint_slice_cells,
    "ingresses.networking.k8s.io": network.ingress_cells,
    "ingressclasses.networking.k8s.io": network.ingress_class_cells,
    "networkpolicies.networking.k8s.io": network.network_policy_cells,
    "ipaddresses.networking.k8s.io": network.ip_address_cells,
    "servicecidrs.networking.k8s.io": network.service_range_cells,
    "nodes": kinds.node_cells,
    "namespaces": kinds.namespace_cells,
    "configmaps": kinds.config_map_cells,
    "secrets": kinds.secret_cells,
    "serviceaccounts": kinds.generic_cells,
    "leases.coordination.k8s.io": kinds.lease_cells,
    "rolebindings.rbac.authorization.k8s.io": kinds.role_binding_cells,
    "clusterrolebindings.rbac.authorization.k8s.io": kinds.role_binding_cells,
    "customresourcedefinitions.apiextensions.k8s.io": kinds.definition_cells,
    "persistentvolumes": kinds.volume_cells,
    "persistentvolumeclaims": kinds.volume_claim_cells,
    "resourcequotas": kinds.quota_cells,
    "priorityclasses.scheduling.k8s.io": kinds.priority_class_cells,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": kinds.webhooks_cells,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": kinds.webhooks_cells,
    "apiservices.apiregistration.k8s.io": kinds.api_service_cells,
}
_PATHS: Mapping[str, Mapping[str, str]] = {
    "runtimeclasses.node.k8s.io": {"Handler": "handler"},
    "storageclasses.storage.k8s.io": {
        "Provisioner": "provisioner",
        "ReclaimPolicy": "reclaimPolicy",
        "VolumeBindingMode": "volumeBindingMode",
        "AllowVolumeExpansion": "allowVolumeExpansion",
    },
    "csidrivers.storage.k8s.io": {
        "AttachRequired": "spec.attachRequired",
        "PodInfoOnMount": "spec.podInfoOnMount",
        "StorageCapacity": "spec.storageCapacity",
        "RequiresRepublish": "spec.requiresRepublish",
    },
    "volumeattachments.storage.k8s.io": {
        "Attacher": "spec.attacher",
        "PV": "spec.source.persistentVolumeName",
        "Node": "spec.nodeName",
        "Attached": "status.attached",
    },
    "certificatesigningrequests.certificates.k8s.io": {
        "SignerName": "spec.signerName",
        "Requestor": "spec.username",
        "RequestedDuration": "spec.expirationSeconds",
    },
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": {"PolicyName": "spec.policyName"},
    "flowschemas.flowcontrol.apiserver.k8s.io": {
        "PriorityLevel": "spec.priorityLevelConfiguration.name",
        "MatchingPrecedence": "spec.matchingPrecedence",
    },
}
"""Where the cells of kinds that are shown as they are come from, by column."""

EVENTS = frozenset({"events", "events.events.k8s.io"})
"""The kinds whose name isn't the first column."""


@functools.cache
def _recorded() -> Mapping[str, list[Column]]:
    return msgspec.json.decode(recorded.read("columns.json"), type=dict[str, list[Column]])


def name_column() -> Column:
    """The one column that every kind has."""
    return _recorded()[""][0]


@functools.cache
def built_in_columns(resource: str) -> tuple[list[Column], Cells]:
    """A built-in kind's columns, and what makes its cells.

    Kinds without columns of their own have a name and a date.

    Args:
        resource: "pods", "deployments.apps".
    """
    cells = _CELLS.get(resource)
    if cells is not None or resource in EVENTS:
        return _recorded()[resource], cells or kinds.event_row
    columns = _recorded().get(resource)
    if columns is None:
        return _recorded()[""], kinds.dated_cells
    return columns, functools.partial(_plain_cells, columns[1:], _PATHS.get(resource, {}))


def _plain_cells(columns: list[Column], paths: Mapping[str, str], obj: Mapping[str, Any], now: datetime) -> list[Any]:
    """Cells that are fields as they are; those that nobody has looked into are empty."""
    return [
        since(at(obj, "metadata", "creationTimestamp"), now)
        if column["name"] == "Age"
        else at(obj, *paths.get(column["name"], "?").split("."))
        for column in columns
    ]
