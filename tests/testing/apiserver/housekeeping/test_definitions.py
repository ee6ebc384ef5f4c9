"""A definition's conditions come one after the other, and its deletion waits for the objects of its kind."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing import Housekeeping
from tests.testing.apiserver.conftest import Caller

DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com"
DEFINITIONS = DEFINITION.rpartition("/")[0]
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


def widget(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name, **metadata}}


HELD = widget("held", finalizers=["example.com/hold"])


def terminating(definition: dict[str, Any]) -> tuple[str, str, str] | None:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    found = next((each for each in conditions if each["type"] == "Terminating"), None)
    return None if found is None else (found["status"], found["reason"], found["message"])


PENDING = (
    "True",
    "InstanceDeletionPending",
    "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
)
IN_PROGRESS = ("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress")
COMPLETED = ("False", "InstanceDeletionCompleted", "removed all instances")


def test_a_new_kind_is_installed_and_then_established(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        stream = await call.watch(DEFINITIONS, timeoutSeconds="1")
        await call.define_widgets()

        events = await call.events(stream)

        told = [event["object"]["status"]["conditions"] or [] for event in events]
        assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "MODIFIED"]
        assert [[(c["type"], c["status"], c["reason"]) for c in conditions] for conditions in told] == [
            [],
            [("NamesAccepted", "True", "NoConflicts"), ("Established", "False", "Installing")],
            [("NamesAccepted", "True", "NoConflicts"), ("Established", "True", "InitialNamesAccepted")],
        ]

    on_server(scenario)


def test_its_deletion_deletes_its_objects_and_waits_for_them(on_server: Any, widgets: str) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        stream = await call.watch(DEFINITIONS, timeoutSeconds="1000")
        objects = await call.watch(widgets, timeoutSeconds="1000")
        assert (await call("POST", widgets, widget("free"))).status == 201
        assert (await call("POST", widgets, HELD)).status == 201

        answer = await call("DELETE", DEFINITION, {"propagationPolicy": "Foreground"})

        assert (answer.status, answer.body["metadata"]["finalizers"]) == (200, [CLEANUP])
        assert "deletionGracePeriodSeconds" not in answer.body["metadata"]
        assert (answer.body["metadata"]["generation"], terminating(answer.body)) == (1, PENDING)
        waiting = await call("GET", DEFINITION)
        assert terminating(waiting.body) == IN_PROGRESS
        (left,) = (await call("GET", widgets)).body["items"]
        assert left["metadata"]["name"] == "held"
        assert left["metadata"]["deletionTimestamp"]

        await call("PATCH", f"{widgets}/held", {"metadata": {"finalizers": None}}, patch="merge")

        assert (await call("GET", DEFINITION)).status == 404
        assert (await call("GET", widgets)).status == 404
        events = await call.events(objects)
        assert [event["type"] for event in events] == ["ADDED", "ADDED", "DELETED", "MODIFIED", "DELETED"]
        await stream.aclose()

    on_server(scenario)


def test_it_is_deleted_at_once_where_nothing_holds_it(on_server: Any, widgets: str) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        assert (await call("POST", widgets, widget("free"))).status == 201
        stream = await call.watch(DEFINITIONS, timeoutSeconds="1")

        await call("DELETE", DEFINITION)

        events = await call.events(stream)
        told = [(event["type"], terminating(event["object"])) for event in events]
        assert told == [("ADDED", None), ("MODIFIED", PENDING), ("MODIFIED", IN_PROGRESS), ("DELETED", IN_PROGRESS)]
        assert (await call("GET", widgets)).status == 404

    on_server(scenario, housekeeping=Housekeeping.none())


def test_nothing_new_comes_to_a_kind_that_goes(on_server: Any, widgets: str) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        assert (await call("POST", widgets, HELD)).status == 201
        await call("DELETE", DEFINITION)

        applied = widget("new")
        created = await call("POST", widgets, applied)
        by_apply = await call("PATCH", f"{widgets}/new", applied, patch="apply", fieldManager="me")
        changed = await call("PATCH", f"{widgets}/held", {"spec": {"a": 1}}, patch="merge")

        assert created.status == by_apply.status == 403
        assert created.message == by_apply.message
        assert created.message == (
            'widgets.example.com "new" is forbidden: create not allowed while custom resource definition is terminating'
        )
        assert changed.status == 200
        resources = (await call("GET", "/apis/example.com/v1")).body["resources"]
        assert resources[0]["verbs"] == ["delete", "deletecollection", "get", "list", "watch"]
        again = await call("POST", DEFINITIONS, {"metadata": {"name": "widgets.example.com"}, "spec": definition(1)})
        assert (again.status, again.message.partition(":")[0]) == (409, "object is being deleted")

    on_server(scenario)


def definition(number: int) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object"}}
    return {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{"name": f"v{number}", "served": True, "storage": True, "schema": schema}],
    }


def test_somebody_elses_finalizer_keeps_it(on_server: Any, widgets: str) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        await call("PATCH", DEFINITION, {"metadata": {"finalizers": ["example.com/mine"]}}, patch="merge")

        await call("DELETE", DEFINITION)

        found = (await call("GET", DEFINITION)).body
        assert (found["metadata"]["finalizers"], terminating(found)) == (["example.com/mine"], COMPLETED)
        assert (await call("GET", widgets)).body["items"] == []
        assert (await call("POST", widgets, widget("new"))).status == 403

        await call("PATCH", DEFINITION, {"metadata": {"finalizers": None}}, patch="merge")

        assert (await call("GET", widgets)).status == 404

    on_server(scenario)


def test_a_kind_that_was_never_served_goes_without_a_look(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        other = {**definition(1), "names": {"plural": "gadgets", "kind": "Gadget", "listKind": "WidgetList"}}
        assert (
            await call("POST", DEFINITIONS, {"metadata": {"name": "gadgets.example.com"}, "spec": other})
        ).status == 201
        path = f"{DEFINITIONS}/gadgets.example.com"
        await call("PATCH", path, {"metadata": {"finalizers": ["example.com/mine"]}}, patch="merge")

        await call("DELETE", path)

        told = terminating((await call("GET", path)).body)
        assert told == ("False", "NeverEstablished", "resource was never established")

    on_server(scenario)


def test_preconditions_of_its_deletion_have_words_of_their_own(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        made = await call.define_widgets()
        uid, version = made["metadata"]["uid"], made["metadata"]["resourceVersion"]

        by_uid = await call("DELETE", DEFINITION, {"preconditions": {"uid": "x"}})
        by_version = await call("DELETE", DEFINITION, {"preconditions": {"resourceVersion": "1"}})

        said = 'Operation cannot be fulfilled on customresourcedefinitions.apiextensions.k8s.io "widgets.example.com": '
        assert by_uid.message == f"{said}precondition failed: UID in precondition: x, UID in object meta: {uid}"
        assert by_version.message == (
            f"{said}precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: {version}"
        )

    on_server(scenario)


def test_a_dry_run_shows_what_a_deletion_begins_with(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()

        answer = await call("DELETE", DEFINITION, dryRun="All")

        assert terminating(answer.body) == PENDING
        assert terminating((await call("GET", DEFINITION)).body) is None

    on_server(scenario)
