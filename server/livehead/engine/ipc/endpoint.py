"""The worker's end of the pipe, and the two threads that serve it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NoReturn

from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import Dropped, DropReason, Heartbeat, Submit, ToHost, ToWorker


class Endpoint:
    """Any thread may send. One thread receives into ``inbox``, so that the host is never kept waiting; when the
    pipe ends, the host is gone, and the process ends at once, whatever its main thread is doing. One thread
    tells the host every ``heartbeat_period`` seconds that the process lives, and since when it has been busy with one
    call."""

    def __init__(self, pipe: Connection, *, backlog: int, heartbeat_period: float) -> None:
        self.inbox = MessageQueue(backlog)
        self._pipe = pipe
        self._period = heartbeat_period
        self._busy: dict[object, float] = {}  # by a token for each call under way
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._receive, name="receive", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    @contextmanager
    def busy(self) -> Iterator[float]:
        """Put round every call into the generator, in any thread: the host sees when one does not come back. Yields
        the time at which it began."""
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

    def drop(self, window: Submit, reason: DropReason) -> None:
        """Tell the host that ``window`` gives no frames."""
        self.send(Dropped(window.stream, window.epoch, window.k, window.hop, reason))

    def _receive(self) -> None:
        while True:
            try:
                message: ToWorker = self._pipe.recv()
            except (EOFError, OSError):
                leave(0)
            if (dropped := self.inbox.put(message)) is not None:
                self.drop(dropped, "full")

    def _beat(self) -> None:
        while True:
            self.send(Heartbeat(time.monotonic(), min(self._busy.copy().values(), default=None)))
            time.sleep(self._period)


def leave(code: int) -> NoReturn:
    """End the process now, from any thread: nobody is left to talk to, and a device call may never return."""
    os._exit(code)
