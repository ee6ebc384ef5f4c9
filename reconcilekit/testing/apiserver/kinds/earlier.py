"""Versions of built-in kinds that are known and not served: an object that says one is that kind's all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ADMISSION: Final = ("admissionregistration.k8s.io/v1alpha1", "admissionregistration.k8s.io/v1beta1")
_APPS: Final = ("apps/v1beta1", "apps/v1beta2")
_AUTHORIZATION: Final = ("authorization.k8s.io/v1beta1",)
_AUTOSCALING: Final = ("autoscaling/v1", "autoscaling/v2")
_EVENTS: Final = ("v1", "events.k8s.io/v1", "events.k8s.io/v1beta1")
_EXTENSIONS: Final = "extensions/v1beta1"
_FLOWCONTROL: Final = tuple(f"flowcontrol.apiserver.k8s.io/v1beta{n}" for n in (1, 2, 3))
_NETWORKING: Final = "networking.k8s.io/v1beta1"
_RBAC: Final = ("rbac.authorization.k8s.io/v1alpha1", "rbac.authorization.k8s.io/v1beta1")
_RESOURCE: Final = ("resource.k8s.io/v1beta1", "resource.k8s.io/v1beta2")
_STORAGE: Final = ("storage.k8s.io/v1alpha1", "storage.k8s.io/v1beta1")

_VERSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "APIService": ("apiregistration.k8s.io/v1beta1",),
    "CSIDriver": _STORAGE[1:],
    "CSINode": _STORAGE[1:],
    "CSIStorageCapacity": _STORAGE,
    "CertificateSigningRequest": ("certificates.k8s.io/v1beta1",),
    "ClusterRole": _RBAC,
    "ClusterRoleBinding": _RBAC,
    "ClusterTrustBundle": ("certificates.k8s.io/v1alpha1", "certificates.k8s.io/v1beta1"),
    "ControllerRevision": _APPS,
    "CronJob": ("batch/v1beta1",),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1beta1",),
    "DaemonSet": (_APPS[1], _EXTENSIONS),
    "Deployment": (*_APPS, _EXTENSIONS),
    "DeviceClass": _RESOURCE,
    "DeviceTaintRule": ("resource.k8s.io/v1alpha3", _RESOURCE[1]),
    "EndpointSlice": ("discovery.k8s.io/v1beta1",),
    "Event": _EVENTS,
    "FlowSchema": _FLOWCONTROL,
    "HorizontalPodAutoscaler": _AUTOSCALING,
    "IPAddress": (_NETWORKING,),
    "Ingress": (_NETWORKING, _EXTENSIONS),
    "IngressClass": (_NETWORKING,),
    "Lease": ("coordination.k8s.io/v1beta1",),
    "LocalSubjectAccessReview": _AUTHORIZATION,
    "MutatingAdmissionPolicy": _ADMISSION,
    "MutatingAdmissionPolicyBinding": _ADMISSION,
    "MutatingWebhookConfiguration": _ADMISSION[1:],
    "NetworkPolicy": (_EXTENSIONS,),
    "PodCertificateRequest": ("certificates.k8s.io/v1beta1",),
    "PodDisruptionBudget": ("policy/v1beta1",),
    "PriorityClass": ("scheduling.k8s.io/v1beta1",),
    "PriorityLevelConfiguration": _FLOWCONTROL,
    "ReplicaSet": (_APPS[1], _EXTENSIONS),
    "ResourceClaim": _RESOURCE,
    "ResourceClaimTemplate": _RESOURCE,
    "ResourceSlice": _RESOURCE,
    "Role": _RBAC,
    "RoleBinding": _RBAC,
    "RuntimeClass": ("node.k8s.io/v1alpha1", "node.k8s.io/v1beta1"),
    "Scale": (*_APPS, _EXTENSIONS),
    "SelfSubjectAccessReview": _AUTHORIZATION,
    "SelfSubjectReview": ("authentication.k8s.io/v1alpha1", "authentication.k8s.io/v1beta1"),
    "SelfSubjectRulesReview": _AUTHORIZATION,
    "ServiceCIDR": (_NETWORKING,),
    "StatefulSet": _APPS,
    "StorageClass": _STORAGE[1:],
    "StorageVersionMigration": ("storagemigration.k8s.io/v1beta1",),
    "SubjectAccessReview": _AUTHORIZATION,
    "TokenReview": ("authentication.k8s.io/v1beta1",),
    "ValidatingAdmissionPolicy": _ADMISSION,
    "ValidatingAdmissionPolicyBinding": _ADMISSION,
    "ValidatingWebhookConfiguration": _ADMISSION[1:],
    "VolumeAttachment": _STORAGE,
    "VolumeAttributesClass": _STORAGE,
}
"""By kind; of those that are served in several versions all of them."""

_OTHER_FIELDS: Final = frozenset(
    {
        *(("Ingress", version) for version in _VERSIONS["Ingress"]),
        *(("Event", version) for version in _EVENTS),
        *(("HorizontalPodAutoscaler", version) for version in _AUTOSCALING),
        *(("Scale", version) for version in _VERSIONS["Scale"]),
        *(("PriorityLevelConfiguration", version) for version in _FLOWCONTROL[:2]),
        *((f"Resource{kind}", _RESOURCE[0]) for kind in ("Claim", "ClaimTemplate", "Slice")),
        *((kind, _RBAC[0]) for kind in ("RoleBinding", "ClusterRoleBinding")),
        ("RuntimeClass", "node.k8s.io/v1alpha1"),
        ("CustomResourceDefinition", "apiextensions.k8s.io/v1beta1"),
    }
)
"""Kind and version where the fields are others than those of the version that is served."""


def is_earlier(kind: str, api_version: str) -> bool:
    """Whether a kind is known in a version beside the one that is served."""
    return api_version in _VERSIONS.get(kind, ())


def has_same_fields(kind: str, api_version: str) -> bool:
    """Whether what says this version can be read as if it said the one that is served."""
    return is_earlier(kind, api_version) and (kind, api_version) not in _OTHER_FIELDS
