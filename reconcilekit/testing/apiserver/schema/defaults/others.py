"""Networking, autoscaling, access, discovery, storage, scheduling, admission (their packages' v1/defaults.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcilekit.testing.apiserver.schema.defaults.filling import Fill, fill

_ACCESS_GROUP = "rbac.authorization.k8s.io"
_CPU_PERCENT = 80
_WEBHOOK_SECONDS = 10
_PRECEDENCE = 1000
_QUEUING = {"queues": 64, "handSize": 8, "queueLengthLimit": 50}


def _fill_network_policy_spec(spec: dict[str, Any]) -> None:
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _fill_autoscaler_spec(spec: dict[str, Any]) -> None:
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": _CPU_PERCENT}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if "behavior" in spec:
        behavior = spec["behavior"]
        behavior["scaleUp"] = {**_scale_up_rules(), **behavior.get("scaleUp", {})}
        behavior["scaleDown"] = {**_scale_down_rules(), **behavior.get("scaleDown", {})}


def _scale_up_rules() -> dict[str, Any]:
    pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    return {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [pods, percent]}


def _scale_down_rules() -> dict[str, Any]:
    return {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


def _fill_role_ref(ref: dict[str, Any]) -> None:
    ref["apiGroup"] = ref.get("apiGroup") or _ACCESS_GROUP


def _fill_subject(subject: dict[str, Any]) -> None:
    if subject.get("kind") in ("User", "Group"):
        subject.setdefault("apiGroup", _ACCESS_GROUP)


def _fill_driver(spec: dict[str, Any]) -> None:
    _driver(spec)
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def _fill_device_request(request: dict[str, Any]) -> None:
    if request.setdefault("allocationMode", "ExactCount") == "ExactCount":
        request.setdefault("count", 1)


def _fill_selection(selection: dict[str, Any]) -> None:
    """What decides for whom a webhook or a policy is."""
    selection.setdefault("matchPolicy", "Equivalent")
    selection.setdefault("namespaceSelector", {})
    selection.setdefault("objectSelector", {})


def _fill_validating(webhook: dict[str, Any]) -> None:
    webhook.setdefault("failurePolicy", "Fail")
    _fill_selection(webhook)
    webhook.setdefault("timeoutSeconds", _WEBHOOK_SECONDS)


def _fill_mutating(webhook: dict[str, Any]) -> None:
    _fill_validating(webhook)
    webhook.setdefault("reinvocationPolicy", "Never")


_driver = fill(
    attachRequired=True,
    podInfoOnMount=False,
    storageCapacity=False,
    fsGroupPolicy="ReadWriteOnceWithFSType",
    requiresRepublish=False,
    seLinuxMount=False,
    preventPodSchedulingIfMissing=False,
)


def _fill_flow_schema_spec(spec: dict[str, Any]) -> None:
    spec["matchingPrecedence"] = spec.get("matchingPrecedence") or _PRECEDENCE


def _fill_queuing(queuing: dict[str, Any]) -> None:
    for name, value in _QUEUING.items():
        queuing[name] = queuing.get(name) or value


DEFAULTS: Mapping[str, Fill] = {
    f"io.k8s.{name if name.startswith('kube-') else f'api.{name}'}": told
    for name, told in {
        "networking.v1.NetworkPolicySpec": _fill_network_policy_spec,
        "networking.v1.NetworkPolicyPort": fill(protocol="TCP"),
        "networking.v1.IngressClassParametersReference": fill(scope="Cluster"),
        "autoscaling.v2.HorizontalPodAutoscalerSpec": _fill_autoscaler_spec,
        "authentication.v1.TokenRequestSpec": fill(expirationSeconds=3600),
        "rbac.v1.RoleRef": _fill_role_ref,
        "rbac.v1.Subject": _fill_subject,
        "discovery.v1.EndpointPort": fill(name="", protocol="TCP"),
        "flowcontrol.v1.FlowSchemaSpec": _fill_flow_schema_spec,
        "flowcontrol.v1.ExemptPriorityLevelConfiguration": fill(nominalConcurrencyShares=0, lendablePercent=0),
        "flowcontrol.v1.LimitedPriorityLevelConfiguration": fill(nominalConcurrencyShares=30, lendablePercent=0),
        "flowcontrol.v1.QueuingConfiguration": _fill_queuing,
        "storage.v1.StorageClass": fill(reclaimPolicy="Delete", volumeBindingMode="Immediate"),
        "storage.v1.CSIDriverSpec": _fill_driver,
        "admissionregistration.v1.ValidatingWebhook": _fill_validating,
        "admissionregistration.v1.MutatingWebhook": _fill_mutating,
        "admissionregistration.v1.RuleWithOperations": fill(scope="*"),
        "admissionregistration.v1.NamedRuleWithOperations": fill(scope="*"),
        "admissionregistration.v1.ServiceReference": fill(port=443),
        "admissionregistration.v1.ValidatingAdmissionPolicySpec": fill(failurePolicy="Fail"),
        "admissionregistration.v1.MutatingAdmissionPolicySpec": fill(failurePolicy="Fail"),
        "admissionregistration.v1.MatchResources": _fill_selection,
        "kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference": fill(port=443),
        "scheduling.v1.PriorityClass": fill(preemptionPolicy="PreemptLowerPriority"),
        "resource.v1.ExactDeviceRequest": _fill_device_request,
        "resource.v1.DeviceSubRequest": _fill_device_request,
    }.items()
}
