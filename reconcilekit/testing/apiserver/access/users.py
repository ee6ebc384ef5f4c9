"""Users as the server knows them, and the names that Kubernetes gives a meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from reconcilekit.testing.apiserver import names
from reconcilekit.testing.apiserver.arguments import Types, check_types

MASTERS = "system:masters"
"""The group that may do everything, whatever RBAC says."""

AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"

_SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"
_NODE_PREFIX = "system:node:"


def _names(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise TypeError(f"groups={names!r} is no list of names; pass groups=[{names!r}]")
    found = tuple(names)
    if not all(isinstance(name, str) for name in found):
        raise TypeError(f"groups={found!r} are no names; pass groups=['dev', 'ops']")
    return found


@attrs.frozen
class User:
    """Somebody who sends requests.

    Attributes:
        name: as RBAC's subjects name them.
        groups: they are in; "system:authenticated" comes by itself with a credential.
        uid: "" where the credential tells none.
        extra: what else the credential tells.

    Raises:
        TypeError: an argument is of another type, such as one str where several names belong.
    """

    name: str
    groups: tuple[str, ...] = attrs.field(default=(), converter=_names, kw_only=True)
    uid: str = attrs.field(default="", kw_only=True)
    extra: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, kw_only=True, hash=False)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"User({self.name!r}): the name is no str")
        wanted: Types = {"uid": ((str,), "uid='1234'"), "extra": ((Mapping,), "extra={'team': ('a',)}")}
        check_types({"uid": self.uid, "extra": self.extra}, wanted)
        for name, values in self.extra.items():
            if not isinstance(values, tuple | list):
                raise TypeError(
                    f"extra={self.extra!r}: {name!r} has no tuple of values; pass {{{name!r}: ({values!r},)}}"
                )

    def authenticated(self) -> User:
        """The user with the group that every known one is in."""
        if AUTHENTICATED in self.groups or UNAUTHENTICATED in self.groups:
            return self
        return attrs.evolve(self, groups=(*self.groups, AUTHENTICATED))

    def info(self) -> dict[str, object]:
        """UserInfo, as reviews have it."""
        entry: dict[str, object] = {"username": self.name, "uid": self.uid, "groups": list(self.groups)}
        entry["extra"] = {name: list(values) for name, values in self.extra.items()}
        return {name: value for name, value in entry.items() if value}


def check_user(user: User | None) -> None:
    """Refuse what is no user, such as a name alone.

    Raises:
        TypeError: it is something else; says what to pass.
    """
    if user is not None and not isinstance(user, User):
        raise TypeError(f"user={user!r} is no User; pass User({user!r})")


ANONYMOUS = User("system:anonymous", groups=(UNAUTHENTICATED,))
"""Whoever shows no credential."""

STRANGER = User("", groups=(UNAUTHENTICATED,))
"""Whoever shows a client certificate that proves nothing: they may come by a token, but aren't taken for nobody."""

ADMIN = User("kubernetes-admin", groups=(MASTERS,))
"""Who a kubeconfig of the server's own is for, where it needs a credential."""


def service_account(namespace: str, name: str) -> User:
    """The user that pods of a ServiceAccount are."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return User(f"{_SERVICE_ACCOUNT_PREFIX}{namespace}:{name}", groups=groups)


def split_service_account(username: str) -> tuple[str, str] | None:
    """Namespace and name of the ServiceAccount that a user name is of, None for other users."""
    namespace, separator, name = username.removeprefix(_SERVICE_ACCOUNT_PREFIX).partition(":")
    if not username.startswith(_SERVICE_ACCOUNT_PREFIX) or not separator or not namespace or not name or ":" in name:
        return None
    return namespace, name


def split_node(username: str) -> str | None:
    """The Node that a user name is of, None for other users."""
    name = username.removeprefix(_NODE_PREFIX)
    return name if username.startswith(_NODE_PREFIX) and not any(names.subdomain(name)) else None
