"""The worker's main loop: takes messages, lets the scheduler plan, steps the generator, sends the frames.

Only this thread touches the generator; where the generator can, portraits are made ready in another one.
"""

from __future__ import annotations

import queue
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from livehead.engine.base import Frames, Generator
from livehead.engine.ipc.endpoint import Endpoint
from livehead.engine.ipc.frame_ring import FrameRing
from livehead.engine.ipc.messages import (
    Close,
    Fault,
    FramesReady,
    Open,
    Prepared,
    Resume,
    Rewind,
    Rewound,
    Stop,
    Submit,
)
from livehead.engine.scheduling.background import BackgroundScheduler
from livehead.engine.scheduling.forecast import Forecast
from livehead.engine.scheduling.merging import Merging
from livehead.engine.scheduling.scheduler import Scheduler
from livehead.engine.scheduling.step_times import StepTimes
from livehead.engine.worker.apart import Apart
from livehead.engine.worker.failed_steps import FailedSteps
from livehead.engine.worker.faults import describe
from livehead.engine.worker.growth import Growth
from livehead.engine.worker.joined import joined
from livehead.engine.worker.open_streams import OpenStreams
from livehead.engine.worker.openings import Openings
from livehead.errors import EngineError

REOPEN_AFTER = 3
"""Failed steps of one stream in a row after which it is opened anew from its portrait."""

ROOM_S = 0.01
"""How soon to look again whether live streams leave room for background work."""

AnyScheduler: TypeAlias = Scheduler[Submit] | BackgroundScheduler[Submit]


class WorkerLoop:
    """Between two steps there is at most one rewind and one opening, which both take long: neither a client that
    interrupts all the time nor a crowd that comes at once, as after a restart, keeps the others waiting.

    Background streams are stepped where there is nothing else to do, as far as live ones leave room.

    A stream whose rewind waits is not stepped until it was rewound. A newer rewind takes the place of the one that
    waits. ``measured`` is what a step with one window of so many frames was measured to take. A worker in
    ``reserve`` prepares portraits patiently until it takes over. ``growth`` goes on while no stream is open. ``clock``
    is the one by which windows have their deadlines.
    """

    def __init__(
        self,
        generator: Generator,
        ring: FrameRing,
        endpoint: Endpoint,
        *,
        backlog: int,
        max_batch: int,
        measured: Mapping[int, float] | None = None,
        reserve: bool = False,
        growth: Growth | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ring = ring
        self._endpoint = endpoint
        self._clock = clock
        self._generator = generator
        self._backlog = backlog
        self._growth = growth
        self._plan_by(max_batch, measured)
        self._streams = OpenStreams(generator, endpoint)
        self._openings = Openings(generator, endpoint, patient=reserve)
        self._rewinds: dict[int, Rewind] = {}  # of each stream one, in the order of their turns
        self._failed_steps = FailedSteps(generator, endpoint)
        self._apart = Apart()
        self._idle = True

    def _plan_by(self, max_batch: int, measured: Mapping[int, float] | None) -> None:
        """Make schedulers for what is known of the generator now. Only while no stream is open."""
        info, times = self._generator.info, StepTimes()
        mixed_hops, hops = info.mixed_hops, info.step_hops
        self._forecast = Forecast(times, max_batch=max_batch, mixed_hops=mixed_hops)
        self._scheduler: Scheduler[Submit] = Scheduler(
            max_batch=max_batch,
            backlog=self._backlog,
            mixed_hops=mixed_hops,
            times=times,
            merging=Merging(times, hops=hops, window=info.window, measured=measured),
            hops=hops,
            forecast=self._forecast,
        )
        self._background: BackgroundScheduler[Submit] = BackgroundScheduler(
            times,
            self._forecast,
            max_batch=max_batch,
            backlog=self._backlog,
            mixed_hops=mixed_hops,
            measured=measured,
        )

    def run(self) -> None:
        """Serve until told to stop. Raises :class:`EngineError` where the generator is broken."""
        while self.turn():
            pass

    def turn(self) -> bool:
        """Take messages, plan, step, send. Waits for a message where the last turn had nothing to do. False once told
        to stop."""
        if not self._take_messages(wait=self._idle):
            return False
        now = self._clock()
        plan = self._scheduler.next(now)
        for window in plan.late:
            self._endpoint.drop(window, "late")
        batch = [joined(run) for run in plan.batch]
        if batch:
            self._step(batch, self._scheduler)
        elif not self._rewinds and not self._openings and (batch := self._background.next(now)):
            self._step(batch, self._background)
        self._idle = not (batch or self._rewinds or self._openings)
        if self._rewinds:
            self._rewind(self._rewinds.pop(next(iter(self._rewinds))))
        if self._openings:
            self._open(self._openings.pop())
        return True

    def _take_messages(self, *, wait: bool) -> bool:
        """Handle what has come by now; False for the end."""
        for _ in range(max(1, len(self._endpoint.inbox))):
            try:
                message = self._endpoint.inbox.get(block=wait, timeout=self._patience())
            except queue.Empty:
                if wait and self._may_grow():
                    self._grow()
                return True
            wait = False
            match message:
                case Submit():
                    self._add(message)
                case Open():
                    self._openings.add(message)
                case Prepared():
                    self._openings.finish_preparing(message)
                case Resume():
                    self._resume(message)
                case Rewind() if message.stream in self._streams:
                    waiting = [*self._scheduler.hold(message.stream), *self._background.clear(message.stream)]
                    for window in waiting:
                        self._endpoint.drop(window, "rewound")
                    self._rewinds[message.stream] = message
                case Close():
                    self._close(message.stream)
                case Stop():
                    return False
        return True

    def _patience(self) -> float | None:
        """How long to wait for a message, in seconds."""
        if self._may_grow():
            assert self._growth is not None
            return self._growth.patience
        return ROOM_S if self._background else None

    def _may_grow(self) -> bool:
        return self._growth is not None and not self._streams

    def _grow(self) -> None:
        assert self._growth is not None
        with self._endpoint.busy():
            profile = self._growth.part()
        if profile is not None:
            self._growth = None
            self._plan_by(profile.max_batch(self._generator.info), profile.alone())

    def _add(self, window: Submit) -> None:
        if window.stream not in self._streams:
            self._endpoint.drop(window, "closed")
            return
        if self._streams[window.stream].opening.background:
            dropped = self._background.add(window)
        else:
            self._forecast.submitted(window, window.submitted)
            dropped = self._scheduler.add(window)
        if dropped is not None:
            self._endpoint.drop(dropped, "full")

    def _open(self, opening: Open) -> None:
        self._ring.under_way = [opening.stream]
        opened = self._streams.open(opening)
        self._ring.under_way = ()
        if not opened:
            return
        if not opening.background:
            self._forecast.opened(opening.stream, self._clock())
        if opening.alone:
            (self._background if opening.background else self._scheduler).isolate([opening.stream])

    def _resume(self, message: Resume) -> None:
        """All streams that another worker left go on before any is stepped: their steps then share batches."""
        self._openings.hurry()
        if self._streams.resume(message):
            self._forecast.opened(message.stream, self._clock())
            if message.alone:
                self._scheduler.isolate([message.stream])

    def _close(self, stream: int) -> None:
        self._forget(stream)
        self._openings.cancel(stream)
        self._streams.close(stream)

    def _rewind(self, message: Rewind) -> None:
        if self._streams.rewind(message):
            self._endpoint.send(Rewound(message.stream, message.shown_k))
            self._scheduler.release(message.stream)
        else:
            self._forget(message.stream)

    def _forget(self, stream: int) -> None:
        """Drop what waits for a stream that is not open any more."""
        self._rewinds.pop(stream, None)
        self._forecast.forget(stream)
        for window in [*self._scheduler.forget(stream), *self._background.forget(stream)]:
            self._endpoint.drop(window, "closed")

    def _step(self, batch: Sequence[Submit], scheduler: AnyScheduler) -> None:
        self._ring.under_way = [window.stream for window in batch]
        try:
            made, started = self._streams.step(batch)
        except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
            self._failed(batch, error, scheduler)
        else:
            self._made(batch, made, started, scheduler)
        self._ring.under_way = ()  # not where this worker ends of it

    def _made(
        self, batch: Sequence[Submit], made: Sequence[Frames | EngineError], started: float, scheduler: AnyScheduler
    ) -> None:
        spoilt: list[tuple[Submit, EngineError]] = []
        for place, (window, frames) in enumerate(zip(batch, made, strict=True)):
            if isinstance(frames, EngineError):
                spoilt.append((window, frames))
            else:
                self._send(window, frames, started, len(batch), place)
        if len(spoilt) < len(batch):
            self._failed_steps.forget()
        if not spoilt:
            now = self._clock()
            scheduler.observe(batch, now - started, now)
            if len(batch) > 1:
                self._apart.well()
            elif self._apart.lasts(now):
                scheduler.isolate([batch[0].stream])
        for window, error in spoilt:
            self._spoilt(window, error)

    def _spoilt(self, window: Submit, error: EngineError) -> None:
        """A stream's own failure: the others that shared its step have their frames."""
        self._endpoint.send(Fault("step", (window.stream,), str(error), ""))
        self._endpoint.drop(window, "fault")
        self._failed_steps.add(error)
        if self._gives_up(window.stream, error):
            pass
        elif (rewound := self._streams.take_back(window)) is not None:
            self._endpoint.send(rewound)
        elif window.stream not in self._streams:
            self._forget(window.stream)

    def _gives_up(self, stream: int, error: Exception) -> bool:
        """A step of the stream failed. Whether it was opened anew for that, or closed: that it fails again and again
        while others do well is told to the host, which tries again later."""
        self._streams[stream].faults += 1
        faults = self._streams[stream].faults
        if faults % REOPEN_AFTER:
            return False
        if faults > REOPEN_AFTER and self._failed_steps.count < faults:
            self._streams.give_up(stream, error)
            self._forget(stream)
        elif not self._streams.reopen(stream):
            self._forget(stream)
        return True

    def _send(self, window: Submit, frames: Frames, started: float, batch: int, place: int) -> None:
        position = self._ring.write(frames)
        if position is None:
            self._endpoint.drop(window, "ring")
            return
        self._endpoint.send(
            FramesReady(
                window.stream,
                window.epoch,
                window.k,
                window.hop,
                position,
                window.submitted,
                started,
                self._clock(),
                batch,
                self._ring.span(frames),
                place,
            )
        )

    def _failed(self, batch: Sequence[Submit], error: Exception, scheduler: AnyScheduler) -> None:
        streams = [window.stream for window in batch]
        self._endpoint.send(Fault("step", tuple(streams), describe(error), traceback.format_exc()))
        self._failed_steps.add(error)
        if len(batch) > 1:
            self._apart.failed(self._clock())
        if scheduler is self._background and len(batch) > 1:  # nobody waits: each by itself, and only one loses
            self._background.put_back(batch)
            self._background.isolate(streams)
            return
        for window in batch:
            self._endpoint.drop(window, "fault")
            self._gives_up(window.stream, error)
        scheduler.isolate(stream for stream in streams if stream in self._streams)
