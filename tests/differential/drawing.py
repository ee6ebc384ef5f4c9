"""Draws names, objects, fields and parameters; what requests are made of."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.differential.kinds import METADATA, Field, Kind, Path
from tests.differential.steps import Step

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Drawing:
    """One source of chance.

    Args:
        random: hypothesis' own, so that its seed makes the sequences again.
    """

    def __init__(self, random: Random) -> None:
        self.random = random

    def one(self, choices: Sequence[Any]) -> Any:
        """One of them."""
        return choices[self.random.randint(0, len(choices) - 1)]

    def happens(self, percent: int) -> bool:
        """True in so many cases of a hundred."""
        return int(self.random.randint(0, 99)) < percent

    def some(self, kinds: Sequence[Kind]) -> list[Kind]:
        """One to three of the kinds, one perhaps twice."""
        return [self.one(kinds) for _ in range(self.random.randint(1, 3))]

    def name(self, kind: Kind) -> str:
        """One of the two names that objects have."""
        name = "a" if self.happens(60) else "b"
        return name if kind.is_namespaced else f"${{ns}}-{name}"

    def path(self, kind: Kind, name: str, subresource: str = "") -> str:
        """Of an object or its collection; of Widgets in either version."""
        root = kind.root.replace("/v1/", "/v1beta1/") if kind.kind == "Widget" and self.happens(10) else kind.root
        return "/".join(filter(None, (root, name, subresource)))

    def value(self, field: Field) -> Any:
        """A value for the field, now and then a wrong one."""
        if field.bad and (not field.good or self.happens(15)):
            return self.one(field.bad)
        return self.one(field.good)

    def field(self, kind: Kind) -> Field:
        """A field of the kind, or of metadata."""
        field: Field = self.one(METADATA if self.happens(25) else kind.fields)
        return field

    def fields(self, fields: Callable[[], Field], most: int) -> list[tuple[Path, Any]]:
        """Up to so many fields with their values."""
        return [(field.path, self.value(field)) for field in (fields() for _ in range(self.random.randint(0, most)))]

    def obj(self, kind: Kind, name: str, fields: Sequence[tuple[Path, Any]], *, with_base: bool = True) -> Any:
        """An object with the fields set."""
        obj: dict[str, Any] = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}}
        obj |= copy.deepcopy(kind.base) if with_base else {}
        for path, value in fields:
            put(obj, path, value)
        if kind.kind == "Namespace":
            put(obj, ("metadata", "labels", "sequence"), "${ns}")
        return obj

    def query(self, *, is_apply: bool = False) -> dict[str, str]:
        """The parameters of a write."""
        query: dict[str, str] = {}
        if self.happens(97 if is_apply else 50):
            query["fieldManager"] = (
                self.one(["m1", "m1", "m2", "m3"]) if self.happens(97) else self.one(["", "x" * 129, "é\n"])
            )
        if self.happens(6):
            query["dryRun"] = self.one(["All", "All", "All", "Some", ""])
        if self.happens(25):
            query["fieldValidation"] = self.one(["Strict", "Strict", "Warn", "Ignore", "Bogus"])
        if is_apply and self.happens(40):
            query["force"] = self.one(["true", "true", "false", "1", "x"])
        elif self.happens(1):
            query["force"] = "true"
        return query

    def step(self, kind: Kind, verb: str, method: str, path: str, **more: Any) -> Step:
        """A request, now and then for another representation."""
        accept = self.one([TABLE, PARTIAL, "application/yaml", "*/*"]) if self.happens(4) else ""
        body = more.get("body")
        if "/v1beta1/" in path and isinstance(body, dict) and "kind" in body and self.happens(80):
            body["apiVersion"] = str(body.get("apiVersion")).replace("/v1", "/v1beta1")
        return Step(plural=kind.plural, verb=verb, method=method, path=path, accept=accept, **more)

    def selection(self, kind: Kind) -> dict[str, str]:
        """Selectors."""
        query = {}
        if self.happens(40):
            labels = [
                "app=a",
                "app==b",
                "app!=a",
                "app in (a,b)",
                "app notin (a)",
                "!app",
                "app",
                "tier",
                "app=a,tier=x",
                "app in",
                "=x",
                "bad key!=x",
                "app=Bad Value!",
                "x>1",
            ]
            query["labelSelector"] = self.one(labels)
        if self.happens(25):
            query["fieldSelector"] = self.one(kind.selectors)
        if not kind.is_namespaced:
            query["labelSelector"] = ",".join(filter(None, ("sequence=${ns}", query.get("labelSelector", ""))))
        return query


def put(into: dict[str, Any], path: Path, value: Any) -> None:
    """Set a field, making the maps on its way; what stands in the way is replaced."""
    node = into
    for part in path[:-1]:
        below = node.get(part)
        if not isinstance(below, dict):
            below = node[part] = {}
        node = below
    node[path[-1]] = copy.deepcopy(value)
