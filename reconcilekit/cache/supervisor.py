"""Keeps a reflector running: one that dies of a bug is reported and started again."""

from __future__ import annotations

import asyncio

from reconcilekit.cache.health import HealthState
from reconcilekit.cache.index import Log
from reconcilekit.cache.reconnect import ReconnectBackoff, ReflectorSettings
from reconcilekit.cache.reflector import Reflector, ReflectorListener
from reconcilekit.clock import Clock


class Supervisor:
    """Runs one reflector until cancelled, whatever becomes of it.

    A dead watcher in a live operator is the worst of both (kopf #1145, #1276): nothing fails and nothing happens.

    Args:
        reflector: what is kept running.
        clock: paces the restarts.
        settings: its backoff is the restarts' too.
        listener: told when the reflector dies.
        log: where its death is reported, with the traceback.
    """

    def __init__(
        self,
        reflector: Reflector,
        *,
        clock: Clock,
        settings: ReflectorSettings,
        listener: ReflectorListener,
        log: Log,
    ) -> None:
        self.reflector = reflector
        self._clock = clock
        self._backoff = ReconnectBackoff(clock=clock, settings=settings)
        self._listener = listener
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self._is_interrupted = False

    def __repr__(self) -> str:
        return f"<Supervisor of {self.reflector!r}>"

    def relist(self) -> None:
        """Have a list begun after this call: at once where a watch is open, else as the next thing."""
        self.reflector.require_list()
        if self.reflector.is_watching and self._task is not None:
            self._is_interrupted = True
            self._task.cancel()

    async def run(self) -> None:
        """Run the reflector, again and again, until cancelled; it has ended when this has."""
        while True:
            self._is_interrupted = False
            self._task = asyncio.create_task(self.reflector.run(), name=f"reflector of {self.reflector.name}")
            try:
                await asyncio.wait({self._task})
            finally:
                # Cancelled itself, the supervisor leaves nothing behind.
                if not self._task.done():
                    self._task.cancel()
                    await asyncio.wait({self._task})
            delay = self._decide_delay(self._task)
            if delay is not None:
                await self._clock.sleep(delay)

    def _decide_delay(self, task: asyncio.Task[None]) -> float | None:
        """Judge how the reflector ended; None starts it again at once."""
        if task.cancelled() and self._is_interrupted:
            return None
        # Cancelled by nobody's wish counts as a death too: silence would be the worst answer.
        error = None if task.cancelled() else task.exception()
        delay = self._backoff.next_delay()
        reflector = self.reflector
        self._log.error(
            "%s: the reflector died; starting it again in %.3g s",
            reflector.name,
            delay,
            exc_info=error,
            extra={"resource": str(reflector.store.resource), "namespace": reflector.segment, "delay": delay},
        )
        reflector.require_list()
        cause = f"{type(error).__name__}: {error}" if error is not None else "cancelled by nobody"
        self._listener.fared(
            reflector.store, reflector.segment, HealthState.FAILING, f"the reflector died of a bug ({cause})"
        )
        return delay
