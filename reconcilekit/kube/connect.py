"""A client, connected the way kubectl would."""

from __future__ import annotations

from reconcilekit.clock import Clock, SystemClock
from reconcilekit.kube.client import Client


def connect(*, name: str, context: str | None = None, clock: Clock | None = None) -> Client:
    """A client for the cluster that the kubeconfig or the pod's service account names.

    Args:
        name: of the controller: its field manager, and in its user agent.
        context: of the kubeconfig; None takes the current one.
        clock: time and chance.

    Raises:
        ConfigError: no usable configuration; names the places that were looked at.
    """
    from reconcilekit.kube import config, http

    used = clock or SystemClock()
    transport = http.HttpTransport(config.load(context=context), user_agent=http.user_agent(name), clock=used)
    return Client(transport, clock=used, field_manager=name)
