"""Bodies in Kubernetes' protobuf, as far as `kubectl create` without a manifest sends them.

Typed Go clients write protobuf and have no second try in JSON, so a server that takes `kubectl create configmap`
must read it. Only what is named in the table is understood; a body with anything else in it is refused whole, never
taken in part.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

MAGIC = b"k8s\0"
"""What every body in the envelope (runtime.Unknown) begins with."""

# Field numbers from k8s.io/api and k8s.io/apimachinery, v0.32, generated.proto. `name[]` is repeated; a field without
# a type is a string; "!" keeps a zero, which Go has behind a pointer; "-" is skipped; "~" is inlined.
_TABLE = """
ObjectMeta: 1 name, 2 generateName, 3 namespace, 5 uid, 6 resourceVersion, 8 creationTimestamp -, 11 labels map,
  12 annotations map, 13 ownerReferences[] OwnerReference, 14 finalizers[], 17 managedFields -
OwnerReference: 1 kind, 3 name, 4 uid, 5 apiVersion, 6 controller bool!, 7 blockOwnerDeletion bool!
LabelSelector: 1 matchLabels map, 2 matchExpressions[] LabelSelectorRequirement
LabelSelectorRequirement: 1 key, 2 operator, 3 values[]
Namespace: 1 metadata ObjectMeta, 2 spec NamespaceSpec, 3 status -
NamespaceSpec: 1 finalizers[]
ConfigMap: 1 metadata ObjectMeta, 2 data map, 3 binaryData map:bytes, 4 immutable bool!
Secret: 1 metadata ObjectMeta, 2 data map:bytes, 3 type, 4 stringData map, 5 immutable bool!
ServiceAccount: 1 metadata ObjectMeta, 2 secrets[] ObjectReference, 3 imagePullSecrets[] LocalObjectReference,
  4 automountServiceAccountToken bool!
ObjectReference: 1 kind, 2 namespace, 3 name, 4 uid, 5 apiVersion, 6 resourceVersion, 7 fieldPath
LocalObjectReference: 1 name
Service: 1 metadata ObjectMeta, 2 spec ServiceSpec, 3 status -
ServiceSpec: 1 ports[] ServicePort, 2 selector map, 3 clusterIP, 4 type, 5 externalIPs[], 7 sessionAffinity,
  8 loadBalancerIP, 9 loadBalancerSourceRanges[], 10 externalName, 11 externalTrafficPolicy,
  12 healthCheckNodePort int, 13 publishNotReadyAddresses bool, 17 ipFamilyPolicy, 18 clusterIPs[], 19 ipFamilies[],
  20 allocateLoadBalancerNodePorts bool!, 21 loadBalancerClass, 22 internalTrafficPolicy, 23 trafficDistribution
ServicePort: 1 name, 2 protocol, 3 port int, 4 targetPort IntOrString, 5 nodePort int, 6 appProtocol
Deployment: 1 metadata ObjectMeta, 2 spec DeploymentSpec, 3 status -
DeploymentSpec: 1 replicas int!, 2 selector LabelSelector, 3 template PodTemplateSpec, 4 strategy DeploymentStrategy,
  5 minReadySeconds int, 6 revisionHistoryLimit int!, 7 paused bool, 9 progressDeadlineSeconds int!
DeploymentStrategy: 1 type, 2 rollingUpdate RollingUpdateDeployment
RollingUpdateDeployment: 1 maxUnavailable IntOrString, 2 maxSurge IntOrString
PodTemplateSpec: 1 metadata ObjectMeta, 2 spec PodSpec
PodSpec: 2 containers[] Container, 3 restartPolicy, 4 terminationGracePeriodSeconds int!, 5 activeDeadlineSeconds int!,
  6 dnsPolicy, 7 nodeSelector map, 8 serviceAccountName, 9 serviceAccount, 10 nodeName, 11 hostNetwork bool,
  12 hostPID bool, 13 hostIPC bool, 15 imagePullSecrets[] LocalObjectReference, 16 hostname, 17 subdomain,
  19 schedulerName, 20 initContainers[] Container, 21 automountServiceAccountToken bool!, 24 priorityClassName,
  30 enableServiceLinks bool!
Container: 1 name, 2 image, 3 command[], 4 args[], 5 workingDir, 6 ports[] ContainerPort, 7 env[] EnvVar,
  8 resources ResourceRequirements, 13 terminationMessagePath, 14 imagePullPolicy, 16 stdin bool, 17 stdinOnce bool,
  18 tty bool, 20 terminationMessagePolicy, 24 restartPolicy
ContainerPort: 1 name, 2 hostPort int, 3 containerPort int, 4 protocol, 5 hostIP
EnvVar: 1 name, 2 value
ResourceRequirements: 1 limits map:Quantity, 2 requests map:Quantity
Job: 1 metadata ObjectMeta, 2 spec JobSpec, 3 status -
JobSpec: 1 parallelism int!, 2 completions int!, 3 activeDeadlineSeconds int!, 4 selector LabelSelector,
  5 manualSelector bool!, 6 template PodTemplateSpec, 7 backoffLimit int!, 8 ttlSecondsAfterFinished int!,
  9 completionMode, 10 suspend bool!, 12 backoffLimitPerIndex int!, 13 maxFailedIndexes int!, 14 podReplacementPolicy
CronJob: 1 metadata ObjectMeta, 2 spec CronJobSpec, 3 status -
CronJobSpec: 1 schedule, 2 startingDeadlineSeconds int!, 3 concurrencyPolicy, 4 suspend bool!,
  5 jobTemplate JobTemplateSpec, 6 successfulJobsHistoryLimit int!, 7 failedJobsHistoryLimit int!, 8 timeZone
JobTemplateSpec: 1 metadata ObjectMeta, 2 spec JobSpec
Ingress: 1 metadata ObjectMeta, 2 spec IngressSpec, 3 status -
IngressSpec: 1 defaultBackend IngressBackend, 2 tls[] IngressTLS, 3 rules[] IngressRule, 4 ingressClassName
IngressRule: 1 host, 2 ~ IngressRuleValue
IngressRuleValue: 1 http HTTPIngressRuleValue
HTTPIngressRuleValue: 1 paths[] HTTPIngressPath
HTTPIngressPath: 1 path, 2 backend IngressBackend, 3 pathType
IngressBackend: 4 service IngressServiceBackend
IngressServiceBackend: 1 name, 2 port ServiceBackendPort
ServiceBackendPort: 1 name, 2 number int
IngressTLS: 1 hosts[], 2 secretName
PodDisruptionBudget: 1 metadata ObjectMeta, 2 spec PodDisruptionBudgetSpec, 3 status -
PodDisruptionBudgetSpec: 1 minAvailable IntOrString, 2 selector LabelSelector, 3 maxUnavailable IntOrString,
  4 unhealthyPodEvictionPolicy
Role: 1 metadata ObjectMeta, 2 rules[] PolicyRule
ClusterRole: 1 metadata ObjectMeta, 2 rules[] PolicyRule
PolicyRule: 1 verbs[], 2 apiGroups[], 3 resources[], 4 resourceNames[], 5 nonResourceURLs[]
RoleBinding: 1 metadata ObjectMeta, 2 subjects[] Subject, 3 roleRef RoleRef
ClusterRoleBinding: 1 metadata ObjectMeta, 2 subjects[] Subject, 3 roleRef RoleRef
Subject: 1 kind, 2 apiGroup, 3 name, 4 namespace
RoleRef: 1 apiGroup, 2 kind, 3 name
SelfSubjectReview: 1 metadata ObjectMeta, 2 status -
TokenReview: 1 metadata ObjectMeta, 2 spec TokenReviewSpec, 3 status -
TokenReviewSpec: 1 token, 2 audiences[]
TokenRequest: 1 metadata ObjectMeta, 2 spec TokenRequestSpec, 3 status -
TokenRequestSpec: 1 audiences[], 3 boundObjectRef BoundObjectReference, 4 expirationSeconds int!
BoundObjectReference: 1 kind, 2 apiVersion, 3 name, 4 uid
SubjectAccessReview: 1 metadata ObjectMeta, 2 spec SubjectAccessReviewSpec, 3 status -
LocalSubjectAccessReview: 1 metadata ObjectMeta, 2 spec SubjectAccessReviewSpec, 3 status -
SubjectAccessReviewSpec: 1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResourceAttributes, 3 user,
  4 groups[], 6 uid
SelfSubjectAccessReview: 1 metadata ObjectMeta, 2 spec SelfSubjectAccessReviewSpec, 3 status -
SelfSubjectAccessReviewSpec: 1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResourceAttributes
SelfSubjectRulesReview: 1 metadata ObjectMeta, 2 spec SelfSubjectRulesReviewSpec, 3 status -
SelfSubjectRulesReviewSpec: 1 namespace
ResourceAttributes: 1 namespace, 2 verb, 3 group, 4 version, 5 resource, 6 subresource, 7 name
NonResourceAttributes: 1 path, 2 verb
DeleteOptions: 1 gracePeriodSeconds int!, 2 preconditions Preconditions, 3 orphanDependents bool!,
  4 propagationPolicy, 5 dryRun[]
Preconditions: 1 uid, 2 resourceVersion
"""


class UnsupportedBodyError(ValueError):
    """The body has what the table doesn't name, or isn't protobuf."""


@attrs.frozen
class _Field:
    name: str
    type: str
    is_repeated: bool
    keeps_zero: bool


@functools.cache
def _messages() -> Mapping[str, Mapping[int, _Field]]:
    lines = _TABLE.strip().replace("\n  ", " ").splitlines()
    messages = {}
    for line in lines:
        message, _, fields = line.partition(":")
        parsed = (field.split() for field in fields.split(","))
        messages[message] = {int(number): _field(name, *rest) for number, name, *rest in parsed}
    return messages


def _field(name: str, kind: str = "string") -> _Field:
    return _Field(name.removesuffix("[]"), kind.removesuffix("!"), name.endswith("[]"), kind.endswith("!"))


def decode_protobuf(body: bytes) -> dict[str, Any]:
    """The object that a body in Kubernetes' protobuf envelope holds, as its JSON would be.

    Raises:
        UnsupportedBodyError: it holds something else.
    """
    if not body.startswith(MAGIC):
        raise UnsupportedBodyError("no Kubernetes protobuf: the magic number is missing")
    try:
        envelope = dict(_wire(body[len(MAGIC) :]))
        meta = {number: bytes(value).decode() for number, value in _wire(envelope[1])}
        return {"apiVersion": meta[1], "kind": meta[2], **_decode(meta[2], envelope.get(2, b""))}
    except (KeyError, IndexError, TypeError, UnicodeDecodeError) as error:
        raise UnsupportedBodyError(f"no Kubernetes protobuf: {error!r}") from error


def _decode(message: str, data: bytes) -> dict[str, Any]:
    fields = _messages()[message]
    decoded: dict[str, Any] = {}
    for number, value in _wire(data):
        field = fields.get(number)
        if field is None:
            if value:
                raise UnsupportedBodyError(f"field {number} of {message} is unknown here")
        elif field.type != "-":
            _take(decoded, field, value)
    return decoded


def _take(decoded: dict[str, Any], field: _Field, value: Any) -> None:
    if field.name == "~":
        decoded.update(_decode(field.type, value))
    elif field.type.startswith("map"):
        key, item = _entry(value, field.type)
        decoded.setdefault(field.name, {})[key] = item
    elif field.is_repeated:
        decoded.setdefault(field.name, []).append(_scalar(field.type, value))
    else:
        found = _scalar(field.type, value)
        if found not in ("", 0) or field.keeps_zero:
            decoded[field.name] = found


def _entry(value: bytes, kind: str) -> tuple[str, Any]:
    parts = dict(_wire(value))
    return bytes(parts.get(1, b"")).decode(), _scalar(kind.partition(":")[2] or "string", parts.get(2, b""))


def _scalar(kind: str, value: Any) -> Any:
    match kind:
        case "string":
            return value.decode()
        case "bytes":
            return base64.b64encode(value).decode()
        case "int":
            return value - (1 << 64) if value >= 1 << 63 else value
        case "bool":
            return bool(value)
        case "Quantity":
            return bytes(dict(_wire(value)).get(1, b"")).decode()
        case "IntOrString":
            parts = dict(_wire(value))
            return bytes(parts.get(3, b"")).decode() if parts.get(1) else parts.get(2, 0)
    return _decode(kind, value)


def _wire(data: bytes) -> Iterator[tuple[int, Any]]:
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
                yield tag >> 3, value
            case 2:
                length, position = _varint(data, position)
                if position + length > len(data):
                    raise UnsupportedBodyError("no Kubernetes protobuf: it is truncated")
                yield tag >> 3, data[position : position + length]
                position += length
            case kind:
                raise UnsupportedBodyError(f"wire type {kind} is in no message that is known here")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
