"""Writes of custom objects, as a real kube-apiserver answers them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.testing.apiserver.conftest import Caller
from tests.testing.apiserver.custom_widgets import BETA, GROUP, WIDGETS, apply, define, widget

OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "11111111-1111-4111-8111-111111111111"}


@pytest.mark.parametrize(
    ("metadata", "at_creation", "at_change"),
    [
        pytest.param({"annotations": {"bad key!": "x"}}, 1, 3, id="annotations are looked at thrice"),
        pytest.param({"labels": {"a": "not ok!"}}, 1, 3, id="so are labels"),
        pytest.param({"ownerReferences": [{**OWNER, "uid": ""}]}, 1, 3, id="and owners"),
        pytest.param({"finalizers": ["bad domain/x"]}, 1, 1, id="finalizers but once"),
        pytest.param({"uid": "22222222-2222-4222-8222-222222222222"}, 0, 2, id="what can't change is looked at twice"),
        pytest.param({"labels": {"a": "not ok!", "b": "not ok!"}}, 1, 5, id="the third time each mistake but once"),
    ],
)
def test_a_mistake_in_metadata_is_found_as_often_as_it_is_looked_at(
    on_server: Any, metadata: dict[str, Any], at_creation: int, at_change: int
) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        created = await call("POST", WIDGETS, widget(**metadata))
        if at_creation:
            assert _found(created) == {at_creation}
            await call("POST", WIDGETS, widget())
        changed = await call("PATCH", f"{WIDGETS}/a", {"metadata": metadata}, patch="merge")
        assert _found(changed) == {at_change}

    on_server(scenario)


def _found(answer: Any) -> set[int]:
    """How often each cause is told, but that of the rules that weren't run."""
    causes = [cause for cause in answer.body["details"]["causes"] if cause["field"] != "<nil>"]
    return set(Counter(cause["message"] for cause in causes).values())


def test_a_replacement_of_another_object_is_told_where_it_is_kept(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        created = await call("POST", WIDGETS, widget({"size": 1}))
        other = widget({"size": 1}, resourceVersion=created.version, uid=OWNER["uid"])
        assert f"Key: /registry/{GROUP}/widgets/default/a, " in (await call("PUT", f"{WIDGETS}/a", other)).message

    on_server(scenario)


@pytest.mark.parametrize(
    ("spec", "field", "kind"),
    [
        ({"size": 1, "parts": None}, "spec.parts", "array"),
        ({"size": None}, "spec.size", "integer"),
        (None, "spec", "object"),
    ],
)
def test_an_applied_null_is_a_value(on_server: Any, spec: Any, field: str, kind: str) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        refused = await apply(call, {**widget(), "spec": spec})
        assert (refused.status, refused.body["details"]["causes"][0]["field"]) == (422, field)
        assert f'{field} in body must be of type {kind}: "null"' in refused.message
        allowed = await apply(call, widget({"size": 1, "color": None, "nullable": None}))
        assert allowed.body["spec"] == {"size": 1, "color": "red", "nullable": None}

    on_server(scenario)


def test_a_map_that_an_apply_empties_is_null(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        assert (await apply(call, widget({"size": 1, "nested": {"a": "1"}}))).status == 201
        refused = await apply(call, widget({"size": 1, "nested": {}}))
        assert 'spec.nested in body must be of type object: "null"' in refused.message

    on_server(scenario)


def test_an_apply_that_names_nothing_any_more_loses_the_name(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        assert (await apply(call, widget({"size": 1}, labels={"app": "a"}))).status == 201
        config = widget({"size": 1})
        del config["metadata"]
        refused = await apply(call, config)
        assert (refused.status, refused.message) == (
            400,
            "the name of the object (a based on URL) was undeterminable: name must be provided",
        )
        assert (await apply(call, {**config, "metadata": {}})).status == 200

    on_server(scenario)


def test_what_an_apply_stores_otherwise_than_it_is_read_is_written_each_time(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        config = widget({"size": 1}, labels={}, finalizers=[])
        created = await apply(call, config)
        assert (created.status, {"labels", "finalizers"} & created.body["metadata"].keys()) == (201, set())
        again = await apply(call, config)
        assert int(again.version) > int(created.version)
        nothing = await call("PATCH", f"{WIDGETS}/a", {}, patch="merge")
        assert int(nothing.version) > int(again.version)
        assert (await call("PATCH", f"{WIDGETS}/a", {}, patch="merge")).version == nothing.version

    on_server(scenario)


def test_what_is_converted_to_be_stored_is_stored_as_it_is_read(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        config = widget({"size": 1}, api_version="v1beta1", labels={})
        created = await apply(call, config, BETA)
        assert (await apply(call, config, BETA)).version == created.version
        assert (await call("PATCH", f"{WIDGETS}/a", {}, patch="merge")).version == created.version

    on_server(scenario)


def test_a_dry_run_shows_the_self_link_that_is_never_stored(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await call("POST", WIDGETS, widget({"size": 1}))
        patch = {"metadata": {"selfLink": "/x"}}
        tried = await call("PATCH", f"{WIDGETS}/a", patch, patch="merge", dryRun="All")
        done = await call("PATCH", f"{WIDGETS}/a", patch, patch="merge")
        assert (tried.body["metadata"].get("selfLink"), done.body["metadata"].get("selfLink")) == ("/x", None)

    on_server(scenario)


def test_another_kind_is_minded_when_the_object_is_checked(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        other = widget({"size": 1}) | {"kind": "Other"}
        refused = await call("POST", WIDGETS, {**other, "spec": {"size": 100}})
        told = 'kind: Invalid value: "Other": must be Widget'
        assert refused.message == (
            f'Other.example.com "a" is invalid: [{told}, spec: Invalid value: failed rule: self.size < 100]'
        )
        assert (await call("PUT", f"{WIDGETS}/a", other)).status == 404
        created = await call("POST", WIDGETS, widget({"size": 1}))
        assert "must be specified for an update" in (await call("PUT", f"{WIDGETS}/a", other)).message
        stale = {**other, "metadata": {"name": "a", "resourceVersion": "1"}}
        assert (await call("PUT", f"{WIDGETS}/a", stale)).status == 409
        fresh = {**other, "metadata": {"name": "a", "resourceVersion": created.version}}
        assert (await call("PUT", f"{WIDGETS}/a", fresh)).message == f'Other.example.com "a" is invalid: {told}'
        patched = await call("PATCH", f"{WIDGETS}/a", {"kind": "Other", "apiVersion": "v9"}, patch="merge")
        version = 'apiVersion: Invalid value: "v9": must be example.com/v1'
        assert patched.message == f'Other "a" is invalid: [{told}, {version}]'
        assert (await call("PUT", f"{WIDGETS}/a/status", fresh)).status == 200

    on_server(scenario)


@pytest.mark.parametrize(
    ("patch", "code", "told"),
    [
        ({"kind": None}, 422, "Object 'Kind' is missing in '{"),
        ({"kind": 3}, 422, "cannot unmarshal number into Go struct field .kind of type string"),
        ({"apiVersion": "a/b/c"}, 422, "unexpected GroupVersion string: a/b/c"),
        ({"apiVersion": None}, 500, "Object 'apiVersion' is missing in 'object has no apiVersion field'"),
    ],
)
def test_a_patch_may_not_make_an_object_of_no_kind(on_server: Any, patch: Any, code: int, told: str) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await call("POST", WIDGETS, widget({"size": 1}))
        refused = await call("PATCH", f"{WIDGETS}/a", patch, patch="merge")
        assert (refused.status, told in refused.message) == (code, True)

    on_server(scenario)


def test_an_object_must_say_its_version(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        refused = await call("POST", WIDGETS, widget({"size": 1}) | {"apiVersion": ""})
        assert refused.message == (
            "the API version in the data () does not match the expected API version (example.com/v1)"
        )
        beta = await call("POST", BETA, widget({"size": 1}, name=3))
        assert beta.message.startswith('Widget in version "v1" cannot be handled as a Widget: json: cannot unmarshal')

    on_server(scenario)


def test_a_taken_name_of_an_object_on_its_way_out(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await call("POST", WIDGETS, widget({"size": 1}, finalizers=["a.b/c"]))
        await call("DELETE", f"{WIDGETS}/a")
        refused = await call("POST", WIDGETS, widget({"size": 1}, generateName="x"))
        assert refused.message == (
            'object is being deleted: widgets.example.com "a" already exists, the server was not able to generate a '
            "unique name for the object"
        )

    on_server(scenario)


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        ({"spec": []}, ".spec.replicas accessor error: [] is of the type []interface {}, expected map"),
        ({"spec": "x"}, ".spec.replicas accessor error: x is of the type string, expected map[string]interface{}"),
        ({"spec": {"replicas": ["a"]}}, "accessor error: [a] is of the type []interface {}, expected int64"),
        ({"spec": {"replicas": {"a": 1}}}, "accessor error: map[] is of the type map[string]interface {}, expected"),
    ],
)
def test_a_scale_that_cant_be_found_is_told_as_go_does(on_server: Any, patch: Any, told: str) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await call("POST", WIDGETS, widget({"size": 1}))
        assert told in (await call("PATCH", f"{WIDGETS}/a", patch, patch="merge")).message

    on_server(scenario)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"creationTimestamp": 3}, "cannot unmarshal number into Go struct field ObjectMeta.creationTimestamp of type"),
        ({"deletionTimestamp": {}}, "cannot unmarshal object into Go struct field ObjectMeta.deletionTimestamp of typ"),
        ({"creationTimestamp": "2020-01-01"}, 'as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'),
        ({"creationTimestamp": "2020-13-01T00:00:00Z"}, 'parsing time "2020-13-01T00:00:00Z": month out of range'),
        ({"managedFields": [{"manager": 3}]}, "into Go struct field ManagedFieldsEntry.managedFields.manager of type"),
        ({"name": 3, "labels": 3}, "cannot unmarshal number into Go struct field ObjectMeta.labels of type map"),
        ({"name": 3, "deletionTimestamp": "soon"}, 'parsing time "soon" as'),
        ({"generation": 1e20}, "cannot unmarshal number 100000000000000000000 into Go struct field ObjectMeta.gen"),
    ],
)
def test_metadata_is_read_as_the_struct_that_it_is(on_server: Any, metadata: dict[str, Any], told: str) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        refused = await call("POST", WIDGETS, widget({"size": 1}, **metadata))
        assert (refused.status, told in refused.message) == (400, True)

    on_server(scenario)


def test_an_applied_label_of_null_is_empty(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        created = await apply(call, widget({"size": 1}, labels={"a": None}, generation=1.0))
        assert (created.status, created.body["metadata"]["labels"]) == (201, {"a": ""})

    on_server(scenario)


def test_a_grace_period_of_nothing_outlives_an_apply(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await call("POST", WIDGETS, widget({"size": 1}, finalizers=["a.b/c"]))
        await call("DELETE", f"{WIDGETS}/a")
        applied = await apply(call, widget({"size": 2}), force="true")
        assert applied.body["metadata"]["deletionGracePeriodSeconds"] == 0

    on_server(scenario)


def test_a_whole_float_is_stored_as_an_integer_and_is_a_change_each_time(on_server: Any, widgets: str) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        created = await call("POST", widgets, widget({"n": 1.0, "deep": [2.0, 1.5]}))
        assert (created.body["spec"], type(created.body["spec"]["n"])) == ({"n": 1, "deep": [2, 1.5]}, int)
        again = await call("PATCH", f"{widgets}/a", b'{"spec":{"n":1.0}}', patch="merge")
        assert (again.body["metadata"]["generation"], type(again.body["spec"]["n"])) == (2, int)
        same = await call("PATCH", f"{widgets}/a", {"spec": {"n": 1}}, patch="merge")
        assert same.version == again.version

    on_server(scenario)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"labels": {"bad key!": "x"}}, "spec.template.metadata.labels: Invalid value"),
        ({"annotations": {"bad key!": "x"}}, "spec.template.metadata.annotations: Invalid value"),
        ({"ownerReferences": [{"kind": "x"}]}, "spec.template.metadata.ownerReferences[0].uid: Required value"),
        ({"namespace": "Bad NS"}, "spec.template.metadata.namespace: Invalid value"),
        ({"name": "a/b"}, "spec.template.metadata.name: Invalid value: \"a/b\": may not contain '/'"),
        ({"creationTimestamp": "soon"}, 'spec.template.metadata: Invalid value: {"creationTimestamp":"soon"}: parsing'),
    ],
)
def test_embedded_metadata_is_held_to_the_rules_of_all_metadata(on_server: Any, metadata: Any, told: str) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        config = widget({"size": 1, "template": {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}})
        refused = await apply(call, config)
        assert (refused.status, told in refused.message) == (422, True)

    on_server(scenario)


def test_an_applied_embedded_resource_keeps_its_nulls_until_it_is_stored(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": None}, "annotations": None}}
        created = await apply(call, widget({"size": 1, "template": pod}))
        assert created.body["spec"]["template"]["metadata"] == {"labels": {"a": ""}}
        refused = await apply(call, widget({"size": 1, "template": {**pod, "kind": None}}))
        assert "spec.template.kind: Invalid value: null: must be a string" in refused.message

    on_server(scenario)


def test_an_applied_whole_float_is_an_integer_from_the_start(on_server: Any, widgets: str) -> None:
    async def scenario(call: Caller) -> None:
        await call.define_widgets()
        created = await apply(call, widget({"n": 1.0}), widgets)
        again = await apply(call, widget({"n": 1.0}), widgets)
        assert (again.version, again.body["spec"]) == (created.version, {"n": 1})

    on_server(scenario)


def test_a_patch_of_the_status_may_name_any_uid(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        created = await call("POST", WIDGETS, widget({"size": 1}))
        patch = {"metadata": {"uid": OWNER["uid"]}, "status": {"replicas": 1}}
        patched = await call("PATCH", f"{WIDGETS}/a/status", patch, patch="merge")
        assert (patched.status, patched.body["metadata"]["uid"]) == (200, created.body["metadata"]["uid"])

    on_server(scenario)


def test_the_table_of_a_dry_run_has_no_version(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
        tried = await call("POST", WIDGETS, widget({"size": 1}), accept=accept, dryRun="All")
        assert (tried.status, tried.body["metadata"]) == (201, {})

    on_server(scenario)


def test_the_last_version_of_an_object_shows_the_self_link_that_it_was_given(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await call("POST", WIDGETS, widget({"size": 1}, finalizers=["a.b/c"]))
        await call("DELETE", f"{WIDGETS}/a")
        patch = {"metadata": {"selfLink": "/x", "finalizers": None}}
        gone = await call("PATCH", f"{WIDGETS}/a", patch, patch="merge")
        assert (gone.body["metadata"]["selfLink"], (await call("GET", f"{WIDGETS}/a")).status) == ("/x", 404)

    on_server(scenario)


def test_owners_are_quoted_as_the_struct_that_they_are(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await define(call)
        await call("POST", WIDGETS, widget({"size": 1}))
        owners = [{**OWNER, "controller": True}, {**OWNER, "name": "p", "controller": True}]
        refused = await call("PATCH", f"{WIDGETS}/a", {"metadata": {"ownerReferences": owners}}, patch="merge")
        first = f'{{"apiVersion":"v1","kind":"ConfigMap","name":"o","uid":"{OWNER["uid"]}","controller":true}}'
        assert f"metadata.ownerReferences: Invalid value: [{first}," in refused.message

    on_server(scenario)
