"""The engine as the server sees it: starts the worker, feeds it, watches it and restarts it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from livehead.engine.base import Backdrop, EngineSpec, GeneratorInfo
from livehead.engine.capacity.model import Capacity
from livehead.engine.capacity.tracker import CapacityTracker
from livehead.engine.host.process import FramesArrived, WorkerEvent
from livehead.engine.host.status import EngineState, EngineStatus
from livehead.engine.host.stream import EngineStream, OnDropped, OnFrames, OnState, StreamObserver, WindowTiming
from livehead.engine.host.supervisor import BACKOFF, CALM, StandbyState, Supervisor
from livehead.engine.host.worker_life import Limits, WorkerLife
from livehead.engine.ipc.messages import Dropped, Fault, FramesReady, Opened, Profiled, Ready, Refused, Rewound, Start
from livehead.errors import EngineError, LiveheadError

__all__ = [
    "EngineHost",
    "EngineState",
    "EngineStream",
    "OnDropped",
    "OnFrames",
    "OnState",
    "StreamObserver",
    "WindowTiming",
]

logger = logging.getLogger(__name__)

REOPEN_S = 5.0
"""Seconds between tries to open a live stream again where the worker is well but the stream was refused."""


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

    ``faults`` counts calls into the generator that raised, ``dropped`` windows without frames by their
    :data:`~livehead.engine.ipc.messages.DropReason`.
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
        self.dropped: Counter[str] = Counter()
        self._info: GeneratorInfo | None = None
        self._tracker: CapacityTracker | None = None
        self._status = EngineStatus()
        self._supervisor = Supervisor(
            Start(spec, heartbeat / 5, backlog, nice, logging.getLogger().isEnabledFor(logging.DEBUG)),
            Limits(heartbeat, stuck, start_timeout),
            standby=standby,
            backoff=backoff,
            calm=calm,
            on_event=self._receive,
            on_down=self._down,
            on_take_over=self._take_over,
        )
        self._streams: dict[int, EngineStream] = {}
        self._next_stream = 0
        self._last_fault = ""
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
        for stream in list(self._streams.values()):
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
        self._next_stream += 1
        stream = EngineStream(
            self._next_stream,
            portrait,
            seed,
            info=self.info,
            background=background,
            backdrop=backdrop,
            on_frames=on_frames,
            on_state=on_state,
            on_dropped=on_dropped,
            dropped=self.dropped,
            on_closed=self._forget,
        )
        self._streams[stream.id] = stream
        stream.attach(worker.outbox)
        try:
            await stream.opened
        except BaseException:
            await stream.close()
            raise
        return stream

    def _forget(self, stream: int) -> None:
        self._streams.pop(stream, None)
        if self._supervisor.reserve is not None:
            self._supervisor.reserve.close(stream)

    def _receive(self, life: WorkerLife, event: WorkerEvent) -> None:
        match event:
            case Ready() if life is self._supervisor.in_use:
                self._up(life, event)
            case Profiled():
                if life is self._supervisor.in_use:
                    self._info = event.info
                    self._tracker = CapacityTracker(event.profile)
                    self._supervisor.correct(event)
            case Ready():
                for stream in self._streams.values():
                    self._prepare_in_reserve(stream)
            case Fault():
                self._note(event)
            case _ if life is self._supervisor.in_use:
                self._answer(life, event)

    def _answer(self, life: WorkerLife, event: WorkerEvent) -> None:
        """What the worker in use says of a stream."""
        match event:
            case FramesArrived(ready, frames):
                self._track(ready)
                if stream := self._streams.get(ready.stream):
                    stream.deliver(ready, frames)
            case Dropped():
                if stream := self._streams.get(event.stream):
                    stream.drop(event.epoch, event.k, event.hop, event.reason)
            case Opened():
                if stream := self._streams.get(event.stream):
                    stream.confirm(event.shown_k)
                    self._prepare_in_reserve(stream)
            case Rewound():
                if stream := self._streams.get(event.stream):
                    stream.observer.on_rewound(event.shown_k)
            case Refused():
                if (stream := self._streams.get(event.stream)) and not stream.refuse(event.error):
                    self._try_again(life, stream, event.error)

    def _note(self, fault: Fault) -> None:
        self.faults += 1
        trace = "" if fault.error == self._last_fault else f"\n{fault.trace}"  # 25 a second would fill disks
        self._last_fault = fault.error
        logger.error("generator failed in %s of streams %s: %s%s", fault.call, fault.streams, fault.error, trace)

    def _try_again(self, life: WorkerLife, stream: EngineStream, error: LiveheadError) -> None:
        """A live stream could not be opened again. That may pass: out of memory, say."""
        logger.error("stream %d cannot be opened again: %s; next try in %.0f s", stream.id, error, REOPEN_S)
        stream.detach(str(error))

        def attach() -> None:
            if life is self._supervisor.in_use and stream.id in self._streams:
                stream.attach(life.process.outbox)

        asyncio.get_running_loop().call_later(REOPEN_S, attach)

    def _up(self, life: WorkerLife, ready: Ready) -> None:
        self._info = ready.info
        if self._tracker is None:
            self._tracker = CapacityTracker(ready.profile)
            self._supervisor.remember(ready)
        for stream in self._streams.values():
            stream.attach(life.process.outbox)
        self._status.up()

    def _down(self, reason: str, failure: EngineError | None) -> None:
        for stream in list(self._streams.values()):
            stream.detach(reason)
        self._status.down(reason, failure)

    def _prepare_in_reserve(self, stream: EngineStream) -> None:
        """What is live is open there, too. A film is begun again when it is lost."""
        reserve = self._supervisor.reserve
        if reserve is None or reserve.ready is None or stream.id in reserve.streams:
            return
        if stream.opened.done() and not stream.background:
            reserve.open(stream.opening)

    def _take_over(self, lost: WorkerLife) -> None:
        """The worker that was in reserve is in use. Those streams go on first whose frames are missed first, and all
        before any is stepped: they share steps then. What a worker was stuck in is not tried again."""
        life = self._supervisor.in_use
        assert life is not None
        for stream in sorted(self._streams.values(), key=lambda each: each.due):
            stream.go_on(life.process.outbox, opened=life.streams.get(stream.id))
        for stream in sorted(self._streams.values(), key=lambda each: each.due):
            stream.submit_again("down" if lost.stuck else None)

    def _track(self, ready: FramesReady) -> None:
        """Learn from a step how fast the machine is now."""
        assert self._tracker is not None
        if self._tracker.observe(ready.batch, ready.hop, ready.done - ready.started, time.monotonic()):
            held = ", ".join(f"{count} at {preset}" for preset, count in self._tracker.capacity.streams.items())
            logger.info("steps take %.1f times as long as measured: room for %s", self._tracker.slowness, held)
