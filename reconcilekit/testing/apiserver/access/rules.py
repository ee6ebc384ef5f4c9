"""RBAC's rules: what one allows, and whether some cover others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from reconcilekit.testing.apiserver.access.attributes import Attributes
from reconcilekit.testing.apiserver.go_text import quoted


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


@attrs.frozen(kw_only=True)
class Rule:
    """One PolicyRule."""

    verbs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()

    @classmethod
    def from_object(cls, rule: Mapping[str, Any]) -> Rule:
        """As a role has it."""
        return cls(
            verbs=_strings(rule.get("verbs")),
            groups=_strings(rule.get("apiGroups")),
            resources=_strings(rule.get("resources")),
            names=_strings(rule.get("resourceNames")),
            urls=_strings(rule.get("nonResourceURLs")),
        )

    def as_object(self) -> dict[str, list[str]]:
        """As reviews have it."""
        fields = {
            "verbs": self.verbs,
            "apiGroups": self.groups,
            "resources": self.resources,
            "resourceNames": self.names,
            "nonResourceURLs": self.urls,
        }
        return {name: list(values) for name, values in fields.items() if values}

    def allows(self, wanted: Attributes) -> bool:
        """Whether the rule lets this be done."""
        if not _has(self.verbs, wanted.verb):
            return False
        if not wanted.is_resource:
            return any(_url_covers(url, wanted.path) for url in self.urls)
        return (
            _has(self.groups, wanted.group)
            and self._has_resource(wanted)
            and (not self.names or wanted.name in self.names)
        )

    def covers(self, part: Rule) -> bool:
        """Whether the rule grants all that `part` grants, which has one entry of each sort at most."""
        return (
            all(_has(self.verbs, verb) for verb in part.verbs)
            and all(_has(self.groups, group) for group in part.groups)
            and all(self._covers_resource(resource) for resource in part.resources)
            and (not self.names or (bool(part.names) and set(part.names) <= set(self.names)))
            and all(any(_url_covers(own, url) for own in self.urls) for url in part.urls)
        )

    def parts(self) -> Iterator[Rule]:
        """The smallest rules that grant the same."""
        choices: list[tuple[str, ...]] = [(name,) for name in self.names] or [()]
        for group in self.groups:
            for resource in self.resources:
                for verb in self.verbs:
                    for names in choices:
                        yield Rule(verbs=(verb,), groups=(group,), resources=(resource,), names=names)
        for url in self.urls:
            for verb in self.verbs:
                yield Rule(verbs=(verb,), urls=(url,))

    def __str__(self) -> str:
        fields = (
            ("APIGroups", self.groups),
            ("Resources", self.resources),
            ("NonResourceURLs", self.urls),
            ("ResourceNames", self.names),
            ("Verbs", self.verbs),
        )
        told = ", ".join(f"{name}:[{' '.join(map(quoted, values))}]" for name, values in fields if values)
        return f"{{{told}}}"

    def _has_resource(self, wanted: Attributes) -> bool:
        return (
            "*" in self.resources
            or wanted.combined_resource in self.resources
            or (bool(wanted.subresource) and f"*/{wanted.subresource}" in self.resources)
        )

    def _covers_resource(self, resource: str) -> bool:
        if _has(self.resources, resource):
            return True
        _, is_subresource, subresource = resource.partition("/")
        return bool(is_subresource) and f"*/{subresource}" in self.resources


FULL_AUTHORITY = (Rule(verbs=("*",), groups=("*",), resources=("*",)), Rule(verbs=("*",), urls=("*",)))
"""Whoever may do all this may also write aggregation rules, which gather anything."""


def missing(owned: Sequence[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """What of the wanted the owned rules don't cover, verbs for the same thing joined."""
    left: dict[tuple[object, ...], Rule] = {}
    for part in (part for rule in wanted for part in rule.parts()):
        if any(rule.covers(part) for rule in owned):
            continue
        known = left.get(key := (part.groups, part.resources, part.names, part.urls, part.verbs if part.urls else ()))
        left[key] = attrs.evolve(known, verbs=known.verbs + part.verbs) if known and not part.urls else part
    return list(left.values())


def _has(values: Sequence[str], value: str) -> bool:
    return "*" in values or value in values


def _url_covers(own: str, url: str) -> bool:
    return own in ("*", url) or (own.endswith("*") and url.startswith(own.rstrip("*")))
