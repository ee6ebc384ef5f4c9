"""The client against the embedded API server, straight and over a socket, and a real one: all look the same to it."""

from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.errors import ApiError, GarbledAnswerError, LostAnswerError, NotSentError
from reconcilekit.kube.client import Client, ContinueExpiredError
from reconcilekit.kube.discovery import Discovery, KindAbsentError
from reconcilekit.kube.http import user_agent
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.kube.transport import Transport
from reconcilekit.testing import custom_kind
from reconcilekit.testing.apiserver import ApiServer, Fault
from tests.servers import ServerUnderTest

CONFIG_MAP = Resource("v1", "ConfigMap")
NODE = Resource("v1", "Node")
WIDGET = Resource("example.com/v1", "Widget")
KEY = ObjectKey("default", "a")
AGENT = user_agent("tester", "1")

pytestmark = pytest.mark.lanes("embedded", "socket", "real")


def config_map(name: str = "a", data: dict[str, str] | None = None, **meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"} | meta,
        "data": data or {"k": "v"},
    }


@pytest.fixture
def transport(api_server: ServerUnderTest) -> Transport:
    return api_server.transport(AGENT)


@pytest.fixture
def client(transport: Transport) -> Client:
    clock = SystemClock()
    return Client(transport, clock=clock, field_manager="m", discovery=Discovery(transport, clock, grace=0.0))


async def all_of(client: Client, resource: Resource, *, limit: int) -> list[RawObject]:
    found: list[RawObject] = []
    token = ""
    while True:
        page = await client.list_page(resource, namespace="default", limit=limit, continue_token=token)
        found += [each for each in page.items if isinstance(each, RawObject)]
        token = page.continue_token
        if not token:
            return found


async def test_an_object_s_whole_life(client: Client) -> None:
    created = await client.create(CONFIG_MAP, config_map())
    assert created.decode()["data"] == {"k": "v"}
    assert (await client.get(CONFIG_MAP, KEY)).meta == created.meta

    changed = created.decode() | {"data": {"k": "w"}}
    updated = await client.update(CONFIG_MAP, changed)
    assert updated.meta.resource_version != created.meta.resource_version
    with pytest.raises(ApiError) as conflict:
        await client.update(CONFIG_MAP, changed)
    assert (conflict.value.status, conflict.value.reason) == (409, "Conflict")

    patched = await client.merge_patch(CONFIG_MAP, KEY, {"data": {"k": None, "l": "1"}})
    assert patched.decode()["data"] == {"l": "1"}

    with pytest.raises(ApiError) as other:
        await client.delete(CONFIG_MAP, KEY, uid="another")
    assert (other.value.status, other.value.reason) == (409, "Conflict")
    await client.delete(CONFIG_MAP, KEY, uid=created.meta.uid, resource_version=patched.meta.resource_version)
    with pytest.raises(ApiError) as gone:
        await client.get(CONFIG_MAP, KEY)
    assert str(gone.value) == 'GET /api/v1/namespaces/default/configmaps/a: 404: configmaps "a" not found'


async def test_every_request_says_whose_it_is(client: Client, embedded_server: ApiServer) -> None:
    await client.create(CONFIG_MAP, config_map())
    assert {each.user_agent for each in embedded_server.requests} == {AGENT}


async def test_an_apply_owns_what_it_names(client: Client) -> None:
    applied = await client.apply(CONFIG_MAP, config_map(resourceVersion="1"))

    assert applied.owned_fields is not None
    assert b"f:k" in applied.owned_fields
    assert "managedFields" not in applied.decode()["metadata"]
    with pytest.raises(ApiError) as exists:
        await client.apply(CONFIG_MAP, config_map(resourceVersion="1"))
    assert exists.value.status == 409
    again = await client.apply(
        CONFIG_MAP, config_map(uid=applied.meta.uid, resourceVersion=applied.meta.resource_version)
    )
    assert again.meta.resource_version == applied.meta.resource_version


async def test_an_apply_that_yields_is_told_who_owns(client: Client, transport: Transport) -> None:
    await client.apply(CONFIG_MAP, config_map())
    rival = Client(transport, clock=SystemClock(), field_manager="rival")
    with pytest.raises(ApiError) as conflict:
        await rival.apply(CONFIG_MAP, config_map(data={"k": "mine"}), force=False)
    assert conflict.value.status == 409
    assert b"FieldManagerConflict" in conflict.value.body
    assert (await rival.apply(CONFIG_MAP, config_map(data={"k": "mine"}))).decode()["data"] == {"k": "mine"}


async def test_a_kind_that_is_installed_is_found_and_its_status_is_written_by_itself(
    client: Client, api_server: ServerUnderTest
) -> None:
    with pytest.raises(KindAbsentError):
        await client.get(WIDGET, KEY)
    await api_server.install(custom_kind(WIDGET))
    widget = {"metadata": {"name": "a", "namespace": "default"}, "spec": {"size": 1}}
    created = await client.create(WIDGET, widget | {"status": {"ignored": True}})
    assert client.discovery.cached(WIDGET) is not None
    assert "status" not in created.decode()

    put = await client.update_status(WIDGET, created.decode() | {"spec": {"size": 2}, "status": {"ready": 1}})
    assert (put.decode()["spec"], put.decode()["status"]) == ({"size": 1}, {"ready": 1})
    patched = await client.merge_patch(WIDGET, KEY, {"status": {"ready": 2}}, subresource="status")
    assert patched.decode()["status"] == {"ready": 2}
    applied = await client.apply_status(WIDGET, {"metadata": widget["metadata"], "status": {"ready": 3}})
    assert applied.decode()["status"] == {"ready": 3}
    assert applied.meta.generation == created.meta.generation


async def test_pages_make_one_list_whose_items_have_a_type(client: Client) -> None:
    for number in range(5):
        await client.create(CONFIG_MAP, config_map(f"c{number}", labels={"odd": str(number % 2)}))
    found = await all_of(client, CONFIG_MAP, limit=2)
    assert [each.key.name for each in found] == [f"c{number}" for number in range(5)]
    assert all((each.decode()["kind"], each.decode()["apiVersion"]) == ("ConfigMap", "v1") for each in found)
    odd = await client.list_page(CONFIG_MAP, namespace="default", label_selector="odd in (1)")
    assert [each.key and each.key.name for each in odd.items] == ["c1", "c3"]


async def test_a_compacted_continue_token_is_told_apart(client: Client, embedded_server: ApiServer) -> None:
    for name in "abc":
        await client.create(CONFIG_MAP, config_map(name))
    page = await client.list_page(CONFIG_MAP, limit=1)
    await client.create(CONFIG_MAP, config_map("d"))
    embedded_server.compact()
    with pytest.raises(ContinueExpiredError):
        await client.list_page(CONFIG_MAP, limit=1, continue_token=page.continue_token)


async def test_a_watch_continues_a_list(client: Client) -> None:
    page = await client.list_page(CONFIG_MAP)
    async with client.watch(CONFIG_MAP, resource_version=page.resource_version) as events:
        created = await client.create(CONFIG_MAP, config_map())
        await client.merge_patch(CONFIG_MAP, KEY, {"data": {"k": "w"}})
        await client.delete(CONFIG_MAP, KEY)
        seen = [await anext(events) for _ in range(3)]
    assert [each.type for each in seen] == ["ADDED", "MODIFIED", "DELETED"]
    assert seen[0].object is not None
    assert seen[0].object.meta == created.meta
    assert seen[0].object.owned_fields == created.owned_fields


async def test_a_watch_of_the_forgotten_past_is_told_so(client: Client, embedded_server: ApiServer) -> None:
    page = await client.list_page(CONFIG_MAP)
    await client.create(CONFIG_MAP, config_map())
    embedded_server.compact()
    async with client.watch(CONFIG_MAP, resource_version=page.resource_version) as events:
        event = await anext(events)
    assert event.type == "ERROR"
    assert event.error is not None
    assert (event.error.status, event.error.reason) == (410, "Expired")


@pytest.mark.parametrize(
    ("action", "error"), [("drop", LostAnswerError), ("truncate", LostAnswerError), ("half_body", GarbledAnswerError)]
)
async def test_a_lost_answer_to_a_write_that_took_effect(
    client: Client, embedded_server: ApiServer, action: Any, error: type[Exception]
) -> None:
    embedded_server.faults.add(Fault(method="POST", when="after", action=action))
    with pytest.raises(error):
        await client.create(CONFIG_MAP, config_map())
    assert len(embedded_server.objects(CONFIG_MAP)) == 1
    assert embedded_server.count(method="POST") == 1


async def test_a_fault_s_answer_arrives_with_its_headers(client: Client, embedded_server: ApiServer) -> None:
    embedded_server.faults.add(Fault(method="GET", path="*/configmaps", status=429, message="busy", retry_after=3))
    with pytest.raises(ApiError) as caught:
        await client.list_page(CONFIG_MAP)
    assert (caught.value.status, caught.value.headers.get("retry-after")) == (429, "3")


@pytest.mark.parametrize(
    ("action", "error"),
    [("break", LostAnswerError), ("half_line", LostAnswerError), ("garbage_line", GarbledAnswerError)],
)
async def test_a_watch_that_goes_wrong_raises(
    client: Client, embedded_server: ApiServer, action: Any, error: type[Exception]
) -> None:
    page = await client.list_page(CONFIG_MAP)
    embedded_server.faults.add(Fault(method="GET", query={"watch": "1"}, action=action, after_events=1))
    async with client.watch(CONFIG_MAP, resource_version=page.resource_version) as events:
        await client.create(CONFIG_MAP, config_map())
        assert (await anext(events)).type == "ADDED"
        with pytest.raises(error):
            await anext(events)


async def test_a_watch_that_ends_properly_just_ends(client: Client, embedded_server: ApiServer) -> None:
    page = await client.list_page(CONFIG_MAP)
    embedded_server.faults.add(Fault(method="GET", query={"watch": "1"}, action="close"))
    async with client.watch(CONFIG_MAP, resource_version=page.resource_version) as events:
        assert [event async for event in events] == []


async def test_closing_loses_what_is_under_way_and_sends_nothing_more(
    client: Client, transport: Transport, embedded_server: ApiServer
) -> None:
    version = (await client.list_page(CONFIG_MAP)).resource_version
    async with client.watch(CONFIG_MAP, resource_version=version) as events:
        await transport.aclose()
        with pytest.raises(LostAnswerError):
            await anext(events)
    seen = len(embedded_server.requests)
    with pytest.raises(NotSentError):
        await client.list_page(CONFIG_MAP)
    assert len(embedded_server.requests) == seen
