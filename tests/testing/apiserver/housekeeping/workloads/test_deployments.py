"""A Deployment's life, from its creation to its rollouts and its end."""

from __future__ import annotations

from typing import Any

from reconcilekit.testing import Housekeeping, Workloads
from tests.testing.apiserver.conftest import Caller

APPS = "/apis/apps/v1/namespaces/default"
CORE = "/api/v1/namespaces/default"
PLAYED = Housekeeping(workloads=Workloads(ready_after=1.0))


def deployment(replicas: int = 2, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "nginx:1", "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    body = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
    return {"metadata": {"name": "web"}, "spec": body}


def image(name: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": name}]}}}}


def conditions(body: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in body["status"]["conditions"]}


async def items(call: Caller, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await call("GET", path)).body["items"]
    return found


async def web(call: Caller) -> dict[str, Any]:
    body: dict[str, Any] = (await call("GET", f"{APPS}/deployments/web")).body
    return body


def test_it_becomes_available_when_its_pods_are_ready(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment())
        await call.clock.sleep(0.5)

        early = await web(call)
        assert early["status"]["unavailableReplicas"] == 2
        assert conditions(early) == {
            "Available": ("False", "MinimumReplicasUnavailable"),
            "Progressing": ("True", "ReplicaSetUpdated"),
        }

        await call.clock.sleep(1.0)

        body = await web(call)
        counted = {name: value for name, value in body["status"].items() if name != "conditions"}
        assert counted == {
            "observedGeneration": 1,
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": 2,
            "availableReplicas": 2,
            "terminatingReplicas": 0,
        }
        assert conditions(body) == {
            "Available": ("True", "MinimumReplicasAvailable"),
            "Progressing": ("True", "NewReplicaSetAvailable"),
        }
        assert body["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}

    on_server(scenario, housekeeping=PLAYED)


def test_its_pods_look_like_real_ones(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment(1))
        await call.clock.sleep(2)

        (replica_set,) = await items(call, f"{APPS}/replicasets")
        (pod,) = await items(call, f"{CORE}/pods")

        name = replica_set["metadata"]["name"]
        hashed = replica_set["metadata"]["labels"]["pod-template-hash"]
        assert name == f"web-{hashed}"
        assert replica_set["spec"]["selector"] == {"matchLabels": {"app": "web", "pod-template-hash": hashed}}
        assert replica_set["metadata"]["ownerReferences"][0]["controller"] is True
        assert pod["metadata"]["name"].startswith(f"{name}-")
        assert pod["metadata"]["labels"] == {"app": "web", "pod-template-hash": hashed}
        assert pod["spec"]["nodeName"] == "node-1"
        assert pod["status"]["phase"] == "Running"
        assert pod["status"]["podIP"] == "10.244.0.1"
        assert {c["type"]: c["status"] for c in pod["status"]["conditions"]} == dict.fromkeys(
            ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
        )
        (state,) = pod["status"]["containerStatuses"]
        assert (state["ready"], state["restartCount"], state["state"].keys()) == (True, 0, {"running"})
        told = {event["reason"] for event in await items(call, f"{CORE}/events")}
        assert told == {"ScalingReplicaSet", "SuccessfulCreate", "Scheduled", "Started"}

    on_server(scenario, housekeeping=PLAYED)


def test_a_rolling_update_never_falls_below_what_is_allowed(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment(4))
        await call.clock.sleep(3)
        await call("PATCH", f"{APPS}/deployments/web", image("nginx:2"), patch="strategic")

        seen = []
        for _ in range(400):
            await call.clock.sleep(0.02)
            pods = [pod for pod in await items(call, f"{CORE}/pods") if "deletionTimestamp" not in pod["metadata"]]
            ready = sum(pod.get("status", {}).get("phase") == "Running" for pod in pods)
            seen.append((ready, len(pods)))

        assert min(ready for ready, _ in seen) == 3
        assert max(count for _, count in seen) == 5
        images = {pod["spec"]["containers"][0]["image"] for pod in await items(call, f"{CORE}/pods")}
        assert images == {"nginx:2"}
        body = await web(call)
        assert body["status"]["observedGeneration"] == body["metadata"]["generation"] == 2
        assert conditions(body)["Progressing"] == ("True", "NewReplicaSetAvailable")
        sizes = sorted(one["spec"]["replicas"] for one in await items(call, f"{APPS}/replicasets"))
        assert sizes == [0, 4]

    on_server(scenario, housekeeping=PLAYED)


def test_what_was_undone_is_the_latest_revision(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment())
        for name in ("nginx:2", "nginx:1"):
            await call.clock.sleep(10)
            await call("PATCH", f"{APPS}/deployments/web", image(name), patch="strategic")
        await call.clock.sleep(10)

        revisions = {
            one["spec"]["template"]["spec"]["containers"][0]["image"]: one["metadata"]["annotations"][
                "deployment.kubernetes.io/revision"
            ]
            for one in await items(call, f"{APPS}/replicasets")
        }
        assert revisions == {"nginx:1": "3", "nginx:2": "2"}
        assert (await web(call))["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"

    on_server(scenario, housekeeping=PLAYED)


def test_what_was_undone_remembers_its_earlier_revisions(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment())
        histories = []
        for name in ("nginx:2", "nginx:1", "nginx:2", "nginx:1"):
            await call.clock.sleep(10)
            await call("PATCH", f"{APPS}/deployments/web", image(name), patch="strategic")
            await call.clock.sleep(10)
            listed = [one["metadata"]["annotations"] for one in await items(call, f"{APPS}/replicasets")]
            shown = {
                notes["deployment.kubernetes.io/revision"]: notes.get("deployment.kubernetes.io/revision-history")
                for notes in listed
            }
            histories.append(shown)

        assert histories == [
            {"1": None, "2": None},
            {"2": None, "3": "1"},
            {"3": "1", "4": "2"},
            {"4": "2", "5": "1,3"},
        ]

    on_server(scenario, housekeeping=PLAYED)


def test_it_scales_both_ways_and_recreates_where_it_should(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment(1, strategy={"type": "Recreate"}))
        for replicas in (3, 2):
            await call.clock.sleep(5)
            await call("PATCH", f"{APPS}/deployments/web", {"spec": {"replicas": replicas}}, patch="merge")
        await call.clock.sleep(5)
        assert (await web(call))["status"]["availableReplicas"] == 2

        await call("PATCH", f"{APPS}/deployments/web", image("nginx:2"), patch="strategic")
        await call.clock.sleep(0.1)
        assert all("deletionTimestamp" in pod["metadata"] for pod in await items(call, f"{CORE}/pods"))
        await call.clock.sleep(5)
        assert (await web(call))["status"]["updatedReplicas"] == 2

    on_server(scenario, housekeeping=PLAYED)


def test_a_rollout_that_gets_nowhere_times_out(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment(1, progressDeadlineSeconds=60))
        await call.clock.sleep(70)

        assert conditions(await web(call))["Progressing"] == ("False", "ProgressDeadlineExceeded")

    on_server(scenario, housekeeping=Housekeeping(workloads=Workloads(ready_after=1000)))


def test_it_takes_its_own_along(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        await call("POST", f"{APPS}/deployments", deployment())
        await call.clock.sleep(3)
        await call("DELETE", f"{APPS}/deployments/web", {"propagationPolicy": "Foreground"})
        assert [pod["metadata"]["deletionGracePeriodSeconds"] for pod in await items(call, f"{CORE}/pods")] == [30, 30]
        await call.clock.sleep(1)
        assert (await call("GET", f"{APPS}/deployments/web")).status == 404
        assert await items(call, f"{CORE}/pods") == []

    on_server(scenario, housekeeping=PLAYED)


def test_its_service_has_endpoints_while_pods_are_ready(on_server: Any) -> None:
    async def scenario(call: Caller) -> None:
        service = {"selector": {"app": "web"}, "ports": [{"port": 8080, "targetPort": 80}]}
        await call("POST", f"{CORE}/services", {"metadata": {"name": "web"}, "spec": service})
        await call("POST", f"{APPS}/deployments", deployment())
        await call.clock.sleep(2)

        (piece,) = await items(call, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices")
        assert piece["metadata"]["labels"] == {
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            "kubernetes.io/service-name": "web",
        }
        assert piece["ports"] == [{"name": "", "protocol": "TCP", "port": 80}]
        endpoints = sorted(piece["endpoints"], key=lambda endpoint: str(endpoint["addresses"]))
        assert [(e["addresses"], e["conditions"]) for e in endpoints] == [
            ([f"10.244.0.{n}"], {"ready": True, "serving": True, "terminating": False}) for n in (1, 2)
        ]
        (subset,) = (await call("GET", f"{CORE}/endpoints/web")).body["subsets"]
        assert sorted(address["ip"] for address in subset["addresses"]) == ["10.244.0.1", "10.244.0.2"]

        name = piece["endpoints"][0]["targetRef"]["name"]
        await call("DELETE", f"{CORE}/pods/{name}")
        await call.clock.sleep(0.1)
        (piece,) = await items(call, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices")
        told = {e["targetRef"]["name"]: e["conditions"] for e in piece["endpoints"]}
        assert told[name] == {"ready": False, "serving": True, "terminating": True}

        await call("DELETE", f"{CORE}/services/web")
        await call.clock.sleep(1)
        assert await items(call, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices") == []
        assert await items(call, f"{CORE}/endpoints") == []

    on_server(scenario, housekeeping=PLAYED)
