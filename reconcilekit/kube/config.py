"""Where the API server is and who we are there.

Reading kubeconfig files, running credential plugins and renewing tokens is left to the official package; what it found
is copied into a `ConnectionConfig`, so that no other module knows it. Its import takes up to 0.6 s and is lazy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from reconcilekit.errors import ConfigError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where kubelet mounts a pod's token, CA and namespace."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@attrs.frozen(kw_only=True)
class ConnectionConfig:
    """All that is needed to talk to one API server as one user.

    Attributes:
        server: "https://host:6443"; a path in it is a prefix of every request's.
        authorization: the header's value, "Bearer ..." or "Basic ..."; "" for none.
        ca_file: PEM file of the CAs to trust; None takes the system's.
        cert_file: PEM file of the client's certificate chain.
        key_file: PEM file of its key.
        verify_tls: False accepts any certificate (insecure-skip-tls-verify).
        tls_server_name: the name that the server's certificate must bear, where it isn't the one in `server`.
        proxy: an http:// or https:// proxy for every request; None for none.
        namespace: where objects go that name none.
        renew: gives the current `authorization`, renewed where it is about to expire; may block. None where it can't
            expire.
        reload: reads everything anew; may block. None where there is nothing to read.
    """

    server: str
    authorization: str = attrs.field(default="", repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify_tls: bool = True
    tls_server_name: str | None = None
    proxy: str | None = None
    namespace: str = "default"
    renew: Callable[[], str] | None = attrs.field(default=None, repr=False, eq=False)
    reload: Callable[[], ConnectionConfig] | None = attrs.field(default=None, repr=False, eq=False)


def load(*, context: str | None = None) -> ConnectionConfig:
    """The configuration of the surroundings: `$KUBECONFIG`, else the pod's service account, else `~/.kube/config`.

    The order is controller-runtime's. It may run a credential plugin.

    Args:
        context: of the kubeconfig; None takes its current one. Where it is given, only kubeconfigs are looked at.

    Raises:
        ConfigError: there is none, or it can't be used.
    """
    named = os.environ.get("KUBECONFIG")
    if named:
        return load_kubeconfig(named, context=context)
    if context is None and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return load_incluster()
    default = Path.home() / ".kube" / "config"
    if default.is_file():
        return load_kubeconfig(default, context=context)
    in_pod = "a pod's service account (KUBERNETES_SERVICE_HOST is unset)"
    raise ConfigError(
        "NoClusterConfig",
        f"No cluster is configured: looked at $KUBECONFIG (unset), {in_pod if context is None else 'no pod'} and "
        f"{default} (no such file); set KUBECONFIG or run in a pod",
    )


def load_kubeconfig(path: str | Path | None = None, *, context: str | None = None) -> ConnectionConfig:
    """The configuration of one context of a kubeconfig; it may run a credential plugin.

    Args:
        path: a file, or several joined by ":" as in `$KUBECONFIG`; None takes `$KUBECONFIG`, else `~/.kube/config`.
        context: None takes the file's current one.

    Raises:
        ConfigError: it can't be read or used.
    """
    found = str(path or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")

    def reload() -> ConnectionConfig:
        return load_kubeconfig(found, context=context)

    try:
        config = _read_kubeconfig(found, context)
    except ConfigError:
        raise
    except Exception as error:
        # The official package raises whatever YAML, base64, its plugins and the file system do.
        raise ConfigError("BadKubeConfig", f"The kubeconfig {found} can't be used: {error}") from error
    return attrs.evolve(config, reload=reload)


def load_incluster(
    *, directory: str | Path = SERVICE_ACCOUNT, environ: Mapping[str, str] | None = None
) -> ConnectionConfig:
    """The configuration of the pod's service account; its token file is read again as kubelet rotates it.

    Args:
        directory: holds `token`, `ca.crt` and `namespace`.
        environ: holds KUBERNETES_SERVICE_HOST and _PORT; None takes the process's.

    Raises:
        ConfigError: this isn't a pod, or it has no service account.
    """
    from kubernetes.client import Configuration
    from kubernetes.config.incluster_config import InClusterConfigLoader

    new_loader: Any = InClusterConfigLoader  # the official package isn't typed
    folder = Path(directory)
    configuration = type.__call__(Configuration)
    try:
        loader = new_loader(
            str(folder / "token"), str(folder / "ca.crt"), environ=os.environ if environ is None else environ
        )
        loader.load_and_set(configuration)
    except Exception as error:
        raise ConfigError(
            "BadServiceAccount", f"The pod's service account in {folder} can't be used: {error}"
        ) from error
    namespace = folder / "namespace"
    return attrs.evolve(
        _copy(configuration),
        namespace=namespace.read_text().strip() if namespace.is_file() else "default",
        proxy=_environment_proxy(configuration.host),
        reload=lambda: load_incluster(directory=directory, environ=environ),
    )


def _read_kubeconfig(path: str, context: str | None) -> ConnectionConfig:
    from kubernetes.client import Configuration
    from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

    new_merger: Any = KubeConfigMerger  # the official package isn't typed
    new_loader: Any = KubeConfigLoader
    merger = new_merger(path)
    if merger.config is None:
        raise ConfigError("NoKubeConfig", f"The kubeconfig {path} doesn't exist; set KUBECONFIG or pass another path")
    # Without a base path each relative file is looked for beside the kubeconfig that names it.
    loader = new_loader(
        merger.config, active_context=context, config_base_path=None, config_persister=merger.save_changes
    )
    # A proxy from the environment would be indistinguishable from one of the file, so it is asked for below.
    configuration = type.__call__(Configuration, proxy="")
    loader.load_and_set(configuration)
    config = _copy(configuration)
    chosen = loader.current_context["context"]
    _check_plugin(merger.config, chosen, config, path)
    proxy = configuration.proxy or _environment_proxy(config.server)
    if proxy and urlsplit(proxy).scheme not in ("http", "https"):
        raise ConfigError(
            "UnsupportedProxy",
            f"The kubeconfig {path} asks for a proxy of type {urlsplit(proxy).scheme!r}; only http and https proxies "
            "are supported: change proxy-url",
        )
    return attrs.evolve(config, namespace=chosen.get("namespace") or "default", proxy=proxy or None)


def _check_plugin(merged: Any, context: Mapping[str, Any], config: ConnectionConfig, path: str) -> None:
    """The official loader logs a plugin's failure and goes on without a credential, as system:anonymous."""
    user = merged["users"].get_with_name(context["user"], safe=True) if context.get("user") else None
    if user is None or "exec" not in user["user"] or config.authorization or config.cert_file:
        return
    raise ConfigError(
        "CredentialPluginFailed",
        f"The credential plugin {user['user']['exec']['command']!r} of user {context['user']!r} in {path} gave no "
        "credential; what it said is in the log: run it by hand",
    )


def _copy(configuration: Any) -> ConnectionConfig:
    """What the official `Configuration` holds, renewed by its own hook."""

    def renew() -> str:
        try:
            configuration.refresh_api_key_hook(configuration)
        except Exception as error:
            raise ConfigError("CredentialNotRenewed", f"The credential can't be renewed: {error}") from error
        return _authorization(configuration)

    return ConnectionConfig(
        server=configuration.host.rstrip("/"),
        authorization=_authorization(configuration),
        ca_file=configuration.ssl_ca_cert,
        cert_file=configuration.cert_file,
        key_file=configuration.key_file,
        verify_tls=configuration.verify_ssl,
        tls_server_name=configuration.tls_server_name,
        renew=renew if configuration.refresh_api_key_hook else None,
    )


def _authorization(configuration: Any) -> str:
    """The header's value: token files end in a line end, which no header may hold."""
    scheme, _, credential = configuration.api_key.get("BearerToken", "").strip().partition(" ")
    return f"{scheme.capitalize()} {credential.strip()}" if credential else ""


def _environment_proxy(server: str) -> str | None:
    """`HTTPS_PROXY` and its like, but never for loopback addresses, as in Go's ProxyFromEnvironment."""
    from urllib.request import getproxies, proxy_bypass

    url = urlsplit(server)
    if url.hostname in _LOOPBACK or proxy_bypass(url.netloc):
        return None
    return getproxies().get(url.scheme)
