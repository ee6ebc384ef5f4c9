"""Versions with schemas of their own: objects are stored in one of them, and lose what that one doesn't know."""

from __future__ import annotations

from typing import Any

from tests.testing.apiserver.conftest import Caller

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAME = "gadgets.example.com"
TEXT = {"type": "string"}


def version(name: str, *, is_stored: bool, **fields: Any) -> dict[str, Any]:
    spec = {"type": "object", "properties": fields}
    schema = {"type": "object", "properties": {"spec": spec}}
    return {"name": name, "served": True, "storage": is_stored, "schema": {"openAPIV3Schema": schema}}


def versions(stored: str) -> list[dict[str, Any]]:
    first = {"a": TEXT, "c": {**TEXT, "default": "one"}, "x": TEXT}
    second = {"b": TEXT, "c": {**TEXT, "default": "two"}, "d": {**TEXT, "default": "dd"}, "x": TEXT}
    return [
        version("v1", is_stored=stored == "v1", **first),
        version("v2", is_stored=stored == "v2", **second),
    ]


def place(name: str, obj: str = "") -> str:
    return f"/apis/example.com/{name}/namespaces/default/gadgets{obj and f'/{obj}'}"


def gadget(name: str, obj: str, **spec: str) -> dict[str, Any]:
    return {"apiVersion": f"example.com/{name}", "kind": "Gadget", "metadata": {"name": obj}, "spec": spec}


async def define(call: Caller, **more: Any) -> None:
    spec = {"group": "example.com", "scope": "Namespaced", "names": {"plural": "gadgets", "kind": "Gadget"}}
    body = {"metadata": {"name": NAME}, "spec": {**spec, "versions": versions("v1"), **more}}
    assert (await call("POST", DEFINITIONS, body)).status == 201


async def specs(call: Caller, obj: str) -> list[dict[str, Any]]:
    """As each version shows it."""
    return [(await call("GET", place(name, obj))).body["spec"] for name in ("v1", "v2")]


def test_what_the_stored_version_doesnt_know_is_lost(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)

        created = await call("POST", place("v2"), gadget("v2", "g", a="A", b="B", x="X"))

        # Defaults are those of the version that it came in, and then of the one that is stored.
        assert created.body["spec"] == {"c": "two", "x": "X"}
        assert await specs(call, "g") == [{"c": "two", "x": "X"}] * 2

    on_server(scenario)


def test_a_version_hides_what_it_doesnt_know_and_fills_nothing_in(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await call("POST", place("v1"), gadget("v1", "g", a="A", x="X"))

        assert await specs(call, "g") == [{"a": "A", "c": "one", "x": "X"}, {"c": "one", "x": "X"}]
        stream = await call.watch(place("v2"), timeoutSeconds="1")
        patched = await call("PATCH", place("v2", "g"), {"spec": {"b": "BB"}}, patch="merge")

        assert patched.body["metadata"]["generation"] == 2
        assert await specs(call, "g") == [{"c": "one", "x": "X"}] * 2
        told = [event["object"]["spec"] for event in await call.events(stream)]
        assert told == [{"c": "one", "x": "X"}] * 2

    on_server(scenario)


def test_objects_stay_as_they_are_stored_until_they_are_written(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await call("POST", place("v1"), gadget("v1", "g", a="A"))

        changed = await call("PATCH", f"{DEFINITIONS}/{NAME}", {"spec": {"versions": versions("v2")}}, patch="merge")

        assert changed.body["status"]["storedVersions"] == ["v1", "v2"]
        assert await specs(call, "g") == [{"a": "A", "c": "one"}, {"c": "one"}]
        await call("PATCH", place("v2", "g"), {"metadata": {"labels": {"a": "b"}}}, patch="merge")
        assert await specs(call, "g") == [{"c": "one"}, {"c": "one", "d": "dd"}]

    on_server(scenario)


SERVICE = {"name": "svc", "namespace": "default", "path": "/convert"}
WEBHOOK = {"clientConfig": {"service": SERVICE}, "conversionReviewVersions": ["v1"]}
FAILED = (
    "conversion webhook for example.com/{}, Kind=Gadget failed: "
    'Post "https://svc.default.svc:443/convert?timeout=30s": service "svc" not found'
)


def test_a_version_that_a_webhook_would_have_to_make_cant_be_had(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call, conversion={"strategy": "Webhook", "webhook": WEBHOOK})
        assert (await call("GET", place("v2"))).body["items"] == []
        stream = await call.watch(place("v2"), timeoutSeconds="1")

        created = await call("POST", place("v1"), gadget("v1", "g", a="A"))

        assert created.status == 201
        got = await call("GET", place("v2", "g"))
        assert (got.status, got.body["reason"]) == (500, "InternalError")
        corrupt = "StorageError: corrupt object, Code: 7, Key: {}/example.com/gadgets/default/g, ResourceVersion: 0, "
        why = f"AdditionalErrorMsg: object not decodable revision={created.version}: {FAILED.format('v1')}"
        assert got.message == f"Internal error occurred: {corrupt.format('')}{why}"
        listed = await call("GET", place("v2"))
        assert listed.body["reason"] == "StorageReadError"
        assert listed.message == (
            f"failed to read one or more gadgets.example.com from the storage: {corrupt.format('/registry')}{why}"
        )
        refused = await call("POST", place("v2"), gadget("v2", "other"))
        assert (refused.status, refused.message) == (500, FAILED.format("v2"))
        assert (await call("PATCH", place("v2", "none"), {}, patch="merge")).status == 404
        changed = await call("PATCH", place("v1", "g"), {"spec": {"a": "AA"}}, patch="merge")
        assert changed.body["spec"] == {"a": "AA", "c": "one"}
        assert await call.events(stream) == []

    on_server(scenario)


def test_a_webhook_has_to_be_told_whole(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        spec: dict[str, Any] = {"group": "example.com", "scope": "Namespaced"}
        spec |= {"names": {"plural": "gadgets", "kind": "Gadget"}}
        spec |= {"versions": versions("v1"), "conversion": {"strategy": "Webhook"}}

        refused = await call("POST", DEFINITIONS, {"metadata": {"name": NAME}, "spec": spec})

        path = "spec.conversion"
        assert refused.message.partition(" is invalid: ")[2] == (
            f"[{path}.webhookClientConfig: Required value: required when strategy is set to Webhook, "
            f"{path}.conversionReviewVersions: Required value]"
        )

    on_server(scenario)


def test_an_apply_of_nothing_fills_nothing_in(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        created = await call("POST", place("v1"), gadget("v1", "g", x="X"))
        config = {"apiVersion": "example.com/v2", "kind": "Gadget"}

        applied = await call("PATCH", place("v2", "g"), config, patch="apply", fieldManager="me")

        assert (applied.version, applied.body["spec"]) == (created.version, {"c": "one", "x": "X"})
        assert applied.body["metadata"]["generation"] == 1

    on_server(scenario)


def test_discovery_names_the_stored_version_by_its_hash(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)

        hashes = {
            (await call("GET", f"/apis/example.com/{v}")).body["resources"][0]["storageVersionHash"]
            for v in ("v1", "v2")
        }

        assert len(hashes) == 1

    on_server(scenario)
