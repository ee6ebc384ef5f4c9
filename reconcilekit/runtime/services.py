"""What every run of every controller of a manager uses."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Protocol

import attrs

from reconcilekit.cache.cache import Cache
from reconcilekit.classification import Classifier
from reconcilekit.clock import Clock
from reconcilekit.kube.client import Client
from reconcilekit.runtime.absence import AbsenceConfirmer
from reconcilekit.runtime.commit import Primary
from reconcilekit.runtime.comparison import NoOps
from reconcilekit.runtime.staging import StagedEvent
from reconcilekit.runtime.workers import Workers
from reconcilekit.state import StateStore


class EventSink(Protocol):
    """Sends Kubernetes events; never raises."""

    def send(self, primary: Primary, events: Collection[StagedEvent]) -> None:
        """Send them in the background."""

    async def aclose(self) -> None:
        """Give up what wasn't sent."""


@attrs.frozen(kw_only=True)
class Services:
    """What every run of a controller uses; made once, passed on as one."""

    client: Client
    cache: Cache
    state: StateStore
    clock: Clock
    classifier: Classifier
    workers: Workers
    absence: AbsenceConfirmer
    events: EventSink
    no_ops: NoOps
    log: logging.Logger
