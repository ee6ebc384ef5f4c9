"""Where a server listens, as its clients are told."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import attrs
import msgspec

from reconcilekit.testing.apiserver.access.credentials import encoded
from reconcilekit.testing.apiserver.access.users import ADMIN, User, check_user
from reconcilekit.testing.apiserver.arguments import Types, check_types
from reconcilekit.testing.apiserver.wire.kubeconfigs import EMPTY, NAME, obstacle

_TYPES: Types = {
    "path": ((str, os.PathLike), "path='kubeconfig'"),
    "token": ((str,), "token='secret'"),
    "namespace": ((str,), "namespace='default'"),
}


class TokenOverHttpWarning(UserWarning):
    """A kubeconfig names somebody whom kubectl won't be: it sends no token where there is no TLS."""


@attrs.frozen(kw_only=True)
class Endpoint:
    """Where a server listens.

    Attributes:
        url: "http://127.0.0.1:41234", "https://..." with TLS.
        certificate_authority: what the server's certificate is trusted by, in PEM; empty without TLS.
    """

    url: str
    certificate_authority: bytes = b""
    _credentials_of: Callable[[User], dict[str, str]]
    _default_user: User | None
    _is_authorizing: bool = False

    def kubeconfig(self, *, user: User | None = None, token: str = "", namespace: str = "default") -> dict[str, object]:
        """A kubeconfig for it.

        Args:
            user: whose; anybody, the server will know them. By default the administrator where a credential is needed,
                and nobody where it isn't.
            token: the credential, where you have one.
            namespace: the context's.
        """
        context = {"cluster": NAME, "user": NAME, "namespace": namespace}
        cluster = {"server": self.url}
        if self.certificate_authority:
            cluster["certificate-authority-data"] = encoded(self.certificate_authority)
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": NAME, "cluster": cluster}],
            "users": [{"name": NAME, "user": self._credentials(user, token)}],
            "contexts": [{"name": NAME, "context": context}],
            "current-context": NAME,
        }

    def write_kubeconfig(
        self, path: Path | str, *, user: User | None = None, token: str = "", namespace: str = "default"
    ) -> None:
        """Write it, as JSON, which is YAML too, and in one step: whoever waits for the file finds it whole.

        What a server wrote there is written anew, once that server has ended; anything else is left alone.

        Warns:
            TokenOverHttpWarning: there is no TLS, and RBAC decides or `user` is another than the administrator, while
                kubectl, and what else is built on client-go, sends no token over http. Other clients do: for them
                ignore it.

        Raises:
            OSError: it can't be written there, or mustn't; says why, and what to do. A FileNotFoundError where there is
                no such folder, a FileExistsError where the file holds anything else.
            TypeError: an argument is of another type, such as a user that is no `User`.
            ValueError: the path is empty.
        """
        check_types({"path": path, "token": token, "namespace": namespace}, _TYPES)
        if path == "":
            raise ValueError(f"path='': {EMPTY}")
        content = msgspec.json.encode(self.kubeconfig(user=user, token=token, namespace=namespace))
        target = Path(path)
        if (error := obstacle(target, own_url=self.url)) is not None:
            raise error
        if not self.certificate_authority and (self._is_authorizing or user not in (None, ADMIN)):
            warnings.warn(_without_tls(target), TokenOverHttpWarning, stacklevel=2)
        _write(target, content)

    def _credentials(self, user: User | None, token: str) -> dict[str, str]:
        if token:
            return {"token": token}
        check_user(user)
        user = user or self._default_user
        return {} if user is None else self._credentials_of(user)


def _without_tls(path: Path) -> str:
    return (
        f"{path}: kubectl, and what else is built on client-go, sends no token over http, so that whoever this "
        "kubeconfig names comes as nobody; listen with TLS (serve(tls=True), --tls)"
    )


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.touch(mode=0o600)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        why = f"the kubeconfig can't be written: {error.strerror}; name another file"
        raise OSError(error.errno, why, str(path)) from error
