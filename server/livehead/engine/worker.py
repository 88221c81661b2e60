"""The worker process: the one process that owns the generator and its device.

Three threads. The main one makes the generator and steps it, and is the only one that touches it.
One reads the pipe, so that the host is never kept waiting; when the pipe ends, the host is gone, and
the process ends at once, whatever the main thread is doing. One sends the heartbeat.
"""

from __future__ import annotations

import importlib
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.engine.base import EngineSpec, Generator, GeneratorInfo, Work
from livehead.engine.frames import FrameRing
from livehead.engine.scheduler import Scheduler
from livehead.engine.wire import (
    Beat,
    Close,
    Dropped,
    DropReason,
    Failed,
    Fault,
    Made,
    Open,
    Opened,
    Ready,
    Refused,
    Rewind,
    Start,
    Stop,
    Submit,
    ToHost,
    ToWorker,
)
from livehead.errors import EngineError, LiveheadError
from livehead.logs import configure

logger = logging.getLogger(__name__)


class Link:
    """The worker's end of the pipe: any thread may send; one thread receives into ``inbox``."""

    def __init__(self, pipe: Connection) -> None:
        self.inbox: queue.SimpleQueue[ToWorker] = queue.SimpleQueue()
        self.busy_since: float | None = None
        self._pipe = pipe
        self._lock = threading.Lock()

    def start(self, beat: float) -> None:
        threading.Thread(target=self._receive, name="receive", daemon=True).start()
        threading.Thread(target=self._beat, args=(beat,), name="beat", daemon=True).start()

    def send(self, message: ToHost) -> None:
        try:
            with self._lock:
                self._pipe.send(message)
        except OSError:
            _leave(0)

    def _receive(self) -> None:
        while True:
            try:
                self.inbox.put(self._pipe.recv())
            except (EOFError, OSError):
                _leave(0)

    def _beat(self, period: float) -> None:
        while True:
            self.send(Beat(time.monotonic(), self.busy_since))
            time.sleep(period)


def _leave(code: int) -> NoReturn:
    """End now, from any thread: nobody is left to talk to, and a device call may never return."""
    os._exit(code)


@dataclass(slots=True)
class Live:
    """An open stream and its last pictures with their k, for a rewind."""

    stream: Any
    made: deque[tuple[int, NDArray[np.uint8]]] = field(default_factory=deque)


class Worker:
    def __init__(self, generator: Generator, ring: FrameRing, link: Link, backlog: int) -> None:
        self._generator = generator
        self._info: GeneratorInfo = generator.info
        self._ring = ring
        self._link = link
        self._scheduler: Scheduler[Submit] = Scheduler(max_batch=self._info.max_batch, backlog=backlog)
        self._live: dict[int, Live] = {}

    def run(self) -> None:
        """Serve until told to stop."""
        while True:
            plan = self._scheduler.next(time.monotonic())
            for job in plan.late:
                self._drop(job, "late")
            if plan.batch:
                self._step(plan.batch)
            if not self._listen(wait=not plan.batch):
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
                        self._drop(message, "closed")
                    elif (crowded := self._scheduler.add(message)) is not None:
                        self._drop(crowded, "full")
                case Open():
                    self._open(message)
                case Rewind():
                    self._rewind(message)
                case Close():
                    self._close(message.stream)
                case Stop():
                    return False

    def _open(self, message: Open) -> None:
        self._link.busy_since = time.monotonic()
        try:
            stream = self._generator.open(message.portrait, message.seed)
        except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
            self._link.send(Refused(message.stream, typed(error), traceback.format_exc()))
        else:
            self._live[message.stream] = Live(stream)
            self._link.send(Opened(message.stream))
        finally:
            self._link.busy_since = None

    def _close(self, stream: int) -> None:
        for job in self._scheduler.drop(stream):
            self._drop(job, "closed")
        live = self._live.pop(stream, None)
        if live is not None:
            self._call("close", stream, lambda: self._generator.close(live.stream))

    def _rewind(self, message: Rewind) -> None:
        for job in self._scheduler.drop(message.stream):
            self._drop(job, "rewound")
        live = self._live.get(message.stream)
        if live is None:
            return
        unshown = 0
        while live.made and live.made[-1][0] > message.shown_k:
            live.made.pop()
            unshown += 1
        info = self._info
        kept = [picture for _, picture in live.made][-info.motion_frames :] if info.motion_frames else []
        if info.motion_frames and not kept:
            return
        kept = [kept[0]] * (info.motion_frames - len(kept)) + kept if kept else []
        shown = np.zeros((len(kept), info.height, info.width, 3), np.uint8)
        for index, picture in enumerate(kept):
            cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420, dst=shown[index])
        self._call("rewind", message.stream, lambda: self._generator.rewind(live.stream, shown, unshown))

    def _call(self, name: str, stream: int, call: Any) -> None:
        self._link.busy_since = time.monotonic()
        try:
            call()
        except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
            self._link.send(Fault(name, (stream,), f"{type(error).__name__}: {error}", traceback.format_exc()))
        finally:
            self._link.busy_since = None

    def _step(self, batch: list[Submit]) -> None:
        started = self._link.busy_since = time.monotonic()
        try:
            made = self._generator.step([Work(self._live[job.stream].stream, job.pcm, job.hop) for job in batch])
        except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
            streams = tuple(job.stream for job in batch)
            self._link.send(Fault("step", streams, f"{type(error).__name__}: {error}", traceback.format_exc()))
            for job in batch:
                self._drop(job, "fault")
            return
        finally:
            self._link.busy_since = None
        for job, pictures in zip(batch, made, strict=True):
            self._keep(self._live[job.stream], job, pictures)
            position = self._ring.write(pictures)
            done = time.monotonic()
            if position is None:
                self._drop(job, "ring")
                continue
            self._link.send(
                Made(job.stream, job.epoch, job.k, job.hop, position, job.submitted, started, done, len(batch))
            )
        self._scheduler.observe(batch, time.monotonic() - started, time.monotonic())

    def _keep(self, live: Live, job: Submit, pictures: NDArray[np.uint8]) -> None:
        for offset, picture in enumerate(pictures):
            live.made.append((job.k + offset, picture))
        while len(live.made) > self._info.window + self._info.motion_frames:
            live.made.popleft()

    def _drop(self, job: Submit, reason: DropReason) -> None:
        self._link.send(Dropped(job.stream, job.epoch, job.k, job.hop, reason))


def typed(error: Exception) -> LiveheadError:
    """The error as one that the host can raise: ours as it is, any other as an EngineError with its message."""
    if type(error).__module__ == LiveheadError.__module__:
        assert isinstance(error, LiveheadError)
        return error
    return EngineError(f"{type(error).__name__}: {error}")


def make(spec: EngineSpec) -> Generator:
    """Import the factory and call it."""
    module, _, name = spec.factory.partition(":")
    factory = getattr(importlib.import_module(module), name)
    generator: Generator = factory(**spec.options)
    return generator


def main(pipe_fd: int, memory: int) -> int:
    # The host owns the shutdown: a Ctrl-C or a service manager's TERM to the whole group must not take the
    # pictures away while the server still drains. When the host is gone, the pipe's end says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe: Connection = Connection(pipe_fd)
    start = pipe.recv()
    assert isinstance(start, Start)
    configure(debug=start.debug)
    os.nice(start.nice)
    link = Link(pipe)
    link.start(start.beat)
    try:
        generator = make(start.spec)
        info = generator.info
        hop = max([preset.hop for preset in info.presets.values()] + [info.window])
        slots = max(64, 2 * info.max_batch * hop)
        ring = FrameRing(memory, width=info.width, height=info.height, slots=slots, create=True)
    except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
        link.send(Failed(typed(error), traceback.format_exc()))
        return 1
    link.send(Ready(info, slots, ring.picture_bytes))
    Worker(generator, ring, link, start.backlog).run()
    return 0


if __name__ == "__main__":
    _leave(main(int(sys.argv[1]), int(sys.argv[2])))
