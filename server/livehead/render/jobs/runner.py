"""Runs what waits in the queue, as many at once as make sense, owners in turn."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from livehead.engine.host.host import EngineHost, EngineState
from livehead.errors import LiveheadError
from livehead.metrics import Metrics
from livehead.render.jobs.render_job import RenderJob
from livehead.render.jobs.turns import in_turn
from livehead.store.renders.queue import BEAT_S, RenderQueue
from livehead.store.renders.record import RenderRecord

RUNNING = 3
"""Renders that run at once: they share steps of the engine where that pays, and none waits for a long one alone."""

SWEEP_S = 60.0
"""How often renders that were kept long enough are looked for."""

RETRY_S = 5.0

BUSY_LOOKS = 2

logger = logging.getLogger(__name__)


class RenderRunner:
    """An async context manager that owns the task of every render that this server makes; leaving it puts those back
    into the queue, where the next server finds them.

    Other servers may take from the same queue: it is looked at every ``look_s`` seconds. ``busy`` says that this server
    has calls: it leaves a new render to others for two looks. And it begins one at a time, so that of several the
    others get their share.
    """

    def __init__(
        self,
        queue: RenderQueue,
        host: EngineHost,
        metrics: Metrics,
        make: Callable[[RenderRecord], RenderJob],
        busy: Callable[[], bool],
        *,
        beat_s: float = BEAT_S,
    ) -> None:
        self.look_s = queue.objects.poll_s
        self._queue = queue
        self._host = host
        self._make = make
        self._busy = busy
        self._beat_s = beat_s
        self._jobs: dict[str, tuple[RenderJob, asyncio.Task[None]]] = {}
        self._waiting: list[RenderRecord] = []
        self._wait_since: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        metrics.renders.labels("running").set_function(lambda: len(self._jobs))
        metrics.renders.labels("queued").set_function(lambda: len(self._waiting))

    async def __aenter__(self) -> Self:
        self._unsubscribe = self._host.subscribe(self._on_engine)
        self._tasks = [
            asyncio.create_task(self._run(), name="renders"),
            asyncio.create_task(self._beat(), name="renders-beat"),
            asyncio.create_task(self._sweep(), name="renders-sweep"),
        ]
        self.wake()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for render_id in list(self._jobs):
            await self.stop(render_id)
            try:
                await self._queue.put_back(render_id)
            except LiveheadError as failure:
                logger.error("render %s: was not put back into the queue: %s", render_id, failure)

    def wake(self) -> None:
        """Something may have changed in the queue."""
        self._wake.set()

    @property
    def running(self) -> dict[str, float]:
        """Those that run here, and how far they are, 0 … 1."""
        return {render_id: job.progress for render_id, (job, _) in self._jobs.items()}

    def progress(self, record: RenderRecord) -> float:
        """0 … 1, as it was when its server last said so, if that is another one."""
        return self._jobs[record.id][0].progress if record.id in self._jobs else record.progress

    async def stop(self, render_id: str) -> None:
        """End one that runs here, and wait until it has given back its stream."""
        if render_id in self._jobs:
            _, task = self._jobs[render_id]
            task.cancel()
            await asyncio.wait([task])

    def _on_engine(self, state: EngineState) -> None:
        self.wake()

    async def _run(self) -> None:
        pause = 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause or self.look_s):
                    await self._wake.wait()
            self._wake.clear()
            try:
                pause = self.look_s / 2 if await self._look() else 0.0
            except LiveheadError as error:
                logger.error("renders cannot be begun: %s", error)
                pause = RETRY_S

    async def _look(self) -> bool:
        """End what is not to run here any more, and begin one that waits; whether one was begun."""
        records = await self._queue.all()
        running = {record.id for record in records if record.state == "running" and record.server == self._queue.server}
        for render_id in [render_id for render_id in self._jobs if render_id not in running]:
            found = await self._queue.get(render_id)
            if found is None or found.state != "running" or found.server != self._queue.server:
                logger.info("render %s: ends here: it was cancelled, or is made by another server", render_id)
                await self.stop(render_id)
        self._waiting = order(records)
        self._note_waiting()
        if self._host.state != "ready" or len(self._jobs) >= RUNNING:
            return False
        for record in self._waiting:
            if self._leave_to_others(record):
                continue
            begun = await self._queue.begin(record.id)
            if begun is not None:
                self._waiting.remove(record)
                self._begin(begun)
                return True
        return False

    def _note_waiting(self) -> None:
        now = time.monotonic()
        self._wait_since = {record.id: self._wait_since.get(record.id, now) for record in self._waiting}

    def _leave_to_others(self, record: RenderRecord) -> bool:
        return self._busy() and time.monotonic() - self._wait_since[record.id] < BUSY_LOOKS * self.look_s

    def _begin(self, record: RenderRecord) -> None:
        job = self._make(record)
        task = asyncio.create_task(job.run(), name=f"render-{record.id}")
        self._jobs[record.id] = job, task
        task.add_done_callback(lambda task: self._end(record.id, task))

    def _end(self, render_id: str, task: asyncio.Task[None]) -> None:
        del self._jobs[render_id]
        if not task.cancelled() and (failure := task.exception()) is not None:
            logger.error("render %s: failed", render_id, exc_info=failure)
        self.wake()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            for render_id, (job, _) in list(self._jobs.items()):
                try:
                    if render_id in self._jobs and not await self._queue.beat(render_id, job.progress):
                        self.wake()
                except LiveheadError as error:
                    logger.warning("render %s: goes on, but nobody knows: %s", render_id, error)

    async def _sweep(self) -> None:
        while True:
            try:
                await self._queue.sweep()
            except LiveheadError as error:
                logger.error("old renders cannot be removed: %s", error)
            await asyncio.sleep(SWEEP_S)


def order(records: Iterable[RenderRecord]) -> list[RenderRecord]:
    """Those that wait, in the order in which they will begin: the same on every server."""
    records = list(records)
    served: dict[str, int] = {}
    for record in records:
        if record.begun is not None:
            served[record.owner] = max(served.get(record.owner, 0), int(record.begun * 1000))
    return in_turn([record for record in records if record.state == "queued"], served)
