"""Nobody grants what they don't have: the check on writes of roles and bindings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.access.attributes import Attributes
from reconcilekit.testing.apiserver.access.rbac import GROUP, Authorizer, MissingRoleError
from reconcilekit.testing.apiserver.access.rules import FULL_AUTHORITY, Rule, missing
from reconcilekit.testing.apiserver.access.users import MASTERS, User
from reconcilekit.testing.apiserver.go_text import quoted

_ROLES = ("roles", "clusterroles")
_BINDINGS = ("rolebindings", "clusterrolebindings")
_WRITES = ("create", "update", "patch")


def is_guarded(wanted: Attributes) -> bool:
    """Whether a request grants rights."""
    return (
        wanted.group == GROUP
        and wanted.verb in _WRITES
        and not wanted.subresource
        and wanted.resource in (*_ROLES, *_BINDINGS)
    )


@attrs.frozen(kw_only=True)
class Grantor:
    """Somebody who writes a role or a binding."""

    user: User
    wanted: Attributes
    authorizer: Authorizer

    def check(self, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> None:
        """Refuse what would grant more than the user has.

        Args:
            new: the role or binding as it would be stored.
            old: as it is, None for a new one.

        Raises:
            StatusError: 403, or 404 for a role that a binding refers to.
        """
        if MASTERS in self.user.groups or (old is not None and _is_for_collection_only(new, old)):
            return
        if self.wanted.resource in _ROLES:
            self._check_role(new, old)
        else:
            self._check_binding(new)

    def _check_role(self, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> None:
        if self._may("escalate", self.wanted.resource, self.wanted.name):
            return
        name = new["metadata"]["name"]
        self._check_rules([Rule.from_object(rule) for rule in new.get("rules") or ()], self.wanted.resource, name)
        if _gathers(new) or (old is not None and _gathers(old)):
            owned, _ = self.authorizer.rules_of(self.user, self.wanted.namespace)
            if missing(owned, FULL_AUTHORITY):
                why = "must have cluster-admin privileges to use the aggregationRule"
                raise status.forbidden(GROUP, self.wanted.resource, name, why)

    def _check_binding(self, new: Mapping[str, Any]) -> None:
        reference = new.get("roleRef") or {}
        plural = {"Role": "roles", "ClusterRole": "clusterroles"}.get(reference.get("kind", ""), "")
        if plural and self._may("bind", plural, reference.get("name", "")):
            return
        try:
            rules = self.authorizer.rules_behind(reference, self.wanted.namespace)
        except MissingRoleError as error:
            # The role's name under the binding's kind: that is how the real server words it.
            raise status.not_found(GROUP, self.wanted.resource, str(reference.get("name", ""))) from error
        self._check_rules(rules, self.wanted.resource, new["metadata"]["name"])

    def _may(self, verb: str, resource: str, name: str) -> bool:
        asked = attrs.evolve(self.wanted, verb=verb, resource=resource, name=name)
        return self.authorizer.decide(self.user, asked).is_allowed

    def _check_rules(self, rules: list[Rule], plural: str, name: str) -> None:
        owned, problem = self.authorizer.rules_of(self.user, self.wanted.namespace)
        lacking = sorted({str(rule) for rule in missing(owned, rules)})
        if not lacking:
            return
        listed = "\n".join(lacking)
        who = f'user "{self.user.name}" (groups=[{" ".join(map(quoted, self.user.groups))}])'
        why = f"{who} is attempting to grant RBAC permissions not currently held:\n{listed}"
        if problem:
            why = f"{why}; resolution errors: [{problem}]"
        raise status.forbidden(GROUP, plural, name, why)


def _gathers(role: Mapping[str, Any]) -> bool:
    return bool((role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _is_for_collection_only(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Only owners and finalizers differ, which the garbage collector may change whatever its rights."""
    if {name: new.get(name) for name in new if name != "metadata"} != {
        name: old.get(name) for name in old if name != "metadata"
    }:
        return False
    before, after = _told(old["metadata"]), _told(new["metadata"])
    return before == after and new["metadata"] != old["metadata"]


def _told(metadata: Mapping[str, Any]) -> dict[str, Any]:
    left_out = ("finalizers", "ownerReferences", "managedFields", "resourceVersion", "generation")
    return {name: value for name, value in metadata.items() if name not in left_out}
