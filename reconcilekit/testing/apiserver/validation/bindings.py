"""Roles and those who have them (pkg/apis/rbac/validation).

What is declared with the types, that there are verbs and names, is looked at last.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.validation.causes import Found, Obj, as_struct, immutable, invalid, one_of, required
from reconcilekit.testing.apiserver.validation.metadata import path_segment
from reconcilekit.testing.apiserver.validation.selectors import selector_causes

_GROUP = "rbac.authorization.k8s.io"
_SUBJECTS = ("ServiceAccount", "User", "Group")


def role_causes(role: Obj, old: Obj | None) -> Found:
    """What is wrong with a Role."""
    rules = role.get("rules") or ()
    yield from _rule_causes(rules, is_namespaced=True)
    yield from _verb_causes(rules)


def cluster_role_causes(role: Obj, old: Obj | None) -> Found:
    """What is wrong with a ClusterRole."""
    rules = role.get("rules") or ()
    yield from _rule_causes(rules, is_namespaced=False)
    if (gathered := role.get("aggregationRule")) is not None:
        yield from _gathering_causes(gathered.get("clusterRoleSelectors") or (), "aggregationRule.clusterRoleSelectors")
    yield from _verb_causes(rules)


def _gathering_causes(selectors: Sequence[Obj], field: str) -> Found:
    if not selectors:
        yield required(field, "at least one clusterRoleSelector required if aggregationRule is non-nil")
    for i, selector in enumerate(selectors):
        wrong = list(selector_causes(selector, f"{field}[{i}]"))
        yield from wrong
        if wrong:
            yield invalid(f"{field}[{i}]", None, "invalid label selector.")


def _rule_causes(rules: Sequence[Obj], *, is_namespaced: bool) -> Found:
    for i, rule in enumerate(rules):
        field, urls = f"rules[{i}]", rule.get("nonResourceURLs") or ()
        if not urls:
            if not rule.get("apiGroups"):
                yield required(f"{field}.apiGroups", "resource rules must supply at least one api group")
            if not rule.get("resources"):
                yield required(f"{field}.resources", "resource rules must supply at least one resource")
            continue
        if is_namespaced:
            yield invalid(f"{field}.nonResourceURLs", urls, "namespaced rules cannot apply to non-resource URLs")
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid(f"{field}.nonResourceURLs", urls, why)


def _verb_causes(rules: Sequence[Obj]) -> Found:
    yield from (required(f"rules[{i}].verbs") for i, rule in enumerate(rules) if not rule.get("verbs"))


def role_binding_causes(binding: Obj, old: Obj | None) -> Found:
    """What is wrong with a RoleBinding."""
    yield from _binding_causes(binding, old, ("Role", "ClusterRole"), is_namespaced=True)


def cluster_role_binding_causes(binding: Obj, old: Obj | None) -> Found:
    """What is wrong with a ClusterRoleBinding."""
    yield from _binding_causes(binding, old, ("ClusterRole",), is_namespaced=False)


def _binding_causes(binding: Obj, old: Obj | None, kinds: tuple[str, ...], *, is_namespaced: bool) -> Found:
    ref, subjects = binding["roleRef"], binding.get("subjects") or ()
    yield from one_of("roleRef.apiGroup", ref.get("apiGroup", ""), (_GROUP,))
    yield from one_of("roleRef.kind", ref.get("kind", ""), kinds)
    if name := ref.get("name"):
        yield from (invalid("roleRef.name", name, why) for why in path_segment(name))
    elif old is not None:
        yield required("roleRef.name")
    for i, subject in enumerate(subjects):
        yield from _subject_causes(subject, f"subjects[{i}]", is_namespaced=is_namespaced)
    if old is not None and old["roleRef"] != ref:
        yield from immutable("roleRef", old["roleRef"], as_struct(ref, ("APIGroup", "Kind", "Name"), unset=""))
    yield from (required(f"subjects[{i}].name") for i, subject in enumerate(subjects) if not subject.get("name"))
    if not name and old is None:
        yield required("roleRef.name")


def _subject_causes(subject: Obj, field: str, *, is_namespaced: bool) -> Found:
    kind, group = subject.get("kind", ""), subject.get("apiGroup", "")
    yield from one_of(f"{field}.kind", kind, _SUBJECTS)
    if kind == "ServiceAccount":
        if name := subject.get("name"):
            yield from (invalid(f"{field}.name", name, why) for why in names.subdomain(name))
        yield from one_of(f"{field}.apiGroup", group, ("",))
        # A RoleBinding's own namespace is meant where none is told.
        if not is_namespaced and not subject.get("namespace"):
            yield required(f"{field}.namespace")
    elif kind in _SUBJECTS:
        yield from one_of(f"{field}.apiGroup", group, (_GROUP,))
