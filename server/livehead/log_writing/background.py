"""Writes the log in a thread of its own, so that whoever logs never waits: not for a disk, and not for a pipe that
nobody reads, which would hold the event loop and with it every call.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from livehead.log_writing.flood import TELL_S, Floods
from livehead.log_writing.lines import Entry, render, take_down

CAPACITY = 10_000
"""Records that may wait to be written. More are dropped and counted."""

FLUSH_S = 2.0
"""How long the end of the program waits for what is not written yet."""


class BackgroundHandler(logging.Handler):
    """Give it to a logger. ``write`` gets the text of one record, made by ``to_text``, and may take as long as it
    likes; False says that it is lost, which the log tells as soon as it can be written again. ``clock`` is in monotonic
    seconds. May be used from any thread and from signal handlers."""

    def __init__(
        self,
        write: Callable[[str], bool | None],
        *,
        to_text: Callable[[Entry], str] | None = None,
        capacity: int = CAPACITY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._write = write
        self._to_text = to_text
        self._capacity = capacity
        self._clock = clock
        self._queue: queue.SimpleQueue[Entry | threading.Event] = queue.SimpleQueue()
        self._floods = Floods()
        self._dropped = 0
        self._lost = 0
        self._stuck = False
        self._closed = False
        self._counting = threading.RLock()  # re-entrant for signal handlers; held for moments
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._closed:
            return
        with self._counting:
            alike = self._floods.admit((record.name, record.pathname, record.lineno), record, self._clock())
            if alike is None:
                return
            if self._queue.qsize() >= self._capacity:
                self._dropped += 1
                return
            dropped, self._dropped = self._dropped, 0
        self._queue.put(take_down(record, dropped=dropped, alike=alike))

    def flush(self, seconds: float = FLUSH_S) -> None:
        """Wait until what was logged so far is written, at most so many seconds."""
        if self._thread is threading.current_thread() or not self._thread.is_alive():
            return
        written = threading.Event()
        self._queue.put(written)
        self._stuck = not written.wait(seconds)

    def close(self) -> None:
        """Write what waits, in a bounded time, and nothing more after that."""
        if not self._closed:
            self._closed = True
            self.flush(0.0 if self._stuck else FLUSH_S)
        super().close()

    def _run(self) -> None:
        told = self._clock()
        while True:
            try:
                item = self._queue.get(timeout=TELL_S)
            except queue.Empty:
                item = None
            if isinstance(item, Entry):
                self._put_down(item)
            if isinstance(item, threading.Event) or self._clock() - told >= TELL_S:
                self._tell_left_out(at_once=isinstance(item, threading.Event))
                told = self._clock()
            if isinstance(item, threading.Event):
                item.set()
                if self._closed:
                    return

    def _tell_left_out(self, *, at_once: bool) -> None:
        """What was left out is told although nothing more comes."""
        with self._counting:
            dropped = 0
            if self._queue.empty():
                dropped, self._dropped = self._dropped, 0
            left = self._floods.left_out(self._clock(), at_once=at_once)
        for record, alike in left:
            self._put_down(take_down(record, alike=alike))
        if dropped:
            self._put_down(take_down(_own_record(""), dropped=dropped))
        if lost := self._lost:
            said = f"{lost:,} lines of this log are lost: they could not be written (is the disk full?)"
            self._lost = 0
            self._put_down(take_down(_own_record(said)))
            if self._lost:
                self._lost = lost

    def _put_down(self, entry: Entry) -> None:
        try:
            text = render(entry) if self._to_text is None else self._to_text(entry)
        except Exception as error:  # noqa: BLE001 - of the code that is shown; the thread goes on
            text = f"a log line could not be made: {type(error).__name__}\n"
        if self._write(text) is False:
            self._lost += 1


def _own_record(message: str) -> logging.LogRecord:
    return logging.makeLogRecord({"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "msg": message})
