"""`ApiServer.load`: what kubectl apply --recursive would take, and errors that name the file and the document."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

from reconcilekit.kube.resource import Resource
from reconcilekit.testing import ApiServer, Fault, VirtualClock, custom_kind
from reconcilekit.testing.apiserver.manifests.reading import ManifestError

CONFIG_MAP = Resource("v1", "ConfigMap")
NAMESPACE = Resource("v1", "Namespace")
WIDGET = Resource("example.com/v1", "Widget")

TWO = """
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data:
  since: "2024-01-01"
---
# nothing but a comment
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two, namespace: team, labels: {app: x}}
"""


def config_map(name: str, **metadata: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


@pytest.fixture
def server() -> ApiServer:
    return ApiServer(clock=VirtualClock())


def names(server: ApiServer, resource: Resource = CONFIG_MAP) -> list[str]:
    return [f"{o['metadata'].get('namespace', '')}/{o['metadata']['name']}" for o in server.objects(resource)]


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else msgspec.json.encode(content).decode())
    return path


def test_a_folder_is_loaded_with_definitions_and_namespaces_first(server: ApiServer, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", TWO)
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
    write(tmp_path / "deep" / "b.json", widget)
    write(tmp_path / "y.yml", msgspec.json.encode(custom_kind(WIDGET)).decode())
    write(tmp_path / "z.json", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    write(tmp_path / "README.md", "no manifest")
    server.load(tmp_path)
    assert names(server) == ["default/one", "team/two"]
    assert names(server, WIDGET) == ["default/w"]
    [one] = server.objects(CONFIG_MAP, namespace="default")
    assert one["data"] == {"since": "2024-01-01"}
    assert one["metadata"]["managedFields"][0]["manager"] == "reconcilekit-load"


def test_lists_are_taken_apart_and_what_another_server_wrote_is_left_away(server: ApiServer, tmp_path: Path) -> None:
    told = {"uid": "123", "resourceVersion": "77", "managedFields": [{"manager": "m"}], "namespace": "default"}
    one = config_map("one", **told, creationTimestamp="2020-01-01T00:00:00Z")
    both = [{"apiVersion": "v1", "kind": "List", "items": [one, {"kind": "ConfigMapList", "apiVersion": "v1"}]}]
    both[0]["items"] = [one, {"kind": "ConfigMapList", "apiVersion": "v1", "items": [{"metadata": {"name": "two"}}]}]
    server.load(write(tmp_path / "dump.json", both[0]))
    assert names(server) == ["default/one", "default/two"]
    assert all(o["metadata"]["uid"] != "123" for o in server.objects(CONFIG_MAP))


def test_loading_twice_changes_nothing_and_loading_more_adds(server: ApiServer, tmp_path: Path) -> None:
    path = write(tmp_path / "one.yaml", msgspec.json.encode(config_map("one")).decode())
    server.load(path)
    revision = server.revision
    server.load(path, str(path))
    assert server.revision == revision
    server.load(write(tmp_path / "more", msgspec.json.encode(config_map("more")).decode()))
    assert names(server) == ["default/more", "default/one"]


def test_of_an_object_that_names_no_field_loading_twice_changes_the_managers(server: ApiServer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bare"}})
    seen = []
    for _ in range(3):
        server.load(path)
        [bare] = server.objects(Resource("v1", "Secret"))
        version, managers = bare["metadata"].pop("resourceVersion"), bare["metadata"].pop("managedFields", [])
        seen.append((version, [entry["manager"] for entry in managers], bare))
    (first, none, stays), second, third = seen
    assert none == []
    assert second[0] != first
    assert second[1:] == (["before-first-apply"], stays)
    assert third == second


def test_it_asks_nobody_for_leave_and_meets_no_faults(tmp_path: Path) -> None:
    server = ApiServer(clock=VirtualClock(), tokens={"me": "secret"})
    server.faults.add(Fault(count=None))
    server.load(write(tmp_path / "one.json", config_map("one")))
    assert names(server) == ["default/one"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.yaml",
            "---\n---\nb: [",
            ", document 2: this is no YAML: while parsing a flow node, did not find expected node content (line",
        ),
        ("a.yaml", "--- 7", ", document 1: a manifest is an object with apiVersion and kind, not a number"),
        ("a.yaml", "a: 1\n---\n", ", document 1: apiVersion is missing; write one, or leave this file out"),
        ("a.yaml", "---\n---\napiVersion: v1", ", document 2: kind is missing"),
        (
            "a.yaml",
            "a: !!python/object:os.system {}",
            ", document 1: this is no YAML: could not determine a constructor",
        ),
        ("a.json", "{", ", document 1: this is no JSON: Input data was truncated"),
        ("a.json", '{"apiVersion": "v1", "kind": "Pod", "metadata": {}}', ", document 1: Pod without metadata.name"),
        (
            "a.json",
            config_map("x", namespace="nowhere"),
            ', document 1: ConfigMap x: Namespace "nowhere" doesn\'t exist; load',
        ),
        (
            "a.json",
            {"apiVersion": "x.io/v1", "kind": "Toy", "metadata": {"name": "t"}},
            ", document 1: Toy t: Toy in x.io/v1 isn't served; load its CustomResourceDefinition, too",
        ),
        (
            "a.json",
            {"apiVersion": "/", "kind": "toy", "metadata": {"name": "t"}},
            ", document 1: toy t: toy in / isn't",
        ),
        (
            "a.json",
            {"apiVersion": "v1", "kind": "List", "items": [config_map("ok"), config_map("No")]},
            ', document 1, item 2: ConfigMap No: ConfigMap "No" is invalid: metadata.name: Invalid value: "No"',
        ),
        (
            "a.json",
            {"apiVersion": "v1", "kind": "List", "items": [[]]},
            ", document 1, item 1: a manifest is an object",
        ),
    ],
)
def test_what_cant_be_loaded_is_named(
    server: ApiServer, tmp_path: Path, name: str, content: object, message: str
) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(ManifestError, match="^" + re.escape(f"{path}{message}")):
        server.load(tmp_path)


def test_a_path_without_manifests_is_named(server: ApiServer, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no manifest in this folder; their names end in \.json, \.yaml, \.yml"):
        server.load(tmp_path)
    with pytest.raises(ManifestError, match=r"none\.yaml: No such file or directory; name a file or folder"):
        server.load(tmp_path / "none.yaml")


def test_kustomize_is_told_of(server: ApiServer, tmp_path: Path) -> None:
    path = write(
        tmp_path / "kustomization.yaml", {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    )
    with pytest.raises(
        ManifestError, match="document 1: kustomize isn't run here; load what `kubectl kustomize FOLDER`"
    ):
        server.load(path)


def test_what_this_user_may_not_read_is_no_reason_to_load_the_rest(folder_of_nobody: Path) -> None:
    server = ApiServer(clock=VirtualClock())
    write(folder_of_nobody / "one.json", config_map("one"))
    secret = write(folder_of_nobody / "deep" / "two.json", config_map("two"))
    secret.chmod(0o000)
    with pytest.raises(ManifestError, match=r"two\.json: Permission denied; make it readable for this user"):
        server.load(folder_of_nobody)
    secret.parent.chmod(0o000)
    with pytest.raises(ManifestError, match="deep: Permission denied; make it readable for this user"):
        server.load(folder_of_nobody)
    with pytest.raises(ManifestError, match=r"two\.json: Permission denied; make it readable for this user"):
        server.load(secret)
    assert names(server) == []


def test_a_pipe_is_not_waited_for(server: ApiServer, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(ManifestError, match=r"pipe\.yaml is no regular file; write what comes out of it into one"):
            server.load(path)
