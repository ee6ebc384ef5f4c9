"""Makes sequences of requests: every verb and patch type, over a few names, right and wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import hypothesis.strategies as st

from tests.differential.kinds import KINDS, METADATA, Field, Kind, Path
from tests.differential.steps import PAUSE, Step

Draw = Callable[[st.SearchStrategy[Any]], Any]

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
_PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
_PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
_MERGE = "application/merge-patch+json"
_JSON = "application/json-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_APPLY = "application/apply-patch+yaml"


class SequenceMachine:
    """Draws one sequence, step by step.

    Args:
        random: hypothesis' own, so that its seed makes the sequences again.
        kinds: what it may be about.
    """

    def __init__(self, random: Random, kinds: Sequence[Kind]) -> None:
        self._random = random
        self._kinds = self._some(kinds)
        self._count = 0
        self._sentinels = 0
        self._writers: list[Callable[[Kind], Step]] = [
            *[self._create] * 4,
            *[self._apply] * 6,
            *[self._replace] * 3,
            *[self._merge] * 3,
            *[self._json] * 3,
            *[self._strategic] * 2,
            *[self._delete] * 2,
            self._delete_collection,
            *[self._status] * 2,
            *[self._scale] * 1,
        ]
        self._readers: list[Callable[[Kind], Step]] = [*[self._get] * 2, *[self._list] * 3, self._odd]

    def steps(self) -> list[Step]:
        """The sequence."""
        steps = [self._beginning(kind) for kind in self._kinds if self._is(80)]
        for _ in range(self._random.randint(3, 14)):
            kind = self._one(self._kinds)
            choice = self._random.randint(0, 99)
            if choice < 70:
                steps.append(self._one(self._writers)(kind))
            elif choice < 90:
                steps.append(self._one(self._readers)(kind))
            elif choice < 98:
                steps += self._watch(kind)
            elif self._is(10):
                steps.append(Step(method=PAUSE, path=""))
        return steps

    def _one(self, choices: Sequence[Any]) -> Any:
        return choices[self._random.randint(0, len(choices) - 1)]

    def _is(self, percent: int) -> bool:
        return int(self._random.randint(0, 99)) < percent

    def _some(self, kinds: Sequence[Kind]) -> list[Kind]:
        return [self._one(kinds) for _ in range(self._random.randint(1, 3))]

    def _name(self, kind: Kind) -> str:
        name = "a" if self._is(60) else "b"
        return name if kind.is_namespaced else f"${{ns}}-{name}"

    def _path(self, kind: Kind, name: str, subresource: str = "") -> str:
        root = kind.root.replace("/v1/", "/v1beta1/") if kind.kind == "Widget" and self._is(10) else kind.root
        return "/".join(filter(None, (root, name, subresource)))

    def _value(self, field: Field) -> Any:
        if field.bad and (not field.good or self._is(15)):
            return self._one(field.bad)
        return self._one(field.good)

    def _field(self, kind: Kind) -> Field:
        field: Field = self._one(METADATA if self._is(25) else kind.fields)
        return field

    def _fields(self, fields: Callable[[], Field], most: int) -> list[tuple[Path, Any]]:
        return [(field.path, self._value(field)) for field in (fields() for _ in range(self._random.randint(0, most)))]

    def _object(self, kind: Kind, name: str, fields: Sequence[tuple[Path, Any]], *, with_base: bool = True) -> Any:
        obj: dict[str, Any] = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}}
        obj |= copy.deepcopy(kind.base) if with_base else {}
        for path, value in fields:
            put(obj, path, value)
        if kind.kind == "Namespace":
            put(obj, ("metadata", "labels", "sequence"), "${ns}")
        return obj

    def _query(self, *, is_apply: bool = False) -> dict[str, str]:
        query: dict[str, str] = {}
        if self._is(97 if is_apply else 50):
            query["fieldManager"] = (
                self._one(["m1", "m1", "m2", "m3"]) if self._is(97) else self._one(["", "x" * 129, "é\n"])
            )
        if self._is(6):
            query["dryRun"] = self._one(["All", "All", "All", "Some", ""])
        if self._is(25):
            query["fieldValidation"] = self._one(["Strict", "Strict", "Warn", "Ignore", "Bogus"])
        if is_apply and self._is(40):
            query["force"] = self._one(["true", "true", "false", "1", "x"])
        elif self._is(1):
            query["force"] = "true"
        return query

    def _step(self, kind: Kind, verb: str, method: str, path: str, **more: Any) -> Step:
        accept = self._one([_TABLE, _PARTIAL, "application/yaml", "*/*"]) if self._is(4) else ""
        return Step(plural=kind.plural, verb=verb, method=method, path=path, accept=accept, **more)

    def _create(self, kind: Kind) -> Step:
        name = self._name(kind)
        obj = self._object(kind, name, self._fields(lambda: self._field(kind), 3), with_base=self._is(92))
        if self._is(8):
            self._count += 1
            if self._is(85):
                del obj["metadata"]["name"]
            obj["metadata"]["generateName"] = f"gen{self._count}-"
        if self._is(6):
            self._damage(obj)
        return self._step(kind, "create", "POST", self._path(kind, ""), query=self._query(), body=obj)

    def _beginning(self, kind: Kind) -> Step:
        """Something to work on: mostly valid, by a create or an apply."""
        name = self._name(kind)
        fields = [(field.path, self._one(field.good)) for field in (self._field(kind) for _ in range(2)) if field.good]
        obj = self._object(kind, name, fields)
        if self._is(50):
            return Step(plural=kind.plural, verb="create", method="POST", path=self._path(kind, ""), body=obj)
        query = {"fieldManager": self._one(["m1", "m2"])}
        path = self._path(kind, name)
        return Step(
            plural=kind.plural, verb="apply", method="PATCH", path=path, query=query, body=obj, content_type=_APPLY
        )

    def _damage(self, obj: dict[str, Any]) -> None:
        """Something about the object as such is wrong."""
        choice = self._random.randint(0, 9)
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

    def _replace(self, kind: Kind) -> Step:
        name = self._name(kind)
        obj = self._object(kind, name, self._fields(lambda: self._field(kind), 3))
        reference = f"{kind.plural}/{name}"
        if kind.is_custom or self._is(40):
            obj["metadata"]["resourceVersion"] = (
                f"${{rv:{reference}}}" if self._is(90) else self._one(["1", "0", "", "x"])
            )
        if self._is(10):
            obj["metadata"]["uid"] = f"${{uid:{reference}}}"
        if self._is(5):
            self._damage(obj)
        return self._step(kind, "update", "PUT", self._path(kind, name), query=self._query(), body=obj)

    def _patch_object(self, kind: Kind, name: str, fields: Callable[[], Field]) -> dict[str, Any]:
        patch: dict[str, Any] = {}
        for path, value in self._fields(fields, 3):
            put(patch, path, None if self._is(20) else value)
        if self._is(8):
            version = f"${{rv:{kind.plural}/{name}}}" if self._is(60) else self._one(["1", "x"])
            put(patch, ("metadata", "resourceVersion"), version)
        if self._is(4):
            put(patch, ("metadata", "uid"), "33333333-3333-4333-8333-333333333333")
        if self._is(3):
            put(patch, ("metadata", "name"), "other")
        return patch

    def _merge(self, kind: Kind) -> Step:
        name = self._name(kind)
        patch: Any = self._patch_object(kind, name, lambda: self._field(kind))
        if self._is(3):
            patch = self._one([None, [], "x", 3, b"{", b""])
        return self._step(
            kind, "merge patch", "PATCH", self._path(kind, name), query=self._query(), body=patch, content_type=_MERGE
        )

    def _strategic(self, kind: Kind) -> Step:
        name = self._name(kind)
        patch: Any = self._patch_object(kind, name, lambda: self._field(kind))
        if self._is(15):
            put(
                patch,
                (*self._one(kind.fields).path[:-1], "$patch"),
                self._one(["replace", "delete", "merge", "bogus"]),
            )
        if kind.kind == "Deployment" and self._is(50):
            container = self._one(
                [
                    {"name": "c", "$patch": "delete"},
                    {"name": "c", "image": "k"},
                    {"name": "n", "image": "k"},
                    {"image": "k"},
                    {"name": "c", "env": [{"name": "E", "$patch": "delete"}, {"name": "G", "value": "3"}]},
                    {"$patch": "replace"},
                ]
            )
            containers = [container, {"name": "z", "image": "z"}] if self._is(20) else [container]
            put(patch, ("spec", "template", "spec", "containers"), containers)
            if self._is(10):
                put(patch, ("spec", "template", "spec", "$setElementOrder/containers"), [{"name": "n"}, {"name": "c"}])
        if kind.kind == "Service" and self._is(50):
            ports = [
                self._one([{"port": 80, "$patch": "delete"}, {"port": 90, "name": "new"}, {"port": 80, "name": "old"}])
            ]
            put(patch, ("spec", "ports"), ports)
        if self._is(10):
            put(
                patch, ("metadata", self._one(["$deleteFromPrimitiveList/finalizers", "finalizers"])), ["example.com/f"]
            )
        return self._step(
            kind,
            "strategic patch",
            "PATCH",
            self._path(kind, name),
            query=self._query(),
            body=patch,
            content_type=_STRATEGIC,
        )

    def _json(self, kind: Kind) -> Step:
        name = self._name(kind)
        operations: Any = [self._operation(kind) for _ in range(self._random.randint(1, 3))]
        if self._is(4):
            operations = self._one([{}, "x", [{"op": "bogus", "path": "/x"}], [{"path": "/x"}], b"[", []])
        return self._step(
            kind,
            "json patch",
            "PATCH",
            self._path(kind, name),
            query=self._query(),
            body=operations,
            content_type=_JSON,
        )

    def _operation(self, kind: Kind) -> dict[str, Any]:
        field = self._field(kind)
        pointer = "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in field.path)
        if self._is(10):
            pointer += self._one(["/-", "/0", "/x", "/"])
        verb = self._one(["add", "add", "add", "replace", "replace", "remove", "test", "copy", "move"])
        if verb in ("copy", "move"):
            source = self._field(kind)
            return {"op": verb, "from": "/" + "/".join(source.path), "path": pointer}
        if verb == "remove":
            return {"op": verb, "path": pointer}
        return {"op": verb, "path": pointer, "value": self._value(field)}

    def _apply(self, kind: Kind) -> Step:
        name = self._name(kind)
        obj = self._object(kind, name, self._fields(lambda: self._field(kind), 4), with_base=self._is(70))
        if self._is(5):
            self._damage(obj)
        if self._is(3):
            del obj[self._one(["kind", "apiVersion", "metadata"])]
        query = self._query(is_apply=True)
        return self._step(kind, "apply", "PATCH", self._path(kind, name), query=query, body=obj, content_type=_APPLY)

    def _status(self, kind: Kind) -> Step:
        name = self._name(kind)
        path = self._path(kind, name, "status")
        fields = kind.status_fields or (Field(("status", "x"), (1,)),)
        choose = lambda: self._field(kind) if self._is(15) else self._one(fields)  # noqa: E731
        match self._random.randint(0, 4):
            case 0:
                return self._step(kind, "get status", "GET", path)
            case 1:
                obj = self._object(kind, name, self._fields(choose, 3))
                if kind.is_custom:
                    obj["metadata"]["resourceVersion"] = f"${{rv:{kind.plural}/{name}}}"
                return self._step(kind, "update status", "PUT", path, query=self._query(), body=obj)
            case 2:
                patch = self._patch_object(kind, name, choose)
                return self._step(
                    kind, "merge patch status", "PATCH", path, query=self._query(), body=patch, content_type=_MERGE
                )
            case _:
                obj = self._object(kind, name, self._fields(choose, 3), with_base=self._is(20))
                query = self._query(is_apply=True)
                return self._step(kind, "apply status", "PATCH", path, query=query, body=obj, content_type=_APPLY)

    def _scale(self, kind: Kind) -> Step:
        name = self._name(kind)
        path = self._path(kind, name, "scale")
        replicas = self._one([0, 1, 2, 3, 3, -1, "x", None])
        scale: dict[str, Any] = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": name},
            "spec": {"replicas": replicas},
        }
        if kind.is_namespaced:
            scale["metadata"]["namespace"] = "${ns}"
        match self._random.randint(0, 4):
            case 0:
                return self._step(kind, "get scale", "GET", path)
            case 1:
                return self._step(kind, "update scale", "PUT", path, query=self._query(), body=scale)
            case 2:
                body = {"spec": {"replicas": replicas}}
                return self._step(
                    kind, "merge patch scale", "PATCH", path, query=self._query(), body=body, content_type=_MERGE
                )
            case _:
                query = self._query(is_apply=True)
                return self._step(kind, "apply scale", "PATCH", path, query=query, body=scale, content_type=_APPLY)

    def _delete(self, kind: Kind) -> Step:
        name = self._name(kind)
        options: dict[str, Any] | None = None
        query: dict[str, str] = {}
        if self._is(50):
            options = {"kind": "DeleteOptions", "apiVersion": "v1"}
            if self._is(40):
                options["propagationPolicy"] = self._one(["Background", "Foreground", "Orphan", "Bogus"])
            if self._is(20):
                options["gracePeriodSeconds"] = self._one([0, 5, -1, "x"])
            if self._is(30):
                value = self._one([f"${{uid:{kind.plural}/{name}}}", "33333333-3333-4333-8333-333333333333"])
                put(options, ("preconditions", "uid"), value)
            if self._is(30):
                value = self._one([f"${{rv:{kind.plural}/{name}}}", "1"])
                put(options, ("preconditions", "resourceVersion"), value)
            if self._is(8):
                options["dryRun"] = self._one([["All"], ["Some"], []])
            if self._is(5):
                options["orphanDependents"] = True
        if self._is(15):
            query[self._one(["dryRun", "propagationPolicy", "gracePeriodSeconds"])] = self._one(
                ["All", "Orphan", "0", "x"]
            )
        return self._step(kind, "delete", "DELETE", self._path(kind, name), query=query, body=options)

    def _delete_collection(self, kind: Kind) -> Step:
        query = (
            self._selection(kind) if kind.is_namespaced or self._is(0) else {"labelSelector": "sequence=${ns},app=none"}
        )
        return self._step(kind, "deletecollection", "DELETE", self._path(kind, ""), query=query)

    def _selection(self, kind: Kind) -> dict[str, str]:
        query = {}
        if self._is(40):
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
            query["labelSelector"] = self._one(labels)
        if self._is(25):
            query["fieldSelector"] = self._one(kind.selectors)
        if not kind.is_namespaced:
            query["labelSelector"] = ",".join(filter(None, ("sequence=${ns}", query.get("labelSelector", ""))))
        return query

    def _get(self, kind: Kind) -> Step:
        query = {"resourceVersion": self._one(["0", "x", "1"])} if self._is(10) else {}
        step = self._step(kind, "get", "GET", self._path(kind, self._name(kind)), query=query)
        if not step.accept and self._is(20):
            step = Step(
                method="GET",
                path=step.path,
                plural=kind.plural,
                verb="get",
                query=query,
                accept=self._one([_TABLE, _PARTIAL]),
            )
        return step

    def _list(self, kind: Kind) -> Step:
        query = self._selection(kind)
        if self._is(30):
            query["limit"] = self._one(["1", "1", "2", "0", "x", "-1"])
        if self._is(15):
            query["continue"] = "${continue}" if self._is(80) else "bogus"
        if self._is(20):
            query["resourceVersion"] = self._one(["0", "0", "${start}", "x", "1"])
        if self._is(10):
            query["resourceVersionMatch"] = self._one(["NotOlderThan", "Exact", "Bogus"])
        accept = self._one([_TABLE, _PARTIAL_LIST, f"{_TABLE},application/json"]) if self._is(25) else ""
        if self._is(3):
            query[self._one(["timeoutSeconds", "includeObject", "pretty", "bogus"])] = self._one(
                ["1", "None", "Metadata", "true"]
            )
        return Step(
            plural=kind.plural, verb="list", method="GET", path=self._path(kind, ""), query=query, accept=accept
        )

    def _watch(self, kind: Kind) -> list[Step]:
        self._sentinels += 1
        name = f"zz-{self._sentinels}" if kind.is_namespaced else f"${{ns}}-zz-{self._sentinels}"
        query = {"watch": "1", "timeoutSeconds": "1"}
        query["resourceVersion"] = (
            self._one(["${start}", "${start}", "${start}", "${start}", "0", "", "x"])
            if kind.is_namespaced
            else "${start}"
        )
        labels = self._one(["", "", "", "app=a", "app", "app in (a,b)"])
        if not kind.is_namespaced:
            labels = ",".join(filter(None, ("sequence=${ns}", labels)))
        if labels:
            query["labelSelector"] = labels
        if self._is(20):
            query["allowWatchBookmarks"] = "true"
        if self._is(10):
            query["sendInitialEvents"] = "true"
            if self._is(80):
                query["resourceVersionMatch"] = "NotOlderThan"
        sentinel = self._object(kind, name, [(("metadata", "labels", "app"), "a")])
        accept = self._one([_PARTIAL, _TABLE]) if self._is(10) else ""
        until = name if kind.is_namespaced else f"{name}"
        return [
            Step(plural=kind.plural, verb="create", method="POST", path=self._path(kind, ""), body=sentinel),
            Step(
                plural=kind.plural,
                verb="watch",
                method="GET",
                path=self._path(kind, ""),
                query=query,
                until=until,
                accept=accept,
            ),
        ]

    def _odd(self, kind: Kind) -> Step:
        name = self._name(kind)
        path = self._path(kind, name)
        match self._random.randint(0, 7):
            case 0:
                return self._step(kind, "post to object", "POST", path, body={})
            case 1:
                return self._step(kind, "put to collection", "PUT", self._path(kind, ""), body={})
            case 2:
                content_type = self._one(["application/json", "text/plain", "application/x-bogus", _STRATEGIC])
                return self._step(kind, "patch of odd type", "PATCH", path, body={}, content_type=content_type)
            case 3:
                body = self._one([b"", b"{", b"null", b"[]", b"3", b'{"kind":"x"', b"\xff\xfe"])
                return self._step(kind, "create from odd body", "POST", self._path(kind, ""), body=body)
            case 4:
                return self._step(
                    kind, "get odd subresource", "GET", f"{path}/{self._one(['bogus', 'status', 'scale', 'log'])}"
                )
            case 5:
                accept = self._one(
                    ["text/html", "application/bogus", "application/json;as=Bogus;v=v1;g=meta.k8s.io", ""]
                )
                return Step(plural=kind.plural, verb="get as odd type", method="GET", path=path, accept=accept)
            case 6:
                body = self._object(kind, name, [])
                content_type = self._one(["application/yaml", "text/plain", "", "application/x-bogus"])
                return self._step(
                    kind, "create of odd type", "POST", self._path(kind, ""), body=body, content_type=content_type
                )
            case _:
                return self._step(kind, "get unknown kind", "GET", self._path(kind, "") + "x")


def put(into: dict[str, Any], path: Path, value: Any) -> None:
    """Set a field, making the maps on its way; what stands in the way is replaced."""
    node = into
    for part in path[:-1]:
        below = node.get(part)
        if not isinstance(below, dict):
            below = node[part] = {}
        node = below
    node[path[-1]] = copy.deepcopy(value)


@st.composite
def sequences(draw: Draw, kinds: Sequence[Kind] = KINDS) -> list[Step]:
    """One sequence of requests about one to three of the kinds."""
    return SequenceMachine(draw(st.randoms(use_true_random=True)), kinds).steps()
