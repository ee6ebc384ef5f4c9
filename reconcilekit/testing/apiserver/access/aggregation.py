"""ClusterRoles whose rules are gathered from others by label (aggregationRule), as the controller manager does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconcilekit.cache.selection import LabelSelector


def gathered(role: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """The rules that a role has to have, None where it gathers none.

    Args:
        role: a ClusterRole.
        others: every ClusterRole, by name.
    """
    selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
    if not selectors:
        return None
    parsed = [LabelSelector.from_object(selector) for selector in selectors]
    rules: list[dict[str, Any]] = []
    own = role["metadata"]["name"]
    known = list(others)
    for selector in parsed:
        for other in known:
            if other["metadata"]["name"] == own or not selector.matches(other["metadata"].get("labels")):
                continue
            rules += [rule for rule in other.get("rules") or () if rule not in rules]
    return rules
