"""Which columns a kind has, and what makes its cells."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from reconcilekit.testing.apiserver import recorded
from reconcilekit.testing.apiserver.storage.versions import Stored
from reconcilekit.testing.apiserver.tables import cluster_kinds as kinds
from reconcilekit.testing.apiserver.tables import control_kinds as control
from reconcilekit.testing.apiserver.tables import network, pods, workloads
from reconcilekit.testing.apiserver.tables import storage_kinds as storage

Cells = Callable[[Mapping[str, Any], datetime], list[Any]]
"""Makes the cells after the name."""

Arrange = Callable[[Iterable[Stored]], Sequence[Stored]]

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
    "podtemplates": control.pod_template_cells,
    "componentstatuses": control.component_cells,
    "runtimeclasses.node.k8s.io": control.runtime_class_cells,
    "validatingadmissionpolicies.admissionregistration.k8s.io": control.validating_policy_cells,
    "mutatingadmissionpolicies.admissionregistration.k8s.io": control.mutating_policy_cells,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": control.policy_binding_cells,
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": control.policy_binding_cells,
    "flowschemas.flowcontrol.apiserver.k8s.io": control.flow_schema_cells,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": control.priority_level_cells,
    "certificatesigningrequests.certificates.k8s.io": control.certificate_request_cells,
    "clustertrustbundles.certificates.k8s.io": control.trust_bundle_cells,
    "podcertificaterequests.certificates.k8s.io": control.pod_certificate_request_cells,
    "storageversionmigrations.storagemigration.k8s.io": control.migration_cells,
    "storageclasses.storage.k8s.io": storage.storage_class_cells,
    "volumeattributesclasses.storage.k8s.io": storage.attributes_class_cells,
    "csidrivers.storage.k8s.io": storage.driver_cells,
    "csinodes.storage.k8s.io": storage.driver_node_cells,
    "volumeattachments.storage.k8s.io": storage.attachment_cells,
    "deviceclasses.resource.k8s.io": kinds.generic_cells,
    "resourceclaims.resource.k8s.io": storage.resource_claim_cells,
    "resourceclaimtemplates.resource.k8s.io": kinds.generic_cells,
    "resourceslices.resource.k8s.io": storage.resource_slice_cells,
    "devicetaintrules.resource.k8s.io": storage.taint_rule_cells,
}
_ARRANGED: Mapping[str, Arrange] = {
    "flowschemas.flowcontrol.apiserver.k8s.io": control.by_precedence,
    "storageclasses.storage.k8s.io": storage.with_default_marked,
}

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
    if resource in EVENTS:
        return _recorded()[resource], kinds.event_row
    cells = _CELLS.get(resource)
    return (_recorded()[""], kinds.dated_cells) if cells is None else (_recorded()[resource], cells)


def arranged(resource: str, objects: Sequence[Stored]) -> Sequence[Stored]:
    """Objects as a list's Table has them: of some kinds in another order, or with a mark at a name."""
    arrange = _ARRANGED.get(resource)
    return objects if arrange is None else arrange(objects)
