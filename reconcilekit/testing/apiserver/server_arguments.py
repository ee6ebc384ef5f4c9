"""What a server may be told, at its start and by its methods, and what is said of what can't be meant."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

from reconcilekit.testing.apiserver.access.keys import Keys
from reconcilekit.testing.apiserver.access.users import User
from reconcilekit.testing.apiserver.arguments import (
    Types,
    check_types,
    is_a_class,
    problems_of_method,
    problems_of_path,
)
from reconcilekit.testing.apiserver.cluster import Snapshot
from reconcilekit.testing.apiserver.housekeeping.options import Housekeeping

_OF_CLOCKS = ("random", "monotonic", "now", "sleep", "timeout", "call_later")

_TYPES: Types = {
    "accept_loopback_endpoints": ((bool,), "accept_loopback_endpoints=True"),
    "watch_history": ((int,), "watch_history=1000"),
    "watch_history_bytes": ((int,), "watch_history_bytes=1_000_000"),
    "refuse_old_watches": ((bool,), "refuse_old_watches=True"),
    "tokens": ((Mapping, NoneType), "tokens={'me': 'secret'}"),
    "anonymous": ((bool, NoneType), "anonymous=True or anonymous=False"),
    "keep_requests": ((int,), "keep_requests=1000"),
    "start": ((Snapshot, NoneType), "what a server's snapshot() gave"),
    "keys": ((Keys, NoneType), "the Keys of another server"),
    "data": ((str, os.PathLike, NoneType), "data='folder'"),
    "housekeeping": ((Housekeeping, NoneType), "housekeeping=Housekeeping.cluster(), or Housekeeping(...)"),
}

_COUNTED: Types = {
    "method": ((str,), "method='PATCH', or method='PUT,PATCH' for several"),
    "path": ((str,), "path='*/configmaps'"),
    "status": ((int, NoneType), "status=409"),
}

EMPTY_FOLDER = "the name is empty; '.' is the working directory"
"""What to say of a folder that is called ""."""


def check_options(told: Mapping[str, Any]) -> None:
    """Refuse what a server can't be made with.

    Raises:
        TypeError: an argument is of another type; says which, and what to pass.
        ValueError: it can't be meant.
    """
    _check_clock(told["clock"])
    check_types(told, _TYPES)
    for name in ("watch_history", "watch_history_bytes", "keep_requests"):
        if told[name] < 1:
            raise ValueError(f"{name}={told[name]!r} keeps nothing; pass 1 or more")
    if told["data"] == "":
        raise ValueError(f"data='': {EMPTY_FOLDER}")
    _check_tokens(told["tokens"] or {})


def _check_clock(clock: object) -> None:
    if isinstance(clock, type):
        raise TypeError(is_a_class("clock", clock))
    if not all(hasattr(clock, name) for name in _OF_CLOCKS):
        raise TypeError(f"clock={clock!r} is no Clock; pass VirtualClock(), or SystemClock() of reconcilekit.clock")


def _check_tokens(tokens: Mapping[object, object]) -> None:
    users: dict[str, object] = {}
    for user, token in tokens.items():
        if not isinstance(user, str | User) or not isinstance(token, str):
            raise TypeError(f"tokens: {user!r}: {token!r} is no user with a token; pass {{'me': 'secret'}}")
        name = user if isinstance(user, str) else user.name
        if not name:
            raise ValueError(f"tokens: {user!r} has no name; pass {{'me': 'secret'}}")
        if not token or any(sign.isspace() for sign in token):
            raise ValueError(f"tokens: {name!r} has the token {token!r}, which no header carries; leave spaces away")
        if token in users:
            raise ValueError(f"tokens: {users[token]!r} and {name!r} have the same token; give each its own")
        users[token] = name


def check_count(*, method: str, path: str, status: int | None) -> None:
    """Refuse what no record could match.

    Raises:
        TypeError: an argument is of another type; says which, and what to pass.
        ValueError: no request has such a method or path, and no answer such a status.
    """
    check_types({"method": method, "path": path, "status": status}, _COUNTED)
    for problem in (*problems_of_method(method), *problems_of_path(path)):
        raise ValueError(f"that would count nothing: {problem}")
    if status and not 100 <= status <= 599:
        raise ValueError(f"that would count nothing: status={status} isn't from 100 to 599; 0 is for no answer (yet)")


def check_paths(paths: Sequence[object]) -> None:
    """Refuse what can't be loaded.

    Raises:
        TypeError: one is no path.
        ValueError: there is none, or one is empty.
    """
    if not paths:
        raise ValueError("there is nothing to load; pass files or folders, as in load('manifests/')")
    for path in paths:
        check_types({"path": path}, {"path": ((str, os.PathLike), "files or folders, as in load('manifests/')")})
        if path == "":
            raise ValueError(f"path='': {EMPTY_FOLDER}")


def check_restore(snapshot: object, watches: object) -> None:
    """Refuse what can't be gone back to.

    Raises:
        TypeError: it is no `Snapshot`.
        ValueError: that can't become of watches.
    """
    check_types({"snapshot": snapshot}, {"snapshot": ((Snapshot,), "what snapshot() gave")})
    _check_watches(watches)


def check_rewind(revision: object, watches: object) -> None:
    """Refuse what is no revision.

    Raises:
        TypeError: it is another type.
        ValueError: that can't become of watches.
    """
    check_types({"revision": revision}, {"revision": ((int,), "what server.revision was")})
    _check_watches(watches)


def check_after(after: object) -> None:
    """Refuse what is no revision.

    Raises:
        TypeError: it is another type.
    """
    check_types({"after": after}, {"after": ((int, NoneType), "what server.revision was")})


def _check_watches(watches: object) -> None:
    if watches not in ("close", "silent"):
        raise ValueError(f"watches={watches!r} is none of 'close', 'silent'")
