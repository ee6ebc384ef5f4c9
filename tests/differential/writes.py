"""Requests that write."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.differential.drawing import APPLY, JSON, MERGE, STRATEGIC, Drawing, put
from tests.differential.kinds import Field, Kind, Path
from tests.differential.steps import Step


class Writes(Drawing):
    """Creates, updates, patches of all kinds, applies and deletions, of objects, statuses and scales."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._count = 0

    def create(self, kind: Kind) -> Step:
        name = self.name(kind)
        obj = self.obj(kind, name, self.fields(lambda: self.field(kind), 3), with_base=self.happens(92))
        if self.happens(8):
            self._count += 1
            if self.happens(85):
                del obj["metadata"]["name"]
            obj["metadata"]["generateName"] = f"gen{self._count}-"
        if self.happens(6):
            self.damage(obj)
        return self.step(kind, "create", "POST", self.path(kind, ""), query=self.query(), body=obj)

    def beginning(self, kind: Kind) -> Step:
        """Something to work on: mostly valid, by a create or an apply."""
        name = self.name(kind)
        fields = [(field.path, self.one(field.good)) for field in (self.field(kind) for _ in range(2)) if field.good]
        obj = self.obj(kind, name, fields)
        if self.happens(50):
            return Step(plural=kind.plural, verb="create", method="POST", path=self.path(kind, ""), body=obj)
        query = {"fieldManager": self.one(["m1", "m2"])}
        path = self.path(kind, name)
        return Step(
            plural=kind.plural, verb="apply", method="PATCH", path=path, query=query, body=obj, content_type=APPLY
        )

    def damage(self, obj: dict[str, Any]) -> None:
        """Something about the object as such is wrong."""
        choice = self.random.randint(0, 9)
        wrong: list[tuple[Path, Any]] = [
            (("kind",), "Other"),
            (("apiVersion",), "v9"),
            (("metadata", "name"), "Bad_Name"),
            (("metadata", "name"), "x" * 254),
            (("metadata", "namespace"), "other"),
            (("metadata", "resourceVersion"), "5"),
            (("metadata", "uid"), "33333333-3333-4333-8333-333333333333"),
            (("metadata", "name"), ""),
            (("metadata",), None),
            (("metadata", "name"), 3),
        ]
        put(obj, *wrong[choice])

    def replace(self, kind: Kind) -> Step:
        name = self.name(kind)
        obj = self.obj(kind, name, self.fields(lambda: self.field(kind), 3))
        reference = f"{kind.plural}/{name}"
        if kind.is_custom or self.happens(40):
            obj["metadata"]["resourceVersion"] = (
                f"${{rv:{reference}}}" if self.happens(90) else self.one(["1", "0", "", "x"])
            )
        if self.happens(10):
            obj["metadata"]["uid"] = f"${{uid:{reference}}}"
        if self.happens(5):
            self.damage(obj)
        return self.step(kind, "update", "PUT", self.path(kind, name), query=self.query(), body=obj)

    def patch_object(self, kind: Kind, name: str, fields: Callable[[], Field]) -> dict[str, Any]:
        patch: dict[str, Any] = {}
        for path, value in self.fields(fields, 3):
            put(patch, path, None if self.happens(20) else value)
        if self.happens(8):
            version = f"${{rv:{kind.plural}/{name}}}" if self.happens(60) else self.one(["1", "x"])
            put(patch, ("metadata", "resourceVersion"), version)
        if self.happens(4):
            put(patch, ("metadata", "uid"), "33333333-3333-4333-8333-333333333333")
        if self.happens(3):
            put(patch, ("metadata", "name"), "other")
        return patch

    def merge(self, kind: Kind) -> Step:
        name = self.name(kind)
        patch: Any = self.patch_object(kind, name, lambda: self.field(kind))
        if self.happens(3):
            patch = self.one([None, [], "x", 3, b"{", b""])
        return self.step(
            kind, "merge patch", "PATCH", self.path(kind, name), query=self.query(), body=patch, content_type=MERGE
        )

    def strategic(self, kind: Kind) -> Step:
        name = self.name(kind)
        patch: Any = self.patch_object(kind, name, lambda: self.field(kind))
        if self.happens(15):
            put(
                patch,
                (*self.one(kind.fields).path[:-1], "$patch"),
                self.one(["replace", "delete", "merge", "bogus"]),
            )
        if kind.kind == "Deployment" and self.happens(50):
            container = self.one(
                [
                    {"name": "c", "$patch": "delete"},
                    {"name": "c", "image": "k"},
                    {"name": "n", "image": "k"},
                    {"image": "k"},
                    {"name": "c", "env": [{"name": "E", "$patch": "delete"}, {"name": "G", "value": "3"}]},
                    {"$patch": "replace"},
                ]
            )
            containers = [container, {"name": "z", "image": "z"}] if self.happens(20) else [container]
            put(patch, ("spec", "template", "spec", "containers"), containers)
            if self.happens(10):
                put(patch, ("spec", "template", "spec", "$setElementOrder/containers"), [{"name": "n"}, {"name": "c"}])
        if kind.kind == "Service" and self.happens(50):
            ports = [
                self.one([{"port": 80, "$patch": "delete"}, {"port": 90, "name": "new"}, {"port": 80, "name": "old"}])
            ]
            put(patch, ("spec", "ports"), ports)
        if self.happens(10):
            put(patch, ("metadata", self.one(["$deleteFromPrimitiveList/finalizers", "finalizers"])), ["example.com/f"])
        return self.step(
            kind,
            "strategic patch",
            "PATCH",
            self.path(kind, name),
            query=self.query(),
            body=patch,
            content_type=STRATEGIC,
        )

    def json(self, kind: Kind) -> Step:
        name = self.name(kind)
        operations: Any = [self.operation(kind) for _ in range(self.random.randint(1, 3))]
        if self.happens(4):
            operations = self.one([{}, "x", [{"op": "bogus", "path": "/x"}], [{"path": "/x"}], b"[", []])
        return self.step(
            kind,
            "json patch",
            "PATCH",
            self.path(kind, name),
            query=self.query(),
            body=operations,
            content_type=JSON,
        )

    def operation(self, kind: Kind) -> dict[str, Any]:
        field = self.field(kind)
        pointer = "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in field.path)
        if self.happens(10):
            pointer += self.one(["/-", "/0", "/x", "/"])
        verb = self.one(["add", "add", "add", "replace", "replace", "remove", "test", "copy", "move"])
        if verb in ("copy", "move"):
            source = self.field(kind)
            return {"op": verb, "from": "/" + "/".join(source.path), "path": pointer}
        if verb == "remove":
            return {"op": verb, "path": pointer}
        return {"op": verb, "path": pointer, "value": self.value(field)}

    def apply(self, kind: Kind) -> Step:
        name = self.name(kind)
        obj = self.obj(kind, name, self.fields(lambda: self.field(kind), 4), with_base=self.happens(70))
        if self.happens(5):
            self.damage(obj)
        if self.happens(3):
            del obj[self.one(["kind", "apiVersion", "metadata"])]
        query = self.query(is_apply=True)
        return self.step(kind, "apply", "PATCH", self.path(kind, name), query=query, body=obj, content_type=APPLY)

    def status(self, kind: Kind) -> Step:
        name = self.name(kind)
        path = self.path(kind, name, "status")
        fields = kind.status_fields or (Field(("status", "x"), (1,)),)
        choose = lambda: self.field(kind) if self.happens(15) else self.one(fields)  # noqa: E731
        match self.random.randint(0, 4):
            case 0:
                return self.step(kind, "get status", "GET", path)
            case 1:
                obj = self.obj(kind, name, self.fields(choose, 3))
                if kind.is_custom:
                    obj["metadata"]["resourceVersion"] = f"${{rv:{kind.plural}/{name}}}"
                return self.step(kind, "update status", "PUT", path, query=self.query(), body=obj)
            case 2:
                patch = self.patch_object(kind, name, choose)
                return self.step(
                    kind, "merge patch status", "PATCH", path, query=self.query(), body=patch, content_type=MERGE
                )
            case _:
                obj = self.obj(kind, name, self.fields(choose, 3), with_base=self.happens(20))
                query = self.query(is_apply=True)
                return self.step(kind, "apply status", "PATCH", path, query=query, body=obj, content_type=APPLY)

    def scale(self, kind: Kind) -> Step:
        name = self.name(kind)
        path = self.path(kind, name, "scale")
        replicas = self.one([0, 1, 2, 3, 3, -1, "x", None])
        scale: dict[str, Any] = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": name},
            "spec": {"replicas": replicas},
        }
        if kind.is_namespaced:
            scale["metadata"]["namespace"] = "${ns}"
        match self.random.randint(0, 4):
            case 0:
                return self.step(kind, "get scale", "GET", path)
            case 1:
                return self.step(kind, "update scale", "PUT", path, query=self.query(), body=scale)
            case 2:
                body = {"spec": {"replicas": replicas}}
                return self.step(
                    kind, "merge patch scale", "PATCH", path, query=self.query(), body=body, content_type=MERGE
                )
            case _:
                query = self.query(is_apply=True)
                return self.step(kind, "apply scale", "PATCH", path, query=query, body=scale, content_type=APPLY)

    def delete(self, kind: Kind) -> Step:
        name = self.name(kind)
        options: dict[str, Any] | None = None
        query: dict[str, str] = {}
        if self.happens(50):
            options = {"kind": "DeleteOptions", "apiVersion": "v1"}
            if self.happens(40):
                options["propagationPolicy"] = self.one(["Background", "Foreground", "Orphan", "Bogus"])
            if self.happens(20):
                options["gracePeriodSeconds"] = self.one([0, 5, -1, "x"])
            if self.happens(30):
                value = self.one([f"${{uid:{kind.plural}/{name}}}", "33333333-3333-4333-8333-333333333333"])
                put(options, ("preconditions", "uid"), value)
            if self.happens(30):
                value = self.one([f"${{rv:{kind.plural}/{name}}}", "1"])
                put(options, ("preconditions", "resourceVersion"), value)
            if self.happens(8):
                options["dryRun"] = self.one([["All"], ["Some"], []])
            if self.happens(5):
                options["orphanDependents"] = True
        if self.happens(15):
            query[self.one(["dryRun", "propagationPolicy", "gracePeriodSeconds"])] = self.one(
                ["All", "Orphan", "0", "x"]
            )
        return self.step(kind, "delete", "DELETE", self.path(kind, name), query=query, body=options)

    def delete_collection(self, kind: Kind) -> Step:
        query = (
            self.selection(kind)
            if kind.is_namespaced or self.happens(0)
            else {"labelSelector": "sequence=${ns},app=none"}
        )
        return self.step(kind, "deletecollection", "DELETE", self.path(kind, ""), query=query)
