"""Requests to versions that a conversion webhook would have to make: nobody calls it here, so it can't be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcilekit.testing.apiserver import status
from reconcilekit.testing.apiserver.storage.storage import Stored
from reconcilekit.testing.apiserver.verbs.parameters import flag

if TYPE_CHECKING:
    from reconcilekit.testing.apiserver.verbs.call import Call

APPLY = "application/apply-patch"


def check(call: Call, verb: str) -> None:
    """Refuse what would have to be converted, as the real server does where the webhook doesn't answer.

    Raises:
        StatusError: 500.
    """
    kind = call.served.custom
    if kind is None or not kind.needs_webhook or (verb == "list" and flag(call.request.query, "watch")):
        return
    objects = call.cluster.storage.collection(call.served)
    if verb in ("list", "deletecollection"):
        if (first := next(iter(objects.within(call.route.namespace)), None)) is not None:
            raise _unreadable_list(call, first, kind.conversion_failure(of_stored=True))
        return
    live = objects.objects.get(call.route.key)
    is_apply = call.request.headers.get("content-type", "").startswith(APPLY)
    if verb == "create" or (live is None and verb == "patch" and is_apply):
        raise status.StatusError(500, kind.conversion_failure())
    if live is None:
        return
    problem = f"object not decodable revision={live.revision}: {kind.conversion_failure(of_stored=True)}"
    if verb in ("get", "delete"):
        raise status.internal_error(_corrupt(call, live, "", problem))
    raise status.StatusError(500, problem)


def _corrupt(call: Call, stored: Stored, root: str, problem: str) -> str:
    key = f"{root}/{_key(call, stored)}"
    return f"StorageError: corrupt object, Code: 7, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {problem}"


def _key(call: Call, stored: Stored) -> str:
    parts = (call.served.group, call.served.plural, stored.key.namespace, stored.key.name)
    return "/".join(filter(None, parts))


def _unreadable_list(call: Call, first: Stored, failure: str) -> status.StatusError:
    group, plural = call.served.group, call.served.plural
    problem = _corrupt(call, first, "/registry", f"object not decodable revision={first.revision}: {failure}")
    cause = {"reason": "UnexpectedServerResponse", "message": problem, "field": f"/registry/{_key(call, first)}"}
    return status.StatusError(
        500,
        f"failed to read one or more {plural}.{group} from the storage: {problem}",
        reason="StorageReadError",
        details={"name": "list", "group": group, "kind": plural, "causes": [cause]},
    )
