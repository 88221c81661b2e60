"""Keeps a worker alive: starts it, watches it, and starts another one when it is lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from livehead.engine.capacity.profile import Profile
from livehead.engine.host.process import WorkerEvent, WorkerLost, WorkerProcess
from livehead.engine.ipc.messages import Failed, Ready, Start
from livehead.errors import EngineError, LiveheadError

logger = logging.getLogger(__name__)

BACKOFF = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before the first, second, … restart in a row. The first is at once: people are watching."""

CALM = 10.0
"""Seconds a worker must have lived, and been ready, for its end to count as the first in a row again."""


class Supervisor:
    """:meth:`run` goes on until it is cancelled, and leaves no process behind.

    ``on_event`` gets what the worker says; ``on_down`` gets the reason when it is lost, and the error where
    it was lost before it was ever ready. Both are called on the event loop.
    """

    def __init__(
        self,
        start: Start,
        *,
        heartbeat: float,
        stuck: float,
        start_timeout: float,
        backoff: Sequence[float],
        on_event: Callable[[WorkerProcess, WorkerEvent], None],
        on_down: Callable[[str, EngineError | None], None],
    ) -> None:
        self.worker: WorkerProcess | None = None
        self.restarts = 0
        self._start = start
        self._heartbeat = heartbeat
        self._stuck = stuck
        self._start_timeout = start_timeout
        self._backoff = tuple(backoff)
        self._on_event = on_event
        self._on_down = on_down
        self._ready = False
        self._last_words: LiveheadError | None = None
        self._lost: asyncio.Future[str]

    def remember(self, profile: Profile) -> None:
        """Workers started from now on do not measure the machine again, so that frames are back sooner."""
        self._start = replace(self._start, profile=profile)

    async def run(self) -> None:
        in_a_row = 0
        while True:
            began = time.monotonic()
            await self._live()
            calm = self._ready and time.monotonic() - began > CALM
            in_a_row = 1 if calm else in_a_row + 1
            pause = self._backoff[min(in_a_row, len(self._backoff)) - 1]
            logger.info("starting the engine again in %.1f s", pause)
            await asyncio.sleep(pause)
            self.restarts += 1

    async def _live(self) -> None:
        """One worker, from start to end."""
        loop = asyncio.get_running_loop()
        self._ready, self._last_words, self._lost = False, None, loop.create_future()

        def deliver(event: WorkerEvent) -> None:
            loop.call_soon_threadsafe(self._receive, worker, event)

        worker = self.worker = WorkerProcess(self._start, deliver)
        try:
            try:
                await asyncio.to_thread(worker.launch)
                reason = await self._watch(worker)
            except (OSError, RuntimeError) as error:  # no processes, descriptors or threads to be had
                reason = f"the worker process cannot be started: {error}"
            self.worker = None
            self._give_up(reason)
        finally:
            self.worker = None
            await asyncio.shield(asyncio.to_thread(worker.close))

    def _give_up(self, reason: str) -> None:
        logger.error("engine down: %s", reason)
        failure = None
        if not self._ready:
            failure = self._last_words if isinstance(self._last_words, EngineError) else EngineError(reason)
        self._on_down(reason, failure)

    async def _watch(self, worker: WorkerProcess) -> str:
        """Returns why the worker is lost."""
        began = time.monotonic()
        overdue = 0
        while True:
            await asyncio.wait([self._lost], timeout=self._start.heartbeat_period)
            if self._lost.done():
                return self._lost.result()
            verdict = self._verdict(worker, time.monotonic() - began)
            # Twice, since one late look may be this process's own pause.
            overdue = overdue + 1 if verdict else 0
            if verdict and overdue >= 2:
                worker.kill()
                return verdict

    def _verdict(self, worker: WorkerProcess, age: float) -> str | None:
        if worker.ended:
            return "the worker ended"
        if not self._ready:
            return f"no generator after {age:.0f} s" if age > self._start_timeout else None
        return worker.verdict(self._heartbeat, self._stuck)

    def _receive(self, worker: WorkerProcess, event: WorkerEvent) -> None:
        if worker is not self.worker:
            return  # the last words of one that was given up
        if isinstance(event, WorkerLost):
            if not self._lost.done():
                self._lost.set_result(event.reason if self._last_words is None else str(self._last_words))
        elif isinstance(event, Failed):
            self._last_words = event.error
            logger.error("generator gave up: %s", event.error, extra={"trace": event.trace})
        else:
            self._ready = self._ready or isinstance(event, Ready)
            self._on_event(worker, event)
