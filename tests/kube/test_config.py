"""Where configuration comes from, and what is said where there is none."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from reconcilekit.errors import ConfigError
from reconcilekit.kube.config import ConnectionConfig, load, load_incluster, load_kubeconfig


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home without a kubeconfig, outside any pod, without proxies."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def write(
    path: Path, *, user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None, namespace: str = ""
) -> Path:
    """A kubeconfig with the contexts "here" (the current one) and "there"."""
    context = {"cluster": "c", "user": "u"} | ({"namespace": namespace} if namespace else {})
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [
            {"name": "c", "cluster": {"server": "https://here.test:6443"} | (cluster or {})},
            {"name": "d", "cluster": {"server": "https://there.test/"}},
        ],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "here", "context": context}, {"name": "there", "context": {"cluster": "d", "user": "u"}}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))
    return path


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_token_and_inline_certificates(tmp_path: Path) -> None:
    user = {"token": "t0k", "client-certificate-data": encoded("CERT"), "client-key-data": encoded("KEY")}
    cluster = {"certificate-authority-data": encoded("CA"), "tls-server-name": "api.test"}

    config = load_kubeconfig(write(tmp_path / "config", user=user, cluster=cluster, namespace="mine"))

    assert config.server == "https://here.test:6443"
    assert config.authorization == "Bearer t0k"
    files = [Path(each or "").read_text() for each in (config.ca_file, config.cert_file, config.key_file)]
    assert files == ["CA", "CERT", "KEY"]
    assert (config.tls_server_name, config.namespace, config.verify_tls) == ("api.test", "mine", True)
    assert "t0k" not in repr(config)


def test_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text(name)
    (tmp_path / "token").write_text("t1\n")
    user = {"tokenFile": "token", "client-certificate": "cert.pem", "client-key": "key.pem"}

    config = load_kubeconfig(write(tmp_path / "config", user=user, cluster={"certificate-authority": "ca.pem"}))

    assert (config.ca_file, config.cert_file) == (str(tmp_path / "ca.pem"), str(tmp_path / "cert.pem"))
    assert config.authorization == "Bearer t1"
    (tmp_path / "token").write_text("t2\n")
    assert config.reload is not None
    assert config.reload().authorization == "Bearer t2"


def test_a_context_is_chosen_by_name(tmp_path: Path) -> None:
    config = load_kubeconfig(write(tmp_path / "config"), context="there")
    assert (config.server, config.namespace, config.authorization) == ("https://there.test", "default", "")


def test_name_and_password(tmp_path: Path) -> None:
    config = load_kubeconfig(write(tmp_path / "config", user={"username": "a", "password": "b"}))
    assert config.authorization == f"Basic {encoded('a:b')}"


def test_insecure_is_kept(tmp_path: Path) -> None:
    assert not load_kubeconfig(write(tmp_path / "config", cluster={"insecure-skip-tls-verify": True})).verify_tls


def plugin(folder: Path, code: str) -> dict[str, Any]:
    script = folder / "plugin.py"
    script.write_text(code)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(script)],
            "interactiveMode": "Never",
        }
    }


COUNTING = """
import json, pathlib
count = pathlib.Path(__file__).with_suffix(".count")
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
status = {"token": f"p{number}", "expirationTimestamp": EXPIRES}
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
"""


def test_a_plugin_runs_again_only_when_its_token_is_about_to_expire(tmp_path: Path) -> None:
    lasting = COUNTING.replace("EXPIRES", "'2999-01-01T00:00:00Z'")
    config = load_kubeconfig(write(tmp_path / "config", user=plugin(tmp_path, lasting)))

    assert config.authorization == "Bearer p1"
    assert config.renew is not None
    assert config.renew() == "Bearer p1"
    assert config.reload is not None
    assert config.reload().authorization == "Bearer p2"


def test_a_plugin_s_expired_token_is_renewed(tmp_path: Path) -> None:
    passing = COUNTING.replace("EXPIRES", "'2001-01-01T00:00:00Z'")
    config = load_kubeconfig(write(tmp_path / "config", user=plugin(tmp_path, passing)))
    assert config.renew is not None
    assert [config.renew(), config.renew()] == ["Bearer p2", "Bearer p3"]


def test_a_plugin_that_fails_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "config", user=plugin(tmp_path, "raise SystemExit(3)"))
    with pytest.raises(ConfigError) as caught:
        load_kubeconfig(path)
    assert str(caught.value) == (
        f"CredentialPluginFailed: The credential plugin {sys.executable!r} of user 'u' in {path} gave no credential; "
        "what it said is in the log: run it by hand"
    )


def test_an_http_proxy_is_taken_and_another_refused(tmp_path: Path) -> None:
    config = load_kubeconfig(write(tmp_path / "config", cluster={"proxy-url": "http://proxy.test:3128"}))
    assert config.proxy == "http://proxy.test:3128"

    path = write(tmp_path / "config", cluster={"proxy-url": "socks5://me:secret@proxy.test"})
    with pytest.raises(ConfigError) as caught:
        load_kubeconfig(path)
    assert str(caught.value) == (
        f"UnsupportedProxy: The kubeconfig {path} asks for a proxy of type 'socks5'; only http and https proxies are "
        "supported: change proxy-url"
    )


@pytest.mark.parametrize(
    ("server", "no_proxy", "expected"),
    [
        ("https://far.test", "", "http://proxy.test:3128"),
        ("https://far.test", "far.test", None),
        ("https://127.0.0.1:6443", "", None),
        ("https://localhost", "", None),
    ],
)
def test_the_environment_s_proxy_is_for_distant_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, no_proxy: str, expected: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert load_kubeconfig(write(tmp_path / "config", cluster={"server": server})).proxy == expected


def service_account(folder: Path, token: str = "t1") -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in (("token", f"{token}\n"), ("ca.crt", "CA"), ("namespace", "mine")):
        (folder / name).write_text(content)
    return folder


POD = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}


def test_a_pod_s_service_account(tmp_path: Path) -> None:
    folder = service_account(tmp_path / "sa")

    config = load_incluster(directory=folder, environ=POD)

    assert (config.server, config.authorization, config.namespace) == ("https://[fd00::1]:443", "Bearer t1", "mine")
    assert config.ca_file == str(folder / "ca.crt")
    service_account(folder, "t2")
    assert config.renew is not None
    assert config.renew() == "Bearer t1"  # the file is looked at once a minute
    assert config.reload is not None
    assert config.reload().authorization == "Bearer t2"


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("token", "Service token file does not exist."),
        ("ca.crt", "Service certification file does not exist."),
    ],
)
def test_a_pod_without_a_service_account(tmp_path: Path, missing: str, problem: str) -> None:
    folder = service_account(tmp_path / "sa")
    (folder / missing).unlink()
    with pytest.raises(ConfigError) as caught:
        load_incluster(directory=folder, environ=POD)
    assert str(caught.value) == f"BadServiceAccount: The pod's service account in {folder} can't be used: {problem}"


def test_no_pod_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Service host/port is not set\.$"):
        load_incluster(directory=tmp_path, environ={})


def test_kubeconfig_comes_before_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "home" / ".kube" / "config", cluster={"server": "https://home.test"})
    assert load().server == "https://home.test"
    other = write(tmp_path / "other", cluster={"server": "https://other.test"})
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}:{other}")
    assert load().server == "https://other.test"
    assert load(context="there").server == "https://there.test"


def test_a_pod_comes_before_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "home" / ".kube" / "config", cluster={"server": "https://home.test"})
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(ConfigError, match=r"^BadServiceAccount: "):
        load()
    assert load(context="here").server == "https://home.test"


def test_nothing_anywhere_names_the_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value) == (
        "NoClusterConfig: No cluster is configured: looked at $KUBECONFIG (unset), a pod's service account "
        f"(KUBERNETES_SERVICE_HOST is unset) and {tmp_path}/home/.kube/config (no such file); set KUBECONFIG or run "
        "in a pod"
    )


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_kubeconfig(tmp_path / "absent")
    assert str(caught.value) == (
        f"NoKubeConfig: The kubeconfig {tmp_path}/absent doesn't exist; set KUBECONFIG or pass another path"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "Invalid kube-config. {path} file is empty"),
        ("{", "while parsing a flow node"),
        ("a: 1", "Expected key current-context in {path}"),
    ],
)
def test_a_kubeconfig_that_cannot_be_read_is_named(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_kubeconfig(path)
    assert str(caught.value).startswith(f"BadKubeConfig: The kubeconfig {path} can't be used: ")
    assert problem.format(path=path) in str(caught.value)


def test_an_unknown_context_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Expected object with name nope in"):
        load_kubeconfig(write(tmp_path / "config"), context="nope")


def test_a_static_configuration_needs_nothing() -> None:
    config = ConnectionConfig(server="http://127.0.0.1:1")
    assert (config.renew, config.reload, config.namespace) == (None, None, "default")
