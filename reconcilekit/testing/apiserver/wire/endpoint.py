"""Where a server listens, as its clients are told."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import attrs
import msgspec

from reconcilekit.testing.apiserver.access.credentials import encoded
from reconcilekit.testing.apiserver.access.users import User

NAME = "reconcilekit"
"""Of the cluster, the user and the context in a kubeconfig."""


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

        Raises:
            FileNotFoundError: there is no such folder.
            TypeError: the user is no `User`.
        """
        target = Path(path)
        if not target.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the folder that it should be in doesn't exist", str(target))
        part = target.with_name(f".{target.name}.part")
        part.touch(mode=0o600)
        part.write_bytes(msgspec.json.encode(self.kubeconfig(user=user, token=token, namespace=namespace)))
        part.replace(target)

    def _credentials(self, user: User | None, token: str) -> dict[str, str]:
        if token:
            return {"token": token}
        if user is not None and not isinstance(user, User):
            raise TypeError(f"user={user!r} is no User; pass User({user!r})")
        user = user or self._default_user
        return {} if user is None else self._credentials_of(user)
