"""Continue tokens: where a list goes on, and at which revision, as k8s.io/apiserver's storage writes and reads them."""

from __future__ import annotations

import base64
import posixpath
import re
from typing import Any

import attrs
import msgspec

from reconcilekit.kube.resource import ObjectKey
from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.encoding import go_json
from reconcilekit.testing.apiserver.go_text import json_type

INCONSISTENT = -1
"""The revision of a token that goes on with the present state: what an expired token is answered with."""

_VERSION = "meta.k8s.io/v1"
_NO_BASE64 = re.compile("[^A-Za-z0-9_-]")
_TYPES = {"v": (str, "string"), "rv": (int, "int64"), "start": (str, "string")}


@attrs.frozen(kw_only=True)
class Position:
    """Where a list goes on.

    Attributes:
        revision: at which; anything below 0 is the present state.
        key: with this one, or behind it.
        includes_key: with it.
        start: as the token has it.
    """

    revision: int
    key: ObjectKey
    includes_key: bool
    start: str

    def at_present(self) -> str:
        """The token that goes on here with the present state."""
        return _encoded(INCONSISTENT, self.start)


def written(revision: int, last: ObjectKey, namespace: str) -> str:
    """The token of a list of a namespace, "" for all or none, whose page ends with `last`."""
    return _encoded(revision, f"/{last.name if namespace else last}\0")


def _encoded(revision: int, start: str) -> str:
    token = {"v": _VERSION, "rv": revision, "start": start}
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def read(token: str, namespace: str, *, is_namespaced: bool) -> Position:
    """What a token says to a list of a namespace, "" for all or none.

    Raises:
        StatusError: 400.
    """
    told = _decoded(token)
    version, start = (str(told.get(name) or "") for name in ("v", "start"))
    revision = int(told.get("rv") or 0)
    if version != _VERSION:
        raise _invalid(f"server does not recognize this encoded version {version}")
    if not revision:
        raise _invalid("incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    if not start:
        raise _invalid("encoded start key empty (version meta.k8s.io/v1)")
    path = start if start.startswith("/") else f"/{start}"
    if path.startswith("//") or posixpath.normpath(path) != path:
        # It might lead out of what is listed.
        raise _invalid(start)
    name = path[1:].removesuffix("\0")
    if is_namespaced and not namespace:
        namespace, _, name = name.partition("/")
    includes_key = not name or not path.endswith("\0")
    return Position(revision=revision, key=ObjectKey(namespace, name), includes_key=includes_key, start=start)


def _decoded(token: str) -> dict[str, Any]:
    found = _NO_BASE64.search(token)
    if found is not None or len(token) % 4 == 1:
        raise _invalid(f"illegal base64 data at input byte {found.start() if found else len(token) - 1}")
    data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    try:
        told = msgspec.json.decode(data)
    except (ValueError, msgspec.DecodeError) as error:
        raise _invalid(go_json.problem(data)) from error
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise _invalid(f"json: cannot unmarshal {json_type(told)} into Go value of type storage.continueToken")
    for name, (kind, wanted) in _TYPES.items():
        value = told.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            where = f"Go struct field continueToken.{name} of type {wanted}"
            raise _invalid(f"json: cannot unmarshal {json_type(value)} into {where}")
    return told


def _invalid(why: str) -> status.StatusError:
    return status.bad_request(f"invalid continue token: continue key is not valid: {why}")
