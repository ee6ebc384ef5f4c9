"""What the real server refuses of built-in kinds' objects beyond what OpenAPI says, in its words.

Each check gets the object with its defaults filled in, and the one that it replaces, None for a new one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation import (
    core,
    endpoints,
    namespaces,
    others,
    pods,
    resizing,
    services,
    statuses,
)
from reconcilekit.testing.apiserver.validation.causes import Found, Obj
from reconcilekit.testing.apiserver.validation.ip_addresses import LOOPBACK_RULE
from reconcilekit.testing.apiserver.validation.metadata import NameRule, behind_signer, metadata_causes, path_segment
from reconcilekit.testing.apiserver.validation.others import SYSTEM_PRIORITIES
from reconcilekit.testing.apiserver.validation.warnings import AT_FIRST, BY_GENERATION, NAMED, WARNINGS, name_warnings

Check = Callable[[Obj, Obj | None], Found]


def _later(module: str, name: str) -> Callable[[Obj, Any], Found]:
    """A check out of a module that is imported with the first object that it looks at."""

    def check(obj: Obj, old: Any) -> Found:
        found: Found = getattr(importlib.import_module(f"{__name__}.{module}"), name)(obj, old)
        return found

    return check


CHECKS: Mapping[tuple[str, str], Check] = {
    ("", "configmaps"): core.config_map_causes,
    ("", "endpoints"): endpoints.endpoints_causes,
    ("", "events"): _later("events", "event_causes"),
    ("", "limitranges"): _later("limits", "limit_range_causes"),
    ("", "namespaces"): namespaces.namespace_causes,
    ("", "persistentvolumeclaims"): _later("claims", "claim_causes"),
    ("", "persistentvolumes"): core.volume_causes,
    ("", "pods"): pods.pod_causes,
    ("", "podtemplates"): _later("workloads", "pod_template_causes"),
    ("", "replicationcontrollers"): _later("workloads", "replication_controller_causes"),
    ("", "resourcequotas"): _later("quotas", "quota_causes"),
    ("", "secrets"): core.secret_causes,
    ("", "services"): services.service_causes,
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): _later(
        "webhooks", "mutating_webhook_configuration_causes"
    ),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): _later(
        "webhooks", "webhook_configuration_causes"
    ),
    ("apps", "daemonsets"): _later("workloads", "daemon_set_causes"),
    ("apps", "deployments"): _later("workloads", "deployment_causes"),
    ("apps", "replicasets"): _later("workloads", "replica_set_causes"),
    ("apps", "statefulsets"): _later("workloads", "stateful_set_causes"),
    ("autoscaling", "horizontalpodautoscalers"): _later("autoscalers", "autoscaler_causes"),
    ("batch", "cronjobs"): _later("jobs", "cron_job_causes"),
    ("batch", "jobs"): _later("jobs", "job_causes"),
    ("certificates.k8s.io", "certificatesigningrequests"): _later("certificate_requests", "request_causes"),
    ("events.k8s.io", "events"): _later("events", "strict_event_causes"),
    ("coordination.k8s.io", "leases"): others.lease_causes,
    ("discovery.k8s.io", "endpointslices"): endpoints.endpoint_slice_causes,
    ("networking.k8s.io", "ingressclasses"): _later("ingresses", "ingress_class_causes"),
    ("networking.k8s.io", "ingresses"): _later("ingresses", "ingress_causes"),
    ("networking.k8s.io", "networkpolicies"): _later("network_policies", "network_policy_causes"),
    ("node.k8s.io", "runtimeclasses"): _later("runtime_classes", "runtime_class_causes"),
    ("policy", "poddisruptionbudgets"): _later("budgets", "disruption_budget_causes"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _later("bindings", "cluster_role_binding_causes"),
    ("rbac.authorization.k8s.io", "clusterroles"): _later("bindings", "cluster_role_causes"),
    ("rbac.authorization.k8s.io", "rolebindings"): _later("bindings", "role_binding_causes"),
    ("rbac.authorization.k8s.io", "roles"): _later("bindings", "role_causes"),
    ("scheduling.k8s.io", "priorityclasses"): others.priority_class_causes,
}
"""By group and plural, of what is asked for or of what is stored; the others have types and metadata checked alone."""

StatusCheck = Callable[[Obj, Obj], Found]

STATUS_CHECKS: Mapping[tuple[str, str], StatusCheck] = {
    ("", "namespaces"): namespaces.namespace_status_causes,
    ("", "persistentvolumeclaims"): _later("claims", "claim_status_causes"),
    ("", "pods"): _later("pod_statuses", "pod_status_causes"),
    ("", "replicationcontrollers"): statuses.REPLICATION_CONTROLLER.causes,
    ("", "resourcequotas"): _later("quotas", "quota_status_causes"),
    ("", "services"): services.service_status_causes,
    ("apps", "daemonsets"): statuses.DAEMON_SET.causes,
    ("apps", "deployments"): statuses.DEPLOYMENT.causes,
    ("apps", "replicasets"): statuses.REPLICA_SET.causes,
    ("apps", "statefulsets"): statuses.STATEFUL_SET.causes,
    ("autoscaling", "horizontalpodautoscalers"): statuses.autoscaler_status_causes,
    ("batch", "jobs"): _later("job_statuses", "job_status_causes"),
    ("certificates.k8s.io", "certificatesigningrequests"): _later("certificate_requests", "certificate_causes"),
    ("networking.k8s.io", "ingresses"): statuses.ingress_status_causes,
    ("policy", "poddisruptionbudgets"): statuses.disruption_budget_status_causes,
}
"""What is looked at when a status is written, by group and plural."""

PART_CHECKS: Mapping[tuple[str, str, str], StatusCheck] = {
    ("", "pods", "ephemeralcontainers"): _later("ephemeral", "ephemeral_causes"),
    ("", "pods", "resize"): resizing.resize_causes,
    ("certificates.k8s.io", "certificatesigningrequests", "approval"): _later(
        "certificate_requests", "approval_causes"
    ),
}
"""What is looked at when another part is written, by group, plural and subresource."""

_LABEL_NAMES = frozenset({("", "namespaces"), ("", "services"), ("apps", "statefulsets")})


def name_rule(group: str, plural: str) -> NameRule:
    """What a kind's objects may be called."""
    if group == "rbac.authorization.k8s.io" or plural == "certificatesigningrequests":
        return path_segment
    if plural == "clustertrustbundles":
        return behind_signer
    return names.label if (group, plural) in _LABEL_NAMES else names.subdomain


__all__ = [
    "AT_FIRST",
    "BY_GENERATION",
    "CHECKS",
    "LOOPBACK_RULE",
    "NAMED",
    "PART_CHECKS",
    "STATUS_CHECKS",
    "SYSTEM_PRIORITIES",
    "WARNINGS",
    "Check",
    "metadata_causes",
    "name_rule",
    "name_warnings",
]
