"""The condition of a key whose stop strategy has had enough: it is still retried, slowly, and its status says so.

Nothing transient is ever given up (java-operator-sdk stops after 5 tries in 18 s), so the condition is for people and
for tools that read kstatus, to which Stalled=True means failed.
"""

from __future__ import annotations

import logging

from reconcilekit.cache.store import Store
from reconcilekit.classification import is_not_found
from reconcilekit.clock import Clock
from reconcilekit.errors import ApiError, ReconcileError, WireError
from reconcilekit.kube.client import Client
from reconcilekit.kube.objects import RawObject
from reconcilekit.kube.resource import ObjectKey
from reconcilekit.runtime.commit import Committed, Committer, Plan, Primary, new_status
from reconcilekit.runtime.staging import Stage
from reconcilekit.runtime.statuses import StagedCondition

STALLED = "Stalled"
"""The condition's type, as kstatus knows it."""

RETRIES_EXHAUSTED = "RetriesExhausted"
"""Its reason. A Stalled condition with another one isn't ours, and stays."""

_MARK = f'"{RETRIES_EXHAUSTED}"'.encode()


class StalledTeller:
    """Says of a primary that it's stalled.

    Args:
        client: for the live read.
        committer: for the write.
        store: of the primaries.
        clock: for the transition time.
        log: for what couldn't be said.
    """

    def __init__(
        self, client: Client, *, committer: Committer, store: Store, clock: Clock, log: logging.Logger
    ) -> None:
        self._client = client
        self._committer = committer
        self._store = store
        self._clock = clock
        self._log = log

    async def tell(self, key: ObjectKey, error: ReconcileError, committed: Committed) -> None:
        """Set the condition, with the error as its message; what it writes is entered in `committed`.

        It rests on a live read, since a key that fails at its writes has a view older than they are. Its own failure is
        logged and no more: the next retry says it again.
        """
        message = str(error)
        if is_stalled(self._store.get(key), message=message):
            return
        try:
            await self._write(await self._client.get(self._store.resource, key), message, committed)
        except (ApiError, WireError, ReconcileError) as failure:
            if not is_not_found(failure):
                kind = self._store.resource.kind
                self._log.warning("%s %s is stalled and its status can't say so: %s", kind, key, failure)

    async def _write(self, raw: RawObject, message: str, committed: Committed) -> None:
        resource = self._store.resource
        info = self._client.discovery.known(resource)
        has_status = info is None or info.has_status
        primary = Primary(resource=resource, key=raw.key, raw=raw, has_status_subresource=has_status)
        stage = Stage()
        stage.stage_condition(StagedCondition(type=STALLED, status=True, reason=RETRIES_EXHAUSTED, message=message))
        committed.quiet = {*committed.quiet, (resource, raw.key)}
        await self._committer.commit(primary, Plan(status=new_status(primary, stage, clock=self._clock)), committed)


def take_back_stalled(primary: Primary, stage: Stage) -> None:
    """Let a run that isn't retried any more say so, unless it says otherwise itself."""
    if STALLED not in stage.conditions and is_stalled(primary.raw):
        stage.conditions[STALLED] = StagedCondition(type=STALLED, status=False, reason="NotRetrying")


def is_stalled(raw: RawObject | None, *, message: str | None = None) -> bool:
    """True where the status says so in our words, with this message if one is given."""
    if raw is None or _MARK not in raw.raw:
        return False
    conditions = raw.decode_status().get("conditions") or []
    return any(
        condition.get("type") == STALLED
        and condition.get("reason") == RETRIES_EXHAUSTED
        and condition.get("status") == "True"
        and message in (None, condition.get("message"))
        for condition in conditions
    )
