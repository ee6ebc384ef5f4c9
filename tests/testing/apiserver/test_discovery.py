from __future__ import annotations

from typing import Any

import pytest

from reconcilekit.testing.apiserver.tables.ages import age as print_age

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def test_both_forms_of_discovery_agree_and_follow_definitions(on_server: Any) -> None:
    async def aggregated(call: Any) -> set[tuple[str, str, str, bool]]:
        found = set()
        for root in ("/api", "/apis"):
            for group in (await call("GET", root, accept=f"{AGGREGATED},application/json")).body["items"]:
                for version in group["versions"]:
                    assert version["freshness"] == "Current"
                    for entry in version["resources"]:
                        name = group["metadata"].get("name", "")
                        subresources = {sub["subresource"] for sub in entry.get("subresources", ())}
                        found.add((name, version["version"], entry["resource"], "status" in subresources))
        return found

    async def legacy(call: Any) -> set[tuple[str, str, str, bool]]:
        documents = [("", version) for version in (await call("GET", "/api")).body["versions"]]
        for group in (await call("GET", "/apis")).body["groups"]:
            assert (await call("GET", f"/apis/{group['name']}")).body["preferredVersion"] in group["versions"]
            documents += [(group["name"], version["version"]) for version in group["versions"]]
        found = set()
        for group, version in documents:
            listed = (await call("GET", f"/apis/{group}/{version}" if group else f"/api/{version}")).body["resources"]
            names = {entry["name"] for entry in listed}
            found |= {(group, version, name, f"{name}/status" in names) for name in names if "/" not in name}
        return found

    async def scenario(call: Any) -> None:
        before = await aggregated(call)
        assert before == await legacy(call)
        assert ("apps", "v1", "deployments", True) in before
        assert ("", "v1", "configmaps", False) in before
        await call.define_widgets()
        assert await aggregated(call) - before == {("example.com", "v1", "widgets", True)}
        assert await aggregated(call) == await legacy(call)

    on_server(scenario)


def test_the_best_version_is_preferred(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        definition = await call.define_widgets()
        shown = definition["spec"]["versions"][0]
        names = ("v1alpha1", "v2beta1", "v1", "other", "v2")
        definition["spec"]["versions"] = [shown | {"name": name, "storage": name == "v1"} for name in names]
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com"
        assert (await call("PUT", path, definition)).status == 200
        versions = (await call("GET", "/apis/example.com")).body["versions"]
        assert [version["version"] for version in versions] == ["v2", "v1", "v2beta1", "v1alpha1", "other"]
        widgets = "/apis/example.com/{}/namespaces/default/widgets"
        widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
        await call("POST", widgets.format("v1"), widget)
        served = (await call("GET", widgets.format("v2beta1") + "/w")).body
        assert served["apiVersion"] == "example.com/v2beta1"

    on_server(scenario)


def test_health_and_version(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        for path in ("/healthz", "/livez", "/readyz"):
            assert (await call("GET", path)).body == "ok"
        assert (await call("GET", "/version")).body["major"] == "1"
        assert (await call("GET", "/nope")).status == 404

    on_server(scenario)


def test_each_check_of_health_has_a_path(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        for path, code in (
            ("/readyz/etcd", 200),
            ("/readyz/poststarthook/rbac/bootstrap-roles", 200),
            ("/readyz/shutdown", 200),
            ("/livez/shutdown", 404),
            ("/readyz/", 404),
            ("/readyz/etcd/", 404),
            ("/readyz/nonexistent", 404),
            ("/readyzx", 404),
        ):
            answer = await call("GET", path)
            assert (answer.status, answer.body) == (code, "ok" if code == 200 else "404 page not found\n"), path
        told = (await call("GET", "/readyz", verbose="")).body.splitlines()
        assert (told[0], told[-1]) == ("[+]ping ok", "readyz check passed")
        assert "[+]etcd excluded: ok" in (await call("GET", "/livez", verbose="true", exclude="etcd")).body

    on_server(scenario)


def test_tables_have_names_and_ages(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        await call.clock.sleep(3600)
        await call("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "a"}})
        await call.clock.sleep(125)
        table = (await call("GET", "/api/v1/namespaces", accept=TABLE)).body
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Status", "Age"]
        assert [row["cells"] for row in table["rows"]] == [
            ["default", "Active", "62m"],
            ["kube-system", "Active", "62m"],
        ]
        one = (await call("GET", "/api/v1/namespaces/default/configmaps/a", accept=TABLE)).body
        assert one["rows"][0]["cells"] == ["a", 0, "2m5s"]
        assert one["rows"][0]["object"]["metadata"]["namespace"] == "default"

    on_server(scenario)


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(0.4, "0s"), (119, "119s"), (120, "2m"), (599, "9m59s"), (600, "10m"), (10799, "179m"), (10800, "3h"),
     (11000, "3h3m"), (86400 * 2 - 1, "47h"), (86400 * 2, "2d"), (86400 * 3 + 7200, "3d2h"), (86400 * 9, "9d")],
)  # fmt: skip
def test_ages_are_printed_as_kubectl_users_know_them(seconds: float, age: str) -> None:
    assert print_age(seconds) == age


def test_an_aggregated_api_that_is_down_is_stale_not_absent(on_server: Any) -> None:
    async def scenario(call: Any) -> None:
        call.server.take_down("down.example.com")
        groups = (await call("GET", "/apis", accept=AGGREGATED)).body["items"]
        assert {
            "metadata": {"name": "down.example.com"},
            "versions": [{"version": "v1", "freshness": "Stale"}],
        } in groups
        listed = (await call("GET", "/apis")).body["groups"]
        assert "down.example.com" in [group["name"] for group in listed]
        for path in ("/apis/down.example.com/v1", "/apis/down.example.com/v1/things"):
            answer = await call("GET", path)
            assert (answer.status, answer.body) == (503, "service unavailable\n")
        call.server.bring_up("down.example.com")
        assert (await call("GET", "/apis/down.example.com/v1")).status == 404

    on_server(scenario)


def test_a_group_of_definitions_that_goes_down_comes_back_whole(on_server: Any, widgets: str) -> None:
    async def scenario(call: Any) -> None:
        await call.define_widgets()
        await call("POST", widgets, {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}})
        call.server.take_down("example.com")
        assert (await call("GET", f"{widgets}/w")).status == 503
        call.server.bring_up("example.com")
        assert (await call("GET", f"{widgets}/w")).status == 200

    on_server(scenario)
