"""The worker's main loop: takes messages, lets the scheduler choose, steps the generator, sends frames.

It is the only one that touches the generator, and does so in one thread; only portraits are made ready in another
one, where the generator can.
"""

from __future__ import annotations

import queue
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livehead.engine.base import Generator, Preparing, Work
from livehead.engine.ipc.endpoint import Endpoint
from livehead.engine.ipc.frame_ring import FrameRing
from livehead.engine.ipc.messages import Close, Fault, FramesReady, Open, Opened, Prepared, Rewind, Stop, Submit
from livehead.engine.scheduling.scheduler import Scheduler
from livehead.engine.worker.faults import describe, refusal
from livehead.engine.worker.frame_history import FrameHistory
from livehead.engine.worker.preparer import Preparer
from livehead.errors import EngineError

HOPELESS_STEPS = 12
"""Failed steps in a row, of whatever streams, after which the generator or its device is taken for broken: the
worker ends, and the host starts a new one."""

REOPEN_AFTER = 3
"""Failed steps of one stream in a row after which it is opened anew from its portrait."""


@dataclass(slots=True)
class Live:
    """An open stream: what it was opened with, the generator's part of it, its last frames, and how many of its
    steps failed in a row."""

    opened: Open
    stream: Any
    history: FrameHistory
    faults: int = 0


class WorkerLoop:
    def __init__(self, generator: Generator, ring: FrameRing, link: Endpoint, backlog: int, max_batch: int) -> None:
        info = generator.info
        self._generator = generator
        self._info = info
        self._ring = ring
        self._link = link
        self._live: dict[int, Live] = {}
        self._opening: deque[Open] = deque()
        self._preparing: dict[int, Open] = {}
        self._preparer = Preparer(generator, link) if isinstance(generator, Preparing) else None
        self._faults = 0
        self._scheduler: Scheduler[Submit] = Scheduler(max_batch=max_batch, backlog=backlog, mixed_hops=info.mixed_hops)

    def run(self) -> None:
        """Serve until told to stop. Raises :class:`EngineError` where the generator is broken."""
        while True:
            plan = self._scheduler.next(time.monotonic())
            for job in plan.late:
                self._link.drop(job, "late")
            if plan.batch:
                self._step(plan.batch)
            # Opening takes long, so that the live streams get a step after each: a crowd that comes at once, as
            # after a restart, must not keep those waiting that are already there.
            if self._opening:
                self._open(self._opening.popleft())
            if not self._listen(wait=not plan.batch and not self._opening):
                return

    def _listen(self, *, wait: bool) -> bool:
        """Handle everything that has come; False for the end."""
        while True:
            try:
                message = self._link.inbox.get(block=wait)
            except queue.Empty:
                return True
            wait = False
            match message:
                case Submit():
                    if message.stream not in self._live:
                        self._link.drop(message, "closed")
                    elif (crowded := self._scheduler.add(message)) is not None:
                        self._link.drop(crowded, "full")
                case Open() if self._preparer is not None:
                    self._preparing[message.stream] = message
                    self._preparer.start(message)
                case Open():
                    self._opening.append(message)
                case Prepared():
                    self._prepared(message)
                case Rewind():
                    self._rewind(message)
                case Close():
                    self._close(message.stream)
                case Stop():
                    return False

    def _prepared(self, message: Prepared) -> None:
        opening = message.opening
        if self._preparing.get(opening.stream) is not opening:
            return  # closed meanwhile
        del self._preparing[opening.stream]
        if message.refused is not None:
            self._link.send(message.refused)
        else:
            self._opening.append(opening)

    def _open(self, message: Open) -> bool:
        try:
            with self._link.busy():
                stream = self._generator.open(message.portrait, message.seed)
        except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
            self._link.send(refusal(message, error))
            return False
        self._live[message.stream] = Live(message, stream, FrameHistory(self._info))
        self._link.send(Opened(message.stream))
        return True

    def _close(self, stream: int) -> None:
        for job in self._scheduler.forget(stream):
            self._link.drop(job, "closed")
        self._preparing.pop(stream, None)
        self._opening = deque(message for message in self._opening if message.stream != stream)
        live = self._live.pop(stream, None)
        if live is not None:
            self._guard("close", stream, lambda: self._generator.close(live.stream))

    def _reopen(self, stream: int) -> None:
        opened = self._live[stream].opened
        self._close(stream)
        self._open(opened)

    def _rewind(self, message: Rewind) -> None:
        for job in self._scheduler.clear(message.stream):
            self._link.drop(job, "rewound")
        live = self._live.get(message.stream)
        if live is None:
            return
        rewound = live.history.rewind(message.shown_k)
        if rewound is None or not self._guard(
            "rewind", message.stream, lambda: self._generator.rewind(live.stream, *rewound)
        ):
            self._reopen(message.stream)  # nothing was shown yet: the portrait is where it goes on from

    def _guard(self, name: str, stream: int, call: Callable[[], None]) -> bool:
        try:
            with self._link.busy():
                call()
        except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
            self._link.send(Fault(name, (stream,), describe(error), traceback.format_exc()))
            return False
        return True

    def _step(self, batch: list[Submit]) -> None:
        work = [Work(self._live[job.stream].stream, job.pcm, job.hop) for job in batch]
        try:
            with self._link.busy() as started:
                made = self._generator.step(work)
        except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
            self._failed(batch, error)
            return
        self._faults = 0
        for job, frames in zip(batch, made, strict=True):
            position = self._ring.write(frames)
            done = time.monotonic()
            if position is None:
                self._link.drop(job, "ring")
            else:
                self._link.send(
                    FramesReady(job.stream, job.epoch, job.k, job.hop, position, job.submitted, started, done, len(batch))
                )
            live = self._live[job.stream]
            live.history.keep(job.k, frames)
            live.faults = 0
        self._scheduler.observe(batch, time.monotonic() - started, time.monotonic())

    def _failed(self, batch: list[Submit], error: Exception) -> None:
        self._link.send(Fault("step", tuple(job.stream for job in batch), describe(error), traceback.format_exc()))
        self._faults += 1
        if self._faults >= HOPELESS_STEPS:
            raise EngineError(f"{self._faults} steps in a row failed, the last with {describe(error)}") from error
        for job in batch:
            self._link.drop(job, "fault")
            live = self._live[job.stream]
            live.faults += 1
            if live.faults >= REOPEN_AFTER:
                self._reopen(job.stream)
        self._scheduler.isolate(job.stream for job in batch)
