"""Failed, stale and absent are three different answers."""

from __future__ import annotations

import asyncio
import re

import attrs
import pytest

from reconcilekit.errors import ApiError, ConfigError, LostAnswerError, NotSentError, TransientError
from reconcilekit.kube.discovery import (
    Discovery,
    DiscoveryFailedError,
    KindAbsentError,
    KindNotYetServedError,
    StaleDiscoveryError,
)
from reconcilekit.kube.resource import ObjectKey, Resource
from reconcilekit.kube.transport import Request, Response
from reconcilekit.testing.virtual_time import VirtualClock, run_virtual
from tests.kube.scripted import (
    CORE,
    GROUPS,
    ScriptedTransport,
    aggregated,
    group,
    json_response,
    listed,
    serving,
    status_response,
)

CONFIG_MAP = Resource("v1", "ConfigMap")
NODE = Resource("v1", "Node")
WIDGET = Resource("example.com/v1", "Widget")
GADGET = Resource("example.com/v1", "Gadget")
METRICS = Resource("metrics.k8s.io/v1beta1", "PodMetrics")
UNKNOWN = Resource("nope.example.org/v1", "Nope")

LEGACY_CORE = json_response({"kind": "APIVersions", "versions": ["v1"]})
LEGACY_GROUPS = json_response(
    {
        "kind": "APIGroupList",
        "groups": [
            {"name": name, "versions": [{"groupVersion": f"{name}/{version}", "version": version}]}
            for name, version in (("example.com", "v1"), ("metrics.k8s.io", "v1beta1"))
        ],
    }
)
LEGACY_V1 = json_response(
    {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "nodes", "kind": "Node", "namespaced": False, "verbs": ["list"]},
            {"name": "nodes/status", "kind": "Node", "namespaced": False, "verbs": ["get"]},
            {"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["list"]},
        ],
    }
)
LEGACY_WIDGETS = json_response(
    {
        "kind": "APIResourceList",
        "resources": [{"name": "widgets", "kind": "Widget", "namespaced": True, "verbs": ["list"]}],
    }
)


def legacy(*, core: Response = LEGACY_CORE, groups: Response = LEGACY_GROUPS) -> ScriptedTransport:
    transport = serving(core=core, groups=groups)
    transport.on("GET /api/v1", LEGACY_V1).on("GET /apis/example.com/v1", LEGACY_WIDGETS)
    return transport.on("GET /apis/metrics.k8s.io/v1beta1", Response(status=503, body=b"service unavailable"))


async def settled(transport: ScriptedTransport, clock: VirtualClock) -> Discovery:
    """A discovery whose first minute is over."""
    discovery = Discovery(transport, clock)
    await clock.sleep(60.0)
    return discovery


def test_aggregated_discovery_takes_two_requests_for_every_kind() -> None:
    async def main(clock: VirtualClock) -> None:
        transport = serving()
        discovery = Discovery(transport, clock)

        widget, node, config_map = [await discovery.find(each) for each in (WIDGET, NODE, CONFIG_MAP)]

        assert widget.object_path(ObjectKey("ns", "w"), subresource="status") == (
            "/apis/example.com/v1/namespaces/ns/widgets/w/status"
        )
        assert widget.collection_path() == "/apis/example.com/v1/widgets"
        assert node.object_path(ObjectKey("", "n")) == "/api/v1/nodes/n"
        assert (node.namespaced, node.has_status, config_map.has_status) == (False, True, False)
        assert widget.verbs == {"get", "list", "watch"}
        assert [str(each) for each in transport.requests] == ["GET /api", "GET /apis"]
        assert discovery.cached(GADGET) is None
        assert repr(discovery) == "<Discovery kinds=3 rounds=1>"

    run_virtual(main)


def test_names_that_need_it_are_escaped() -> None:
    async def main(clock: VirtualClock) -> None:
        info = await Discovery(serving(), clock).find(NODE)
        assert info.object_path(ObjectKey("", "system:a?b#c")) == "/api/v1/nodes/system:a%3Fb%23c"

    run_virtual(main)


@pytest.mark.parametrize("refusal", [status_response(406, "NotAcceptable"), status_response(400, "BadRequest")])
def test_a_server_that_refuses_the_aggregated_form_is_asked_for_the_legacy_one(refusal: Response) -> None:
    async def main(clock: VirtualClock) -> None:
        transport = legacy().on("GET /api", refusal, LEGACY_CORE)
        info = await Discovery(transport, clock).find(NODE)
        assert (info.plural, info.namespaced, info.has_status) == ("nodes", False, True)
        assert [each.headers["accept"] for each in transport.requests[:2]] == [
            transport.requests[0].headers["accept"],
            "application/json",
        ]

    run_virtual(main)


def test_the_legacy_form_reads_only_the_groups_that_are_asked_for() -> None:
    async def main(clock: VirtualClock) -> None:
        transport = legacy()
        discovery = Discovery(transport, clock)

        info = await discovery.find(WIDGET)
        await discovery.find(WIDGET)

        assert (info.plural, info.has_status) == ("widgets", False)
        assert [str(each) for each in transport.requests] == ["GET /api", "GET /apis", "GET /apis/example.com/v1"]

    run_virtual(main)


def test_a_legacy_document_that_fails_dooms_only_its_own_group() -> None:
    async def main(clock: VirtualClock) -> None:
        discovery = await settled(legacy(), clock)

        with pytest.raises(DiscoveryFailedError) as failed:
            await discovery.find(METRICS)
        with pytest.raises(KindAbsentError) as absent:
            await discovery.find(GADGET)

        assert str(failed.value) == (
            "PodMetrics.metrics.k8s.io/v1beta1: discovery couldn't read metrics.k8s.io/v1beta1: "
            "GET /apis/metrics.k8s.io/v1beta1: 503"
        )
        assert isinstance(failed.value.__cause__, ApiError)
        assert str(absent.value) == (
            "KindAbsent: Gadget.example.com/v1: the API server serves no such kind (of that group it serves "
            "example.com/v1); install it or correct apiVersion and kind"
        )
        assert (await discovery.find(WIDGET)).plural == "widgets"

    run_virtual(main)


def test_a_stale_group_is_not_absent() -> None:
    async def main(clock: VirtualClock) -> None:
        stale = group("metrics.k8s.io", "v1beta1", freshness="Stale")
        discovery = await settled(serving(groups=aggregated(stale)), clock)

        with pytest.raises(StaleDiscoveryError) as caught:
            await discovery.find(METRICS)
        with pytest.raises(KindAbsentError):
            await discovery.find(WIDGET)

        assert str(caught.value) == (
            "PodMetrics.metrics.k8s.io/v1beta1: the backend of metrics.k8s.io/v1beta1 doesn't answer the API server, "
            "so the kind may exist; see the APIService v1beta1.metrics.k8s.io"
        )

    run_virtual(main)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (NotSentError("refused"), "discovery couldn't read /apis: refused"),
        (LostAnswerError("reset"), "discovery couldn't read /apis: reset"),
        (
            status_response(500, "InternalError", "etcdserver: leader changed"),
            "GET /apis: 500: etcdserver: leader changed",
        ),
        (Response(status=403), "discovery couldn't read /apis: GET /apis: 403"),
        (Response(status=200, body=b"<html>"), "This isn't a discovery document: JSON is malformed"),
        (Response(status=200, body=b'{"kind":"Foo"}'), "This isn't a discovery document: its kind is 'Foo'"),
        (Response(status=200, body=b'{"kind":"APIGroupList"}'), "discovery document: its kind is 'APIGroupList'"),
    ],
)
def test_a_failed_root_proves_nothing_of_its_kinds(answer: Response, text: str) -> None:
    async def main(clock: VirtualClock) -> None:
        discovery = await settled(serving(groups=answer), clock)

        with pytest.raises(DiscoveryFailedError, match=re.escape(text)):
            await discovery.find(UNKNOWN)
        with pytest.raises(KindAbsentError):
            await discovery.find(Resource("v1", "Nope"))
        assert (await discovery.find(NODE)).plural == "nodes"

    run_virtual(main)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Response(status=429, headers={"retry-after": "7"}), 7.0),
        (Response(status=503, headers={"retry-after": "\u00b2"}), None),
        (status_response(504, "Timeout", details={"retryAfterSeconds": 3}), 3.0),
        (LostAnswerError("reset"), None),
    ],
)
def test_retry_after_of_an_overloaded_server_reaches_the_error(answer: Response, seconds: float | None) -> None:
    async def main(clock: VirtualClock) -> None:
        with pytest.raises(DiscoveryFailedError) as caught:
            await Discovery(serving(groups=answer), clock).find(WIDGET)
        assert caught.value.retry_after == seconds

    run_virtual(main)


def test_in_the_first_minute_a_missing_kind_is_transient() -> None:
    async def main(clock: VirtualClock) -> None:
        transport = serving()
        discovery = Discovery(transport, clock)
        with pytest.raises(KindNotYetServedError):
            await discovery.find(GADGET)
        await clock.sleep(59.9)
        with pytest.raises(KindNotYetServedError):
            await discovery.find(GADGET)
        await clock.sleep(0.2)
        with pytest.raises(KindAbsentError):
            await discovery.find(GADGET)
        transport.on("GET /apis", aggregated(group("example.com", "v1", listed("gadgets", "Gadget"))))
        assert (await discovery.find(GADGET)).plural == "gadgets"

    run_virtual(main)


def test_an_optional_kind_is_absent_at_once() -> None:
    async def main(clock: VirtualClock) -> None:
        with pytest.raises(KindAbsentError):
            await Discovery(serving(), clock).find(GADGET.optional())

    run_virtual(main)


def test_a_kind_that_was_there_a_moment_ago_is_not_yet_absent() -> None:
    async def main(clock: VirtualClock) -> None:
        transport = serving()
        discovery = await settled(transport, clock)
        await discovery.find(WIDGET)
        transport.on("GET /apis", aggregated())

        discovery.doubt(WIDGET)

        with pytest.raises(KindNotYetServedError):
            await discovery.find(WIDGET.optional())
        await clock.sleep(60.0)
        with pytest.raises(KindAbsentError) as absent:
            await discovery.find(WIDGET.optional())
        assert "it doesn't know the group either" in str(absent.value)

    run_virtual(main)


@pytest.mark.parametrize(
    "later",
    [LostAnswerError("reset"), aggregated(group("example.com", "v1", freshness="Stale")), LEGACY_GROUPS],
)
def test_what_cannot_be_read_now_stays_as_it_was(later: Response) -> None:
    async def main(clock: VirtualClock) -> None:
        transport = serving()
        transport.on("GET /apis/example.com/v1", Response(status=503))
        discovery = await settled(transport, clock)
        before = await discovery.find(WIDGET)
        transport.on("GET /apis", later)

        for _ in range(2):
            discovery.doubt(WIDGET)
            assert discovery.cached(WIDGET) is None
            assert await discovery.find(WIDGET) == before
            assert discovery.cached(WIDGET) == before

    run_virtual(main)


def test_a_doubted_kind_is_seen_as_it_has_become() -> None:
    async def main(clock: VirtualClock) -> None:
        transport = serving()
        discovery = Discovery(transport, clock)
        assert (await discovery.find(WIDGET)).has_status
        transport.on("GET /apis", aggregated(group("example.com", "v1", listed("widgets", "Widget"))))
        discovery.doubt(WIDGET)
        assert not (await discovery.find(WIDGET)).has_status

    run_virtual(main)


@attrs.define
class SlowTransport(ScriptedTransport):
    """Answers after a second."""

    clock: VirtualClock

    def __attrs_pre_init__(self) -> None:
        ScriptedTransport.__init__(self)

    async def send(self, request: Request) -> Response:
        await self.clock.sleep(1.0)
        return await ScriptedTransport.send(self, request)


def test_calls_that_meet_share_one_round() -> None:
    async def main(clock: VirtualClock) -> None:
        transport = SlowTransport(clock)
        transport.on("GET /api", CORE).on("GET /apis", GROUPS)
        discovery = Discovery(transport, clock)

        results = await asyncio.gather(
            *(discovery.find(each) for each in (WIDGET, NODE, GADGET, UNKNOWN, METRICS)), return_exceptions=True
        )

        assert [type(each).__name__ for each in results] == [
            "ResourceInfo", "ResourceInfo", *["KindNotYetServedError"] * 3
        ]  # fmt: skip
        assert len(transport.requests) == 2
        assert clock.monotonic() == 2.0

    run_virtual(main)


def test_calls_that_meet_read_a_legacy_document_once() -> None:
    async def main(clock: VirtualClock) -> None:
        transport = SlowTransport(clock)
        transport.on("GET /api", LEGACY_CORE).on("GET /apis", LEGACY_GROUPS)
        transport.on("GET /api/v1", LEGACY_V1).on("GET /apis/example.com/v1", LEGACY_WIDGETS)
        discovery = Discovery(transport, clock)

        found = await asyncio.gather(*(discovery.find(each) for each in (WIDGET, NODE, WIDGET, CONFIG_MAP)))

        assert [each.plural for each in found] == ["widgets", "nodes", "widgets", "configmaps"]
        assert [str(each) for each in transport.requests] == [
            "GET /api", "GET /apis", "GET /apis/example.com/v1", "GET /api/v1"
        ]  # fmt: skip

    run_virtual(main)


def test_the_three_answers_are_told_apart_by_type() -> None:
    assert issubclass(DiscoveryFailedError, TransientError)
    assert issubclass(StaleDiscoveryError, TransientError)
    assert issubclass(KindNotYetServedError, TransientError)
    assert issubclass(KindAbsentError, ConfigError)
    assert not issubclass(StaleDiscoveryError, DiscoveryFailedError)
