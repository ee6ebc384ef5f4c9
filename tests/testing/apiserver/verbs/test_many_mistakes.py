"""How much a server says of a body with a great many mistakes, and that it takes no longer than it should."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller

MAPS = "/api/v1/namespaces/default/configmaps"


def _body(head: str, *, unknown: int = 0, twice: int = 0) -> bytes:
    fields = "".join(f',"f{i}":1' for i in range(unknown))
    labels = ",".join(f'"d{i}":"1","d{i}":"1"' for i in range(twice))
    return f'{{{head},"metadata":{{"name":"a","labels":{{{labels}}}}}{fields}}}'.encode()


MAP = '"apiVersion":"v1","kind":"ConfigMap"'
WIDGET = '"apiVersion":"example.com/v1","kind":"Widget"'


@pytest.mark.parametrize(
    ("custom", "sent", "told"),
    [
        (False, {"unknown": 150}, (100, 0)),
        (False, {"twice": 150}, (0, 100)),
        (False, {"unknown": 150, "twice": 1}, (99, 1)),
        (True, {"unknown": 150}, (150, 0)),
        (True, {"twice": 150}, (0, 100)),
        (True, {"unknown": 150, "twice": 1}, (150, 1)),
    ],
)
def test_a_hundred_mistakes_are_told(
    on_server: Any, widgets: str, custom: bool, sent: dict[str, int], told: tuple[int, int]
) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        path, head = (widgets, WIDGET) if custom else (MAPS, MAP)
        refused = await call("POST", path, _body(head, **sent), fieldValidation="Strict")
        assert refused.status == 400
        assert (refused.message.count("unknown field"), refused.message.count("duplicate field")) == told

    on_server(scenario)


def test_owners_that_are_told_twice_are_named_each_time(on_server: Any) -> None:
    owners = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": uid} for uid in "abababc"]

    async def scenario(call: Caller) -> None:
        made = await call("POST", MAPS, {"metadata": {"name": "a", "ownerReferences": owners}})
        assert [owner["uid"] for owner in made.body["metadata"]["ownerReferences"]] == ["a", "b", "c"]
        assert made.headers["warning"].endswith('duplicate UID(s) observed: a, b, a, b"')

    on_server(scenario)


@pytest.mark.parametrize("owner", ["a", 1, None, []])
def test_what_is_no_owner_is_no_twin(on_server: Any, owner: Any) -> None:
    async def scenario(call: Caller) -> None:
        sent = {"metadata": {"name": "a", "ownerReferences": [owner, owner]}}
        assert (await call("POST", MAPS, sent)).status == (400 if owner is not None else 422)

    on_server(scenario)


def test_many_fields_and_owners_are_looked_at_in_one_go(on_server: Any) -> None:
    owners = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": str(i)} for i in range(10_000)]

    async def scenario(call: Caller) -> None:
        begun = time.process_time()
        await call("POST", MAPS, _body(MAP, unknown=40_000, twice=1), dryRun="All")
        await call("POST", MAPS, {"metadata": {"name": "b", "ownerReferences": owners}}, dryRun="All")
        # Each took more than ten seconds while every one was looked for among all the others.
        assert time.process_time() - begun < 5

    on_server(scenario)
