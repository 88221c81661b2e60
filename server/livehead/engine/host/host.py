"""The engine as the server sees it: starts the worker, feeds it, watches it and restarts it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from livehead.engine.base import Backdrop, EngineSpec, GeneratorInfo
from livehead.engine.capacity.model import Capacity
from livehead.engine.capacity.tracker import CapacityTracker
from livehead.engine.host.process import FramesArrived, WorkerEvent
from livehead.engine.host.recent_waits import RecentWaits
from livehead.engine.host.status import EngineState, EngineStatus
from livehead.engine.host.stream import (
    EngineStream,
    OnDropped,
    OnFrames,
    OnState,
    StreamObserver,
    StreamState,
    WindowTiming,
)
from livehead.engine.host.streams import Streams
from livehead.engine.host.supervisor import BACKOFF, CALM, StandbyState, Supervisor
from livehead.engine.host.window_figures import WindowFigures
from livehead.engine.host.worker_life import Limits, WorkerLife
from livehead.engine.ipc.messages import Fault, FramesReady, Profiled, Ready, Start
from livehead.errors import EngineError
from livehead.logs import form_in_use

__all__ = [
    "EngineHost",
    "EngineState",
    "EngineStream",
    "OnDropped",
    "OnFrames",
    "OnState",
    "StreamObserver",
    "StreamState",
    "WindowTiming",
]

logger = logging.getLogger(__name__)


class EngineHost:
    """An async context manager round the worker process.

    It is there at once and loads in the background: :meth:`ready` waits. A worker that dies, is
    silent for ``heartbeat`` seconds, or is busy with one call for ``stuck`` seconds is ended.

    With ``standby`` (None: where there is room) another one is in reserve, loaded and with the live streams open. It
    takes over at once: the streams go on from the frames that they delivered last, with the windows that are not
    answered, and nobody is told. Without, another one is started, in which live streams are opened again and go on from
    there; they keep their ids. Meanwhile ``state`` is ``down`` and ``reason`` says why. A worker in reserve is loaded
    beside one that has been well for ``calm`` seconds.

    ``backlog`` bounds the windows of a stream that wait in each of the two queues, here and in the
    worker. ``nice`` is added to the worker's niceness: where processor time is short a frame may
    be late, and audio may not. ``start_timeout`` bounds the making of the generator, in seconds.

    ``faults`` counts calls into the generator that raised; ``windows`` says how the windows of all streams fared,
    ``taken_over_at`` when the last takeover was, in monotonic seconds.
    """

    def __init__(
        self,
        spec: EngineSpec,
        *,
        heartbeat: float = 5.0,
        stuck: float = 10.0,
        start_timeout: float = 600.0,
        backlog: int = 32,
        nice: int = 5,
        backoff: Sequence[float] = BACKOFF,
        standby: bool | None = False,
        calm: float = CALM,
    ) -> None:
        self.faults = 0
        self.windows = WindowFigures()
        self._waits = RecentWaits()
        self._info: GeneratorInfo | None = None
        self._tracker: CapacityTracker | None = None
        self._status = EngineStatus()
        self._supervisor = Supervisor(
            Start(
                spec,
                heartbeat / 5,
                backlog,
                nice,
                logging.getLogger().isEnabledFor(logging.DEBUG),
                log=form_in_use(),
            ),
            Limits(heartbeat, stuck, start_timeout),
            standby=standby,
            backoff=backoff,
            calm=calm,
            on_event=self._receive,
            on_down=self._down,
            on_take_over=self._take_over,
        )
        self._streams = Streams(lambda: self._supervisor.in_use, lambda: self._supervisor.reserve)
        self._last_fault = ""
        self.taken_over_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> EngineState:
        return self._status.state

    @property
    def reason(self) -> str | None:
        """Why the engine is down; None where it is not."""
        return self._status.reason

    @property
    def info(self) -> GeneratorInfo:
        """What the generator is. Raises :class:`EngineDownError` before it was ready for the first time."""
        if self._info is None:
            raise self._status.why_not
        return self._info

    @property
    def capacity(self) -> Capacity | None:
        """What the engine can hold: as the first worker measured it, and then as its steps show. None until then."""
        return None if self._tracker is None else self._tracker.capacity

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        worker = self._supervisor.worker
        return None if worker is None else worker.pid

    @property
    def restarts(self) -> int:
        """How often a worker was lost with none ready in reserve, and another one started."""
        return self._supervisor.restarts

    @property
    def takeovers(self) -> int:
        """How often a worker was lost and the one in reserve took over."""
        return self._supervisor.takeovers

    @property
    def standby(self) -> StandbyState:
        """How the worker in reserve is doing; ``off`` where there is to be none, or no room for it."""
        return self._supervisor.standby

    @property
    def dropped(self) -> Counter[str]:
        """Windows without frames, by their :data:`~livehead.engine.ipc.messages.DropReason`."""
        return self.windows.dropped

    @property
    def most_sessions(self) -> Mapping[str, int]:
        """How many streams the engine can hold, by the latency preset of all of them; none before it is known."""
        return {} if self.capacity is None else self.capacity.streams

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def subscribe(self, callback: Callable[[EngineState], None]) -> Callable[[], None]:
        """Call ``callback(state)`` on the event loop at every change; returns what ends that."""
        return self._status.subscribe(callback)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._supervisor.run(), name="engine-host")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the worker and all streams. Twice is once."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait([task])
        for stream in self._streams:
            await stream.close()
        if not task.cancelled():
            task.result()

    async def ready(self) -> GeneratorInfo:
        """Wait until the generator is there, and say what it is.

        Raises :class:`EngineError` (or what the generator raised of that kind) where the latest try to
        start failed; the host goes on trying.
        """
        await self._status.ready()
        return self.info

    async def open(
        self,
        portrait: NDArray[np.uint8],
        seed: int,
        on_frames: OnFrames,
        on_state: OnState | None = None,
        on_dropped: OnDropped | None = None,
        *,
        background: bool = False,
        backdrop: Backdrop | None = None,
    ) -> EngineStream:
        """Start a stream from a portrait, uint8 ``(H, W, 3)`` RGB, with a backdrop of a kind that ``info.looks`` names;
        without one it keeps its own. One in the ``background`` makes frames only where
        no other is late for it, and its windows have no deadline.

        Raises :class:`~livehead.errors.PortraitError` where the frame cannot be used,
        :class:`EngineDownError` where the engine is not ready, and :class:`EngineError` where the
        generator fails (out of memory, say); other streams are not harmed.
        """
        worker = self._supervisor.worker
        if self.state != "ready" or worker is None:
            raise self._status.why_not
        stream = EngineStream(
            self._streams.new_id(),
            portrait,
            seed,
            info=self.info,
            background=background,
            backdrop=backdrop,
            on_frames=on_frames,
            on_state=on_state,
            on_dropped=on_dropped,
            dropped=self.windows.dropped,
            figures=self.windows,
            waits=self._waits,
            on_closed=self._streams.forget,
        )
        self._streams.add(stream)
        stream.attach(worker.outbox)
        try:
            await stream.opened
        except BaseException:
            await stream.close()
            raise
        return stream

    def _receive(self, life: WorkerLife, event: WorkerEvent) -> None:
        used = life is self._supervisor.in_use
        match event:
            case Ready() if used:
                self._up(life, event)
            case Ready():
                self._streams.prepare()
            case Profiled() if used:
                self._info = event.info
                self._tracker = CapacityTracker(event.profile)
                self._supervisor.correct(event)
            case Fault():
                self._note(event)
            case _ if used:
                if isinstance(event, FramesArrived):
                    self._track(event.ready)
                self._streams.answer(life, event)

    def _note(self, fault: Fault) -> None:
        self.faults += 1
        trace = (
            "" if fault.error == self._last_fault or not fault.trace else f"\n{fault.trace}"
        )  # 25 a second would fill disks
        self._last_fault = fault.error
        logger.error("generator failed in %s of streams %s: %s%s", fault.call, fault.streams, fault.error, trace)

    def _up(self, life: WorkerLife, ready: Ready) -> None:
        self._info = ready.info
        if self._tracker is None:
            self._tracker = CapacityTracker(ready.profile)
            self._supervisor.remember(ready)
        self._streams.attach(life)
        self._status.up()

    def _down(self, lost: WorkerLife, reason: str, failure: EngineError | None) -> None:
        self._streams.blame(lost.process.under_way)
        self._streams.detach(reason)
        self._status.down(reason, failure)

    def _take_over(self, lost: WorkerLife) -> None:
        assert self._supervisor.in_use is not None
        self.taken_over_at = time.monotonic()
        self._streams.blame(lost.process.under_way)
        self._streams.go_on(self._supervisor.in_use, lost)

    def _track(self, ready: FramesReady) -> None:
        """Learn from a step how fast the machine is now."""
        assert self._tracker is not None
        self.windows.stepped(ready)
        if self._tracker.observe(ready.batch, ready.hop, ready.done - ready.started, time.monotonic()):
            held = ", ".join(f"{count} at {preset}" for preset, count in self._tracker.capacity.streams.items())
            logger.info("steps take %.1f times as long as measured: room for %s", self._tracker.slowness, held)
