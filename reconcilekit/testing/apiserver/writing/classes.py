"""What the stored classes make of the objects that name them, or should.

They are the admission plugins Priority, RuntimeClass, DefaultStorageClass, PersistentVolumeClaimResize and
DefaultIngressClass, and beside them CertificateSubjectRestriction; a real server has them switched on
(plugin/pkg/admission). What they fill in nobody owns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.kinds.resources import ResourceType
from reconcilekit.testing.apiserver.kinds.traits import SIGNING_REQUESTS
from reconcilekit.testing.apiserver.storage.storage import Storage, Stored
from reconcilekit.testing.apiserver.validation.claims import size
from reconcilekit.testing.apiserver.writing.preconditions import Target

PRIORITIES = ("scheduling.k8s.io", "v1", "priorityclasses")
RUNTIMES = ("node.k8s.io", "v1", "runtimeclasses")
STORAGE = ("storage.k8s.io", "v1", "storageclasses")
INGRESSES = ("networking.k8s.io", "v1", "ingressclasses")

_DEFAULT_STORAGE = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
_DEFAULT_INGRESS = ("ingressclass.kubernetes.io/is-default-class",)
_OLD_STORAGE = "volume.beta.kubernetes.io/storage-class"
_OLD_INGRESS = "kubernetes.io/ingress.class"
"""Annotations that name a class, from before there were fields for it."""

_EVICTS = "PreemptLowerPriority"
_FIXED_SIZE = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)

Content = Mapping[str, Any]
_Fill = Callable[[Target, dict[str, Any], Content | None], None]
_Check = Callable[[Target, Content, Content | None], None]


def _check_subject(target: Target, content: Content, old: Content | None) -> None:
    from reconcilekit.testing.apiserver.writing.certificate_requests import check_subject

    check_subject(target, content, old)


class Classes:
    """The classes as they are stored.

    Args:
        storage: where they are.
        find: the kind of a group, version and plural.
    """

    def __init__(self, storage: Storage, find: Callable[[str, str, str], ResourceType | None]) -> None:
        self._storage = storage
        self._find = find
        self._fills: Mapping[tuple[str, str], _Fill] = {
            ("", "pods"): self._fill_pod,
            ("", "persistentvolumeclaims"): self._fill_claim,
            ("networking.k8s.io", "ingresses"): self._fill_ingress,
        }
        self._checks: Mapping[tuple[str, str], _Check] = {
            ("", "persistentvolumeclaims"): self._check_size,
            ("scheduling.k8s.io", "priorityclasses"): self._check_default,
            SIGNING_REQUESTS: _check_subject,
        }

    def fill_in(self, target: Target, content: dict[str, Any], old: Content | None) -> None:
        """Put in, in place, what its class has for an object; what is there already stays.

        Raises:
            StatusError: 403 for a class that isn't there, or that has something else.
        """
        if not target.subresource and (fill := self._fills.get(target.served.storage_key)):
            fill(target, content, old)

    def check(self, target: Target, content: Content, old: Content | None) -> None:
        """Refuse what the classes don't allow.

        Raises:
            StatusError: 403.
        """
        if not target.subresource and (check := self._checks.get(target.served.storage_key)):
            check(target, content, old)

    def _all(self, kind: tuple[str, str, str]) -> Sequence[Stored]:
        served = self._find(*kind)
        assert served is not None
        return list(self._storage.collection(served).objects.values())

    def _one(self, kind: tuple[str, str, str], name: str) -> Content | None:
        served = self._find(*kind)
        assert served is not None
        found = self._storage.collection(served).objects.get(ObjectKey("", name))
        return None if found is None else found.content

    def _newest(self, kind: tuple[str, str, str], annotations: Sequence[str]) -> str | None:
        """The class that is marked as the default one."""
        marked = [stored for stored in self._all(kind) if _is_marked(stored, annotations)]
        marked.sort(key=lambda stored: stored.key.name)
        marked.sort(key=lambda stored: str(stored.meta["creationTimestamp"]), reverse=True)
        return marked[0].key.name if marked else None

    def _fill_pod(self, target: Target, pod: dict[str, Any], old: Content | None) -> None:
        spec = pod["spec"]
        if old is None:
            self._fill_priority(target, pod)
            self._fill_runtime(target, pod)
            return
        for name in ("priority", "preemptionPolicy"):
            if spec.get(name) is None and old["spec"].get(name) is not None:
                spec[name] = old["spec"][name]

    def _fill_priority(self, target: Target, pod: dict[str, Any]) -> None:
        spec = pod["spec"]
        name = spec.get("priorityClassName", "")
        found = self._one(PRIORITIES, name) if name else self._default_priority()
        if name and found is None:
            raise _refused(target, pod, f"no PriorityClass with name {name} was found")
        if found is not None:
            spec["priorityClassName"] = found["metadata"]["name"]
        priority = 0 if found is None else found.get("value", 0)
        policy = _EVICTS if found is None else found.get("preemptionPolicy")
        told = spec.setdefault("priority", priority)
        if told != priority:
            raise _refused(
                target,
                pod,
                f"the integer value of priority ({told}) must not be provided in pod spec; priority admission "
                f"controller computed {priority} from the given PriorityClass name",
            )
        if policy is not None and (told := spec.setdefault("preemptionPolicy", policy)) != policy:
            raise _refused(
                target,
                pod,
                f"the string value of PreemptionPolicy ({told}) must not be provided in pod spec; priority admission "
                f"controller computed {policy} from the given PriorityClass name",
            )

    def _default_priority(self) -> Content | None:
        found = [stored.content for stored in self._all(PRIORITIES) if stored.content.get("globalDefault")]
        return min(found, key=lambda content: int(content.get("value", 0)), default=None)

    def _fill_runtime(self, target: Target, pod: dict[str, Any]) -> None:
        spec = pod["spec"]
        name = spec.get("runtimeClassName")
        found = None if name is None else self._one(RUNTIMES, name)
        if name is not None and found is None:
            raise _refused(target, pod, f'pod rejected: RuntimeClass "{name}" not found')
        overhead = ((found or {}).get("overhead") or {}).get("podFixed")
        told = spec.get("overhead")
        if told and overhead is None:
            why = "Pod Overhead set without corresponding RuntimeClass defined Overhead"
            raise _refused(target, pod, f"pod rejected: {why}")
        if told and told != overhead:
            raise _refused(target, pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
        if overhead:
            spec["overhead"] = overhead
        if found is not None and (scheduling := found.get("scheduling")):
            self._fill_scheduling(target, pod, scheduling)

    def _fill_scheduling(self, target: Target, pod: dict[str, Any], scheduling: Content) -> None:
        spec = pod["spec"]
        selected = dict(spec.get("nodeSelector") or {})
        for key, value in (scheduling.get("nodeSelector") or {}).items():
            if selected.setdefault(key, value) != value:
                told = f"runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}]"
                raise _refused(target, pod, f"conflict: {told} = {selected[key]}")
        if selected:
            spec["nodeSelector"] = selected
        tolerations = spec.get("tolerations") or []
        added = [told for told in scheduling.get("tolerations") or () if told not in tolerations]
        if added:
            spec["tolerations"] = [*tolerations, *added]

    def _fill_claim(self, target: Target, claim: dict[str, Any], old: Content | None) -> None:
        has_class = claim["spec"].get("storageClassName") is not None or _OLD_STORAGE in _annotations(claim)
        if old is None and not has_class and (name := self._newest(STORAGE, _DEFAULT_STORAGE)):
            claim["spec"]["storageClassName"] = name

    def _fill_ingress(self, target: Target, ingress: dict[str, Any], old: Content | None) -> None:
        has_class = ingress["spec"].get("ingressClassName") is not None or _OLD_INGRESS in _annotations(ingress)
        if old is None and not has_class and (name := self._newest(INGRESSES, _DEFAULT_INGRESS)):
            ingress["spec"]["ingressClassName"] = name

    def _check_size(self, target: Target, claim: Content, old: Content | None) -> None:
        if old is None or size(claim) <= size(old):
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise _refused(target, claim, "Only bound persistent volume claims can be expanded")
        name = _storage_class(claim)
        found = self._one(STORAGE, name) if name and name == _storage_class(old) else None
        if not (found or {}).get("allowVolumeExpansion"):
            raise _refused(target, claim, _FIXED_SIZE)

    def _check_default(self, target: Target, priority: Content, old: Content | None) -> None:
        other = self._default_priority() if priority.get("globalDefault") else None
        if other is None or (old is not None and other["metadata"]["name"] == target.key.name):
            return
        name = other["metadata"]["name"]
        why = f"PriorityClass {name} is already marked as default. Only one default can exist"
        raise _refused(target, priority, why)


def _annotations(content: Content) -> Content:
    return content["metadata"].get("annotations") or {}


def _is_marked(stored: Stored, annotations: Sequence[str]) -> bool:
    return any(_annotations(stored.content).get(name) == "true" for name in annotations)


def _storage_class(claim: Content) -> str:
    return str(_annotations(claim).get(_OLD_STORAGE) or claim["spec"].get("storageClassName") or "")


def _refused(target: Target, content: Content, why: str) -> status.StatusError:
    name = content["metadata"].get("name", "")
    return status.forbidden(target.served.group, target.served.plural, name, why)
