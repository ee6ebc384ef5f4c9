"""Requests that read, and those that no client should send."""

from __future__ import annotations

from random import Random

from tests.differential.drawing import PARTIAL, PARTIAL_LIST, STRATEGIC, TABLE, Drawing
from tests.differential.kinds import Kind
from tests.differential.steps import Step


class Reads(Drawing):
    """Gets, lists and watches, in all representations."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._sentinels = 0

    def get(self, kind: Kind) -> Step:
        query = {"resourceVersion": self.one(["0", "x", "1"])} if self.happens(10) else {}
        step = self.step(kind, "get", "GET", self.path(kind, self.name(kind)), query=query)
        if not step.accept and self.happens(20):
            step = Step(
                method="GET",
                path=step.path,
                plural=kind.plural,
                verb="get",
                query=query,
                accept=self.one([TABLE, PARTIAL]),
            )
        return step

    def list_all(self, kind: Kind) -> Step:
        query = self.selection(kind)
        if self.happens(30):
            query["limit"] = self.one(["1", "1", "2", "0", "x", "-1"])
        if self.happens(15):
            query["continue"] = "${continue}" if self.happens(80) else "bogus"
        if self.happens(20):
            query["resourceVersion"] = self.one(["0", "0", "${start}", "x", "1"])
        if self.happens(10):
            query["resourceVersionMatch"] = self.one(["NotOlderThan", "Exact", "Bogus"])
        accept = self.one([TABLE, PARTIAL_LIST, f"{TABLE},application/json"]) if self.happens(25) else ""
        if self.happens(3):
            query[self.one(["timeoutSeconds", "includeObject", "pretty", "bogus"])] = self.one(
                ["1", "None", "Metadata", "true"]
            )
        return Step(plural=kind.plural, verb="list", method="GET", path=self.path(kind, ""), query=query, accept=accept)

    def watch(self, kind: Kind) -> list[Step]:
        self._sentinels += 1
        name = f"zz-{self._sentinels}" if kind.is_namespaced else f"${{ns}}-zz-{self._sentinels}"
        query = {"watch": "1", "timeoutSeconds": "1"}
        query["resourceVersion"] = (
            self.one(["${start}", "${start}", "${start}", "${start}", "0", "", "x"])
            if kind.is_namespaced
            else "${start}"
        )
        labels = self.one(["", "", "", "app=a", "app", "app in (a,b)"])
        if not kind.is_namespaced:
            labels = ",".join(filter(None, ("sequence=${ns}", labels)))
        if labels:
            query["labelSelector"] = labels
        if self.happens(20):
            query["allowWatchBookmarks"] = "true"
        if self.happens(10):
            query["sendInitialEvents"] = "true"
            if self.happens(80):
                query["resourceVersionMatch"] = "NotOlderThan"
        sentinel = self.obj(kind, name, [(("metadata", "labels", "app"), "a")])
        accept = self.one([PARTIAL, TABLE]) if self.happens(10) else ""
        until = name if kind.is_namespaced else f"{name}"
        return [
            Step(plural=kind.plural, verb="create", method="POST", path=self.path(kind, ""), body=sentinel),
            Step(
                plural=kind.plural,
                verb="watch",
                method="GET",
                path=self.path(kind, ""),
                query=query,
                until=until,
                accept=accept,
            ),
        ]

    def odd(self, kind: Kind) -> Step:
        name = self.name(kind)
        path = self.path(kind, name)
        match self.random.randint(0, 7):
            case 0:
                return self.step(kind, "post to object", "POST", path, body={})
            case 1:
                return self.step(kind, "put to collection", "PUT", self.path(kind, ""), body={})
            case 2:
                content_type = self.one(["application/json", "text/plain", "application/x-bogus", STRATEGIC])
                return self.step(kind, "patch of odd type", "PATCH", path, body={}, content_type=content_type)
            case 3:
                body = self.one([b"", b"{", b"null", b"[]", b"3", b'{"kind":"x"', b"\xff\xfe"])
                return self.step(kind, "create from odd body", "POST", self.path(kind, ""), body=body)
            case 4:
                return self.step(
                    kind, "get odd subresource", "GET", f"{path}/{self.one(['bogus', 'status', 'scale', 'log'])}"
                )
            case 5:
                accept = self.one(
                    ["text/html", "application/bogus", "application/json;as=Bogus;v=v1;g=meta.k8s.io", ""]
                )
                return Step(plural=kind.plural, verb="get as odd type", method="GET", path=path, accept=accept)
            case 6:
                body = self.obj(kind, name, [])
                content_type = self.one(["application/yaml", "text/plain", "", "application/x-bogus"])
                return self.step(
                    kind, "create of odd type", "POST", self.path(kind, ""), body=body, content_type=content_type
                )
            case _:
                return self.step(kind, "get unknown kind", "GET", self.path(kind, "") + "x")
