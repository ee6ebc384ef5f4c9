"""Who may do what, by Roles, ClusterRoles and their bindings, read afresh for each decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import attrs

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.attributes import Attributes
from reconcilekit.testing.apiserver.access.rules import Rule
from reconcilekit.testing.apiserver.access.users import MASTERS, User, service_account
from reconcilekit.testing.apiserver.go_text import quoted

GROUP = "rbac.authorization.k8s.io"


class MissingRoleError(LookupError):
    """A binding refers to a role that isn't there; the message says so as the server does."""


class Objects(Protocol):
    """What the server holds, as far as decisions depend on it."""

    def find(self, group: str, plural: str, key: ObjectKey) -> Mapping[str, Any] | None:
        """One object, None where it isn't there."""

    def all_of(self, group: str, plural: str, namespace: str = "") -> Iterator[tuple[ObjectKey, Mapping[str, Any]]]:
        """Every object of a kind in a namespace, "" for all."""


@attrs.frozen
class Decision:
    """Whether something may be done, and why, as a SubjectAccessReview tells it."""

    is_allowed: bool
    reason: str = ""


@attrs.frozen
class Grant:
    """A rule that somebody has, and the binding that it comes by."""

    rule: Rule
    source: str


class Authorizer(Protocol):
    """Decides who may do what."""

    def decide(self, user: User, wanted: Attributes) -> Decision:
        """Whether the user may do it."""

    def rules_of(self, user: User, namespace: str) -> tuple[list[Rule], str]:
        """The rules that a user has in a namespace, and what went wrong in finding them, "" if nothing did."""

    def rules_behind(self, reference: Mapping[str, Any], namespace: str) -> list[Rule]:
        """The rules of the role that a binding refers to.

        Raises:
            MissingRoleError: it isn't there.
        """


_EVERYTHING = [
    Rule(verbs=("*",), groups=("*",), resources=("*",)),
    Rule(verbs=("*",), urls=("*",)),
]


class AllowAll:
    """Anybody may do anything, as with --authorization-mode=AlwaysAllow."""

    def decide(self, user: User, wanted: Attributes) -> Decision:
        """Yes."""
        del user, wanted
        return Decision(is_allowed=True)

    def rules_of(self, user: User, namespace: str) -> tuple[list[Rule], str]:
        """Everything."""
        del user, namespace
        return list(_EVERYTHING), ""

    def rules_behind(self, reference: Mapping[str, Any], namespace: str) -> list[Rule]:
        """None that mattered."""
        del reference, namespace
        return []


class Rbac:
    """Roles and bindings decide; members of system:masters may do everything."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def decide(self, user: User, wanted: Attributes) -> Decision:
        """Whether a binding gives the user a rule that allows it."""
        if MASTERS in user.groups:
            return Decision(is_allowed=True)
        problems: list[str] = []
        for grant in self._grants(user, wanted.namespace, problems):
            if grant.rule.allows(wanted):
                return Decision(is_allowed=True, reason=f"RBAC: allowed by {grant.source}")
        return Decision(is_allowed=False, reason=f"rbac: RBAC: {_aggregate(problems)}" if problems else "")

    def rules_of(self, user: User, namespace: str) -> tuple[list[Rule], str]:
        """See `Authorizer.rules_of`."""
        problems: list[str] = []
        rules = [grant.rule for grant in self._grants(user, namespace, problems)]
        return rules, _aggregate(problems)

    def rules_behind(self, reference: Mapping[str, Any], namespace: str) -> list[Rule]:
        """See `Authorizer.rules_behind`."""
        name = str(reference.get("name", ""))
        plural, key = "clusterroles", ObjectKey("", name)
        if reference.get("kind") == "Role":
            plural, key = "roles", ObjectKey(namespace, name)
        role = self._objects.find(GROUP, plural, key)
        if role is None:
            raise MissingRoleError(f'{plural.removesuffix("s")}.{GROUP} "{name}" not found')
        return [Rule.from_object(rule) for rule in role.get("rules") or ()]

    def _grants(self, user: User, namespace: str, problems: list[str]) -> Iterator[Grant]:
        for key, binding in self._objects.all_of(GROUP, "clusterrolebindings"):
            yield from self._granted(user, binding, f'ClusterRoleBinding "{key.name}"', "", problems)
        if not namespace:
            return
        for key, binding in self._objects.all_of(GROUP, "rolebindings", namespace):
            title = f'RoleBinding "{key.name}/{key.namespace}"'
            yield from self._granted(user, binding, title, namespace, problems)

    def _granted(
        self, user: User, binding: Mapping[str, Any], title: str, namespace: str, problems: list[str]
    ) -> Iterator[Grant]:
        subject = next((s for s in binding.get("subjects") or () if _is_meant(user, s, namespace)), None)
        if subject is None:
            return
        reference = binding.get("roleRef") or {}
        try:
            rules = self.rules_behind(reference, namespace)
        except MissingRoleError as error:
            problems.append(str(error))
            return
        source = f'{title} of {reference.get("kind")} "{reference.get("name")}" to {_describe(subject, namespace)}'
        yield from (Grant(rule, source) for rule in rules)


def _is_meant(user: User, subject: Mapping[str, Any], namespace: str) -> bool:
    name = subject.get("name")
    match subject.get("kind"):
        case "User":
            return user.name == name
        case "Group":
            return name in user.groups
        case "ServiceAccount":
            home = subject.get("namespace") or namespace
            return bool(home) and user.name == service_account(home, str(name)).name
    return False


def _describe(subject: Mapping[str, Any], namespace: str) -> str:
    name = subject.get("name")
    if subject.get("kind") == "ServiceAccount":
        name = f"{name}/{subject.get('namespace') or namespace}"
    return f'{subject.get("kind")} "{name}"'


def _aggregate(problems: list[str]) -> str:
    unique = list(dict.fromkeys(problems))
    return unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]" if unique else ""


def forbidden(user: User, wanted: Attributes, reason: str = "") -> status.StatusError:
    """403, as k8s.io/apiserver's Forbidden words it."""
    if not wanted.is_resource:
        what = f"{wanted.verb} path {quoted(wanted.path)}"
    else:
        where = f"in the namespace {quoted(wanted.namespace)}" if wanted.namespace else "at the cluster scope"
        resource = quoted(wanted.combined_resource)
        what = f"{wanted.verb} resource {resource} in API group {quoted(wanted.group)} {where}"
    why = f"User {quoted(user.name)} cannot {what}"
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        why = why.replace(sign, escaped)
    why = f"{why}: {reason}" if reason else why
    if not wanted.resource:
        # Without a resource there is no subject; the name of what is no resource's path is empty, too.
        return status.StatusError(403, f"forbidden: {why}", reason="Forbidden", details={})
    return status.forbidden(wanted.group, wanted.resource, wanted.name, why)
