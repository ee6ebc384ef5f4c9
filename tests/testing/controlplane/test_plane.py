"""A real control plane: who may do what, how it comes back to its beginning, and that nothing outlives it."""

from __future__ import annotations

import json
import os
import select
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from reconcilekit.clock import SystemClock
from reconcilekit.errors import ApiError
from reconcilekit.kube.client import Client
from reconcilekit.kube.config import ConnectionConfig, load_kubeconfig
from reconcilekit.kube.http import HttpTransport
from reconcilekit.kube.resource import Resource
from reconcilekit.testing import custom_kind
from reconcilekit.testing.controlplane import ADMIN, NAMESPACED, NOBODY, Assets, ControlPlane, ControlPlaneError, User

ROOT = Path(__file__).parents[3]
CONFIG_MAP = Resource("v1", "ConfigMap")
WIDGET = Resource("example.com/v1", "Widget")
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def config_map(namespace: str, **meta: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": namespace, **meta}, "data": {"k": "v"}}


async def status_of_create(config: ConnectionConfig, namespace: str) -> int:
    transport = HttpTransport(config, user_agent="test")
    try:
        await Client(transport, clock=SystemClock(), field_manager="m").create(CONFIG_MAP, config_map(namespace))
    except ApiError as error:
        return error.status
    finally:
        await transport.aclose()
    return 201


@pytest.mark.real
async def test_users_have_the_rights_that_rbac_gives_them(control_plane: ControlPlane) -> None:
    theirs, other = control_plane.create_namespace(), control_plane.create_namespace()
    control_plane.grant(theirs)

    assert await status_of_create(control_plane.config(NAMESPACED), theirs) == 201
    assert await status_of_create(control_plane.config(NAMESPACED), other) == 403
    assert await status_of_create(control_plane.config(NOBODY), theirs) == 403
    assert await status_of_create(control_plane.config(ADMIN), other) == 201


@pytest.mark.real
def test_a_group_that_is_gone_is_as_good_as_empty_where_that_is_allowed(control_plane: ControlPlane) -> None:
    path = "/apis/gone.example.com/v1/things"
    assert control_plane.admin.demand("GET", path, but=(404,)) == {}
    with pytest.raises(ControlPlaneError, match="404 page not found"):
        control_plane.admin.demand("GET", path)


async def test_a_certificate_makes_anybody_known(control_plane: ControlPlane, tmp_path: Path) -> None:
    boss = User("boss", groups=("system:masters",))
    assert await status_of_create(control_plane.config(boss, by="certificate"), "default") == 201

    control_plane.write_kubeconfig(tmp_path / "config", user=User("stranger"), by="certificate", namespace="there")
    config = load_kubeconfig(tmp_path / "config")
    assert config.namespace == "there"
    assert await status_of_create(config, "default") == 403
    with pytest.raises(LookupError, match="The control plane doesn't know the user 'stranger'; it was started for"):
        control_plane.config(User("stranger"))


@pytest.mark.real
def test_a_reset_leaves_what_was_there_after_the_start(control_plane: ControlPlane) -> None:
    ask, demand = control_plane.admin.ask, control_plane.admin.demand
    control_plane.install(custom_kind(WIDGET))
    namespace = control_plane.create_namespace("held-")
    held = {"finalizers": ["example.com/held"]}
    for place in (namespace, "default"):
        widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a", **held}}
        demand("POST", f"/apis/example.com/v1/namespaces/{place}/widgets", widget)
        demand("POST", f"/api/v1/namespaces/{place}/configmaps", config_map(place, **held))

    control_plane.reset()

    gone = [f"/api/v1/namespaces/{namespace}", f"{DEFINITIONS}/widgets.example.com", "/apis/example.com/v1"]
    gone.append("/api/v1/namespaces/default/configmaps/a")
    assert [ask("GET", path)[0] for path in gone] == [404] * len(gone)
    kept = ["/api/v1/namespaces/default/services/kubernetes", "/apis/rbac.authorization.k8s.io/v1/clusterroles/admin"]
    assert [ask("GET", path)[0] for path in kept] == [200] * len(kept)


@pytest.mark.real
def test_a_kind_can_be_installed_and_used_at_once_after_each_reset(control_plane: ControlPlane) -> None:
    clock, took = SystemClock(), []
    path = "/apis/example.com/v1/namespaces/default/widgets"
    for _ in range(3):
        control_plane.install(custom_kind(WIDGET))
        assert control_plane.admin.get(path)["items"] == []
        widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}}
        began = clock.monotonic()
        assert control_plane.admin.ask("POST", path, widget)[0] == 201
        took.append(clock.monotonic() - began)
        control_plane.reset()
    # The server would have held each back for 2 s; a busy machine may delay some.
    assert min(took) < 2


@pytest.mark.real
def test_a_server_comes_back_on_its_port_with_its_data(assets: Assets) -> None:
    with ControlPlane.start(assets.folder) as plane:
        url, namespace = plane.url, plane.create_namespace()
        plane.kill("kube-apiserver")
        assert plane.pid("kube-apiserver") is None
        with pytest.raises(ConnectionError):
            plane.admin.ask("GET", "/readyz")

        plane.restart("kube-apiserver")

        assert plane.url == url
        assert plane.admin.get(f"/api/v1/namespaces/{namespace}")["metadata"]["name"] == namespace
        folder, pids = plane.folder, [plane.pid("etcd"), plane.pid("kube-apiserver")]
    assert not folder.exists()
    assert not alive(pids)


@pytest.mark.real
def test_a_controller_manager_collects_garbage(whole_control_plane: ControlPlane) -> None:
    demand = whole_control_plane.admin.demand
    namespace = whole_control_plane.create_namespace()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = demand("POST", path, config_map(namespace))["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["name"], "uid": owner["uid"]}
    owned = demand("POST", path, {"metadata": {"name": "owned", "ownerReferences": [reference]}})["metadata"]

    demand("DELETE", f"{path}/{owner['name']}")

    watch = f"{path}?watch=1&timeoutSeconds=120&resourceVersion={owned['resourceVersion']}"
    events = watched(whole_control_plane, f"{watch}&fieldSelector=metadata.name%3Downed", until="DELETED")
    assert [event["type"] for event in events] == ["DELETED"]


def watched(plane: ControlPlane, path: str, *, until: str) -> list[dict[str, Any]]:
    """The events of a watch up to one of a type, or to its end."""
    request = urllib.request.Request(f"{plane.url}{path}", headers={"authorization": plane.config().authorization})
    events: list[dict[str, Any]] = []
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=str(plane.ca_file))) as answer:
        for line in answer:
            events.append(json.loads(line))
            if events[-1]["type"] == until:
                break
    return events


STARTER = """
import json, os, sys
from pathlib import Path
from reconcilekit.testing.controlplane import ControlPlane
plane = ControlPlane.start(sys.argv[1])
if sys.argv[2] == "fork" and not os.fork():
    # A child that holds every descriptor of the starter must not hold the servers.
    os.read(0, 1)
    os._exit(0)
pids = [plane.pid("etcd"), plane.pid("kube-apiserver"), plane._processes.supervisor_pid]
print(json.dumps([str(plane.folder), pids]), flush=True)
os.read(0, 1)
"""


def start_in_another_process(
    assets: Assets, temporary: Path, how: str
) -> tuple[subprocess.Popen[bytes], Path, list[int]]:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(assets.folder), how],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert starter.stdout is not None
    folder, pids = json.loads(starter.stdout.readline())
    assert alive(pids) == pids
    return starter, Path(folder), pids


@pytest.mark.real
@pytest.mark.parametrize("how", ["alone", "fork"])
def test_nothing_is_left_of_a_starter_that_was_killed(assets: Assets, tmp_path: Path, how: str) -> None:
    starter, folder, pids = start_in_another_process(assets, tmp_path, how)
    with starter, watching(pids) as ends:
        starter.kill()
        wait_for_all(ends)
        assert starter.stdin is not None
        starter.stdin.close()
    assert not folder.exists()
    assert not alive(pids)


@pytest.mark.real
def test_a_killed_supervisor_takes_the_servers_along_and_the_next_start_its_folder(
    assets: Assets, tmp_path: Path
) -> None:
    starter, folder, pids = start_in_another_process(assets, tmp_path, "alone")
    with starter, watching(pids) as ends:
        os.kill(pids[-1], signal.SIGKILL)
        wait_for_all(ends)
        assert folder.exists()
        starter.kill()

    starter, next_folder, pids = start_in_another_process(assets, tmp_path, "alone")
    with starter, watching(pids) as ends:
        assert not folder.exists()
        assert next_folder.exists()
        starter.kill()
        wait_for_all(ends)


class watching:  # noqa: N801 -- reads as a verb in `with`
    """Process file descriptors, which tell the end of processes that aren't our children."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._ends = [os.pidfd_open(pid) for pid in pids]

    def __enter__(self) -> list[int]:
        return self._ends

    def __exit__(self, *_: object) -> None:
        for end in self._ends:
            os.close(end)


def wait_for_all(ends: list[int]) -> None:
    for end in ends:
        assert select.select([end], [], [], 100)[0], "a process outlived its starter"


def alive(pids: Iterable[int | None]) -> list[int]:
    """Those that run; a zombie that nobody reaps doesn't."""
    found = []
    for pid in pids:
        status = Path(f"/proc/{pid}/stat")
        if pid is not None and status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
            found.append(pid)
    return found
