"""One worker from its start to its end: it is started, watched, and ended when it is of no more use."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from livehead.engine.host.process import PipeEnded, WorkerEvent, WorkerLost, WorkerProcess
from livehead.engine.ipc.messages import Close, Failed, Footprint, Open, Opened, Ready, Refused, Start
from livehead.errors import EngineError, LiveheadError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a worker may be silent, be in one call, and take to make its generator."""

    heartbeat: float
    stuck: float
    start_timeout: float


class WorkerLife:
    """Its task begins at once, and leaves no process behind however it ends.

    ``on_event(life, event)`` gets what the worker says, in order, on the event loop, until it is ``gone``: from then on
    it is of no use, and ``lost`` says why as soon as that is known. ``stuck`` says that it still ran then. ``ready`` is
    when it said that it was, None before, and ``footprint`` what it took then; ``streams`` are those that it was asked
    to open, and whether it has.
    """

    def __init__(self, start: Start, limits: Limits, on_event: Callable[[WorkerLife, WorkerEvent], None]) -> None:
        loop = asyncio.get_running_loop()
        self.ready: float | None = None
        self.footprint: Footprint | None = None
        self.stuck = False
        self.streams: dict[int, bool] = {}
        self.limits = limits
        self.gone = asyncio.Event()
        self.lost: asyncio.Future[str] = loop.create_future()

        def deliver(event: WorkerEvent) -> None:
            loop.call_soon_threadsafe(self._receive, event)

        self.process = WorkerProcess(start, deliver)
        self._period = start.heartbeat_period
        self._on_event = on_event
        self._last_words: LiveheadError | None = None
        self._farewell: asyncio.Future[str] = loop.create_future()
        self.task = asyncio.create_task(self._run(), name="engine-worker")

    @property
    def failure(self) -> EngineError:
        """Once it is lost: what whoever waited for it is told."""
        words = self._last_words
        return words if isinstance(words, EngineError) else EngineError(self.lost.result())

    @property
    def calm(self) -> float:
        """For how long it has been ready, in seconds."""
        return 0.0 if self.ready is None else time.monotonic() - self.ready

    def open(self, opening: Open) -> None:
        """Ask it to open a stream."""
        self.streams[opening.stream] = False
        self.process.outbox.put(opening)

    def close(self, stream: int) -> None:
        """Let it forget a stream, if it has it."""
        if self.streams.pop(stream, None) is not None:
            self.process.outbox.put(Close(stream))

    async def end(self) -> None:
        """End it, and wait for that. Twice is once."""
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _run(self) -> None:
        reason = "the worker was ended"
        try:
            await asyncio.to_thread(self.process.launch)
            reason = await self._watch()
        except (OSError, RuntimeError) as error:  # no processes, descriptors or threads to be had
            reason = f"the worker process cannot be started: {error}"
        finally:
            self.gone.set()
            self.lost.set_result(reason)
            await asyncio.shield(asyncio.to_thread(self.process.close))

    async def _watch(self) -> str:
        """Returns why the worker is lost."""
        began = time.monotonic()
        overdue = 0
        while True:
            await asyncio.wait([self._farewell], timeout=self._period)
            if self._farewell.done():
                return self._farewell.result()
            verdict = self._verdict(time.monotonic() - began)
            # Twice, since one late look may be this process's own pause.
            overdue = overdue + 1 if verdict else 0
            if verdict and overdue >= 2:
                self.stuck = not self.process.ended
                self.process.kill()
                return verdict

    def _verdict(self, age: float) -> str | None:
        if self.process.ended:
            return "the worker ended"
        if self.ready is None:
            longest = self.limits.start_timeout
            return f"no generator after {age:.0f} s" if age > longest else None
        return self.process.verdict(self.limits.heartbeat, self.limits.stuck)

    def _receive(self, event: WorkerEvent) -> None:
        match event:
            case WorkerLost():
                if not self._farewell.done():
                    self._farewell.set_result(event.reason if self._last_words is None else str(self._last_words))
                return
            case PipeEnded():
                self.gone.set()
                return
            case Failed():
                self._last_words = event.error
                logger.error("generator gave up: %s", event.error, extra={"trace": event.trace})
                self.gone.set()  # it may take its time to end
                return
        if self.gone.is_set():
            return  # the last words of one that was given up
        match event:
            case Ready():
                self.ready, self.footprint = time.monotonic(), event.footprint
            case Opened() if event.stream in self.streams:
                self.streams[event.stream] = True
            case Refused():
                self.streams.pop(event.stream, None)
        self._on_event(self, event)
