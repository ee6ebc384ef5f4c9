"""Users of a control plane, and how each says who it is."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from reconcilekit.testing.apiserver.access.users import ADMIN, User

__all__ = ["User", "ADMIN", "NAMESPACED", "NOBODY", "CONTROLLER_MANAGER_USER", "Tokens", "write_kubeconfig"]


NAMESPACED = User("namespaced")
"""May do nothing until `ControlPlane.grant` gives it a namespace."""

NOBODY = User("nobody")
"""Is known, and may do nothing but discovery."""

CONTROLLER_MANAGER_USER = User("system:kube-controller-manager")
"""Has the rights that a new cluster's RBAC gives to this name."""


class Tokens:
    """One unguessable token for each user.

    Raises:
        ValueError: two users have one name, or a name can't be written to a token file.
    """

    def __init__(self, users: Iterable[User]) -> None:
        self._tokens: dict[str, str] = {}
        self._users: list[User] = []
        for user in users:
            self._add(user)

    def __getitem__(self, user: User) -> str:
        """The token of a user, whoever has the same name.

        Raises:
            LookupError: no user has that name.
        """
        try:
            return self._tokens[user.name]
        except KeyError:
            raise LookupError(
                f"The control plane doesn't know the user {user.name!r}; it was started for "
                f"{', '.join(sorted(self._tokens))}: name it in ControlPlane.start(users=[...])"
            ) from None

    def write(self, path: Path) -> None:
        """Write what `--token-auth-file` reads: token, name, uid, "group,group"."""
        lines = [
            f'{self._tokens[user.name]},{user.name},{user.name},"{",".join(user.groups)}"\n' for user in self._users
        ]
        path.touch(mode=0o600)
        path.write_text("".join(lines), "utf-8")

    def _add(self, user: User) -> None:
        if user.name in self._tokens:
            raise ValueError(f"Two users are named {user.name!r}; give one another name")
        if not user.name or any(sign in text for text in (user.name, *user.groups) for sign in '",\n'):
            raise ValueError(f"{user} can't be written to a token file; leave out quotes, commas and line breaks")
        self._tokens[user.name] = secrets.token_urlsafe(24)
        self._users.append(user)


def write_kubeconfig(
    path: Path, *, server: str, ca_file: Path, credentials: Mapping[str, str], namespace: str = "default"
) -> None:
    """Write a kubeconfig of one context, as JSON, which is YAML too, and in one step.

    Args:
        path: in a folder that exists.
        server: its URL.
        ca_file: what its certificate is trusted by.
        credentials: of the user, by their names in a kubeconfig.
        namespace: the context's.
    """
    name = "controlplane"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority": str(ca_file)}}],
        "users": [{"name": name, "user": dict(credentials)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
        "current-context": name,
    }
    part = path.with_name(f".{path.name}.part")
    part.touch(mode=0o600)
    part.write_bytes(msgspec.json.encode(config))
    part.replace(path)
