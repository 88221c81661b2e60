"""Runs what waits in the queue, as many at once as make sense, owners in turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self

from livehead.engine.host.host import EngineHost, EngineState
from livehead.errors import LiveheadError
from livehead.metrics import Metrics
from livehead.render.jobs.render_job import RenderJob
from livehead.render.jobs.turns import in_turn
from livehead.store.renders.queue import RenderQueue
from livehead.store.renders.record import RenderRecord

RUNNING = 3
"""Renders that run at once: they share steps of the engine where that pays, and none waits for a long one alone."""

SWEEP_S = 60.0
"""How often renders that were kept long enough are looked for."""

RETRY_S = 5.0

logger = logging.getLogger(__name__)


class RenderRunner:
    """An async context manager that owns the task of every render; leaving it puts those that run back into the
    queue, where the next server finds them."""

    def __init__(
        self, queue: RenderQueue, host: EngineHost, metrics: Metrics, make: Callable[[RenderRecord], RenderJob]
    ) -> None:
        self._queue = queue
        self._host = host
        self._make = make
        self._jobs: dict[str, tuple[RenderJob, asyncio.Task[None]]] = {}
        self._waiting = 0
        self._served: dict[str, int] = {}
        self._turn = 0
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        metrics.renders.labels("running").set_function(lambda: len(self._jobs))
        metrics.renders.labels("queued").set_function(lambda: self._waiting)

    async def __aenter__(self) -> Self:
        self._unsubscribe = self._host.subscribe(self._on_engine)
        self._tasks = [
            asyncio.create_task(self._run(), name="renders"),
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

    def progress(self, render_id: str) -> float:
        """Of one that runs, 0 … 1."""
        return self._jobs[render_id][0].progress if render_id in self._jobs else 0.0

    def order(self, waiting: list[RenderRecord]) -> list[RenderRecord]:
        """Those that wait, in the order in which they will begin."""
        return in_turn(waiting, self._served)

    async def stop(self, render_id: str) -> None:
        """End one that runs, and wait until it has given back its stream."""
        if render_id in self._jobs:
            _, task = self._jobs[render_id]
            task.cancel()
            await asyncio.wait([task])

    def _on_engine(self, state: EngineState) -> None:
        self.wake()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._start()
            except LiveheadError as error:
                logger.error("renders cannot be begun: %s", error)
                await asyncio.sleep(RETRY_S)
                self.wake()

    async def _start(self) -> None:
        waiting = [record for record in await self._queue.open() if record.state == "queued"]
        for record in self.order(waiting):
            if self._host.state != "ready" or len(self._jobs) >= RUNNING:
                break
            if await self._queue.begin(record.id):
                begun = await self._queue.get(record.id)
                if begun is not None and begun.state == "running":
                    self._turn += 1
                    self._served[record.owner] = self._turn
                    self._begin(begun)
            waiting.remove(record)
        self._waiting = len(waiting)
        self._forget_owners(waiting)

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

    def _forget_owners(self, waiting: list[RenderRecord]) -> None:
        """Of those that have nothing here, so that the list does not grow for ever."""
        known = {record.owner for record in waiting} | {job.record.owner for job, _ in self._jobs.values()}
        self._served = {owner: turn for owner, turn in self._served.items() if owner in known}

    async def _sweep(self) -> None:
        while True:
            try:
                await self._queue.sweep()
            except LiveheadError as error:
                logger.error("old renders cannot be removed: %s", error)
            await asyncio.sleep(SWEEP_S)
