"""A Namespace is emptied, says what holds it up, and goes."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing import Housekeeping
from tests.testing.apiserver.conftest import Caller

NAMESPACES = "/api/v1/namespaces"
HELD = {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}}


async def make(call: Caller, *bodies: dict[str, Any]) -> None:
    assert (await call("POST", NAMESPACES, {"metadata": {"name": "n"}})).status == 201
    for body in bodies:
        assert (await call("POST", f"{NAMESPACES}/n/configmaps", body)).status == 201


def conditions(body: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in body["status"]["conditions"]}


def test_it_goes_at_once_where_nothing_holds_it(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await make(call, {"metadata": {"name": "a"}})

        answer = await call("DELETE", f"{NAMESPACES}/n")

        assert (answer.status, answer.body["status"]) == (200, {"phase": "Terminating"})
        assert (await call("GET", f"{NAMESPACES}/n")).status == 404
        assert (await call("GET", "/api/v1/configmaps")).body["items"] == []

    on_server(scenario)


def test_it_tells_what_it_waits_for(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await make(call, HELD, {"metadata": {"name": "free"}})

        await call("DELETE", f"{NAMESPACES}/n")

        told = conditions((await call("GET", f"{NAMESPACES}/n")).body)
        assert told == {
            "NamespaceDeletionDiscoveryFailure": (
                "False",
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
            "NamespaceDeletionGroupVersionParsingFailure": (
                "False",
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            "NamespaceDeletionContentFailure": (
                "False",
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
            "NamespaceContentRemaining": (
                "True",
                "SomeResourcesRemain",
                "Some resources are remaining: configmaps. has 1 resource instances",
            ),
            "NamespaceFinalizersRemaining": (
                "True",
                "SomeFinalizersRemain",
                "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
            ),
        }
        await call("PATCH", f"{NAMESPACES}/n/configmaps/held", {"metadata": {"finalizers": None}}, patch="merge")
        assert (await call("GET", f"{NAMESPACES}/n")).status == 404

    on_server(scenario)


def test_finalizers_of_its_own_hold_it_longer_than_its_content(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        body = {"metadata": {"name": "n", "finalizers": ["example.com/meta"]}}
        body |= {"spec": {"finalizers": ["kubernetes", "example.com/spec"]}}
        await call("POST", NAMESPACES, body)
        await call("DELETE", f"{NAMESPACES}/n")
        assert (await call("GET", f"{NAMESPACES}/n")).body["spec"] == {"finalizers": ["example.com/spec"]}

        # An update can't take it off, and neither can a second deletion.
        await call("PATCH", f"{NAMESPACES}/n", {"spec": {"finalizers": None}}, patch="merge")
        await call("DELETE", f"{NAMESPACES}/n")
        assert (await call("GET", f"{NAMESPACES}/n")).body["spec"] == {"finalizers": ["example.com/spec"]}

        finalized = await call("PUT", f"{NAMESPACES}/n/finalize", {"metadata": {"name": "n"}, "spec": {}})
        assert (finalized.status, finalized.body["spec"]) == (200, {})

    on_server(scenario)


def test_it_takes_the_time_that_was_set(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await make(call, {"metadata": {"name": "a"}})
        await call("DELETE", f"{NAMESPACES}/n")
        await call.clock.sleep(4.9)
        assert (await call("GET", f"{NAMESPACES}/n/configmaps/a")).status == 200
        await call.clock.sleep(0.2)
        assert (await call("GET", f"{NAMESPACES}/n")).status == 404

    on_server(scenario, housekeeping=Housekeeping(delay=5.0))


def test_without_its_controller_it_stays(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await make(call, {"metadata": {"name": "a"}})

        await call("DELETE", f"{NAMESPACES}/n")

        assert (await call("GET", f"{NAMESPACES}/n")).body["status"] == {"phase": "Terminating"}
        assert (await call("GET", f"{NAMESPACES}/n/configmaps/a")).status == 200
        await call("PUT", f"{NAMESPACES}/n/finalize", {"metadata": {"name": "n"}, "spec": {}})
        assert (await call("GET", f"{NAMESPACES}/n")).status == 404
        assert (await call("GET", f"{NAMESPACES}/n/configmaps/a")).status == 200

    on_server(scenario, housekeeping=Housekeeping.none())


def test_its_first_contents_come_and_come_back(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await make(call)
        assert (await call("GET", f"{NAMESPACES}/n/serviceaccounts/default")).status == 200
        await call("DELETE", f"{NAMESPACES}/n/configmaps/kube-root-ca.crt")
        assert (await call("GET", f"{NAMESPACES}/n/configmaps/kube-root-ca.crt")).status == 200
        await call("DELETE", f"{NAMESPACES}/n")
        assert (await call("GET", f"{NAMESPACES}/n")).status == 404

    on_server(scenario, housekeeping=Housekeeping(namespace_contents=True))
