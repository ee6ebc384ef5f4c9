"""The real kube-apiserver that a tool records from: one that its arguments name, or one started for it."""

from __future__ import annotations

import argparse
import contextlib
import ssl
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse

import attrs


def unverified() -> ssl.SSLContext:
    """TLS with a server whose certificate nobody has signed."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@attrs.frozen(kw_only=True)
class RealServer:
    """A kube-apiserver, and a token that may do what is asked there.

    Attributes:
        is_own: it was started for this.
    """

    url: str
    token: str
    is_own: bool = False
    _tls: ssl.SSLContext = attrs.field(factory=unverified, init=False)

    def send(self, path: str, *, method: str | None = None, body: bytes | None = None, **headers: str) -> HTTPResponse:
        """The answer to a request, to be closed; headers are written with an underscore for the hyphen.

        Raises:
            urllib.error.HTTPError: it is a failure.
        """
        told = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data=body, headers=told, method=method)
        answer: HTTPResponse = urllib.request.urlopen(request, context=self._tls)
        return answer

    def get(self, path: str, *, accept: str = "application/json") -> bytes:
        """What stands there."""
        with self.send(path, accept=accept) as answer:
            return answer.read()


@contextlib.contextmanager
def real_server(about: str | None, *, controller_manager: bool = False) -> Iterator[RealServer]:
    """The server that the arguments name, or one started for as long as this lasts.

    Args:
        about: the tool's docstring, for its help.
        controller_manager: the one that is started has a controller manager.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="https://host:port of a kube-apiserver, instead of one of our own")
    parser.add_argument("--token", default="", help="a bearer token that may do everything")
    arguments = parser.parse_args()
    if arguments.server:
        yield RealServer(url=arguments.server, token=arguments.token)
        return
    from reconcilekit.testing.controlplane import ControlPlane

    with ControlPlane.start(controller_manager=controller_manager) as plane:
        token = (plane.config().authorization or "").removeprefix("Bearer ")
        yield RealServer(url=plane.url, token=token, is_own=True)
