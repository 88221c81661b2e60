"""The worker's end of the pipe, and the two threads that serve it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NoReturn

from livehead.engine.ipc.messages import Heartbeat, Close, Dropped, DropReason, Rewind, Submit, ToHost, ToWorker
from livehead.engine.ipc.message_queue import Lane, Mailbox


class Endpoint:
    """Any thread may send. One thread receives into ``inbox``, so that the host is never kept waiting; when the
    pipe ends, the host is gone, and the process ends at once, whatever its main thread is doing. One thread
    tells the host every ``beat`` seconds that the process lives, and since when it is busy with one call."""

    def __init__(self, pipe: Connection, *, backlog: int, beat: float) -> None:
        self.inbox: Mailbox[ToWorker, Submit] = Mailbox()
        self._pipe = pipe
        self._backlog = backlog
        self._period = beat
        self._busy: dict[object, float] = {}  # by a token for each call under way
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._receive, name="receive", daemon=True).start()
        threading.Thread(target=self._beat, name="beat", daemon=True).start()

    @contextmanager
    def busy(self) -> Iterator[float]:
        """Round every call into the generator, in any thread: the host sees when one does not come back. Yields the
        time."""
        call = object()
        self._busy[call] = started = time.monotonic()
        try:
            yield started
        finally:
            del self._busy[call]

    def send(self, message: ToHost) -> None:
        try:
            with self._lock:
                self._pipe.send(message)
        except OSError:
            leave(0)

    def drop(self, job: Submit, reason: DropReason) -> None:
        self.send(Dropped(job.stream, job.epoch, job.k, job.hop, reason))

    def _receive(self) -> None:
        lanes: dict[int, Lane[Submit]] = {}
        while True:
            try:
                message: ToWorker = self._pipe.recv()
            except (EOFError, OSError):
                leave(0)
            if isinstance(message, Submit):
                lane = lanes.setdefault(message.stream, Lane(self._backlog))
                if (dropped := self.inbox.submit(lane, message)) is not None:
                    self.drop(dropped, "full")
                continue
            if isinstance(message, Rewind | Close):
                lanes.pop(message.stream, None)
            self.inbox.put(message)

    def _beat(self) -> None:
        while True:
            self.send(Heartbeat(time.monotonic(), min(self._busy.copy().values(), default=None)))
            time.sleep(self._period)


def leave(code: int) -> NoReturn:
    """End the process now, from any thread: nobody is left to talk to, and a device call may never return."""
    os._exit(code)
