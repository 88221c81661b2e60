"""The queue of messages to the worker, used at both ends of the pipe: bounded for each stream, and fair.

Any thread puts and never waits for the getter; one thread gets. Both only hold the queue's lock for the few operations
that a message takes.

**Bound.** A stream never has more waiting than one :class:`Open` or :class:`Resume`, one :class:`Rewind`, ``backlog``
windows and one :class:`Close`, whatever is put:

- A window past ``backlog`` takes the place of the stream's oldest, which :meth:`MessageQueue.put` returns.
- A newer rewind replaces one that still waits, and the windows before it are dropped without a word: whoever rewinds a
  stream has given them up already.
- A close drops everything that waits of its stream; and where its open still waits, neither is ever got.
- An open drops what waits of its stream: it begins anew. So does a resume, which is put for streams that are open.

What belongs to no stream (:class:`Start`, :class:`Stop`, :class:`Prepared`) is put once by its nature; a second stop
while one waits is ignored.

**Order.** Messages of one stream come in the order in which they were put. Streams take turns, one message a turn, so
that none waits behind the backlog of another.
"""

from __future__ import annotations

import queue
import threading
from collections import deque

from livehead.engine.ipc.messages import Close, Open, Prepared, Resume, Rewind, Start, Stop, Submit, ToWorker


class StreamMessages:
    """What waits of one stream. See the module for its bound."""

    def __init__(self, backlog: int) -> None:
        self._backlog = backlog
        self._open: Open | Resume | None = None
        self._rewind: Rewind | None = None
        self._windows: deque[Submit] = deque()
        self._close: Close | None = None

    def __len__(self) -> int:
        single = (self._open, self._rewind, self._close)
        return sum(message is not None for message in single) + len(self._windows)

    def put(self, message: Open | Resume | Submit | Rewind | Close) -> Submit | None:
        match message:
            case Submit():
                self._windows.append(message)
                return self._windows.popleft() if len(self._windows) > self._backlog else None
            case Rewind():
                self._windows.clear()
                self._rewind = message
            case Open() | Resume():
                self._windows.clear()
                self._open, self._rewind = message, None
            case Close():
                self._windows.clear()
                self._close = None if isinstance(self._open, Open) else message
                self._open = self._rewind = None
        return None

    def get(self) -> ToWorker:
        """The first, taken out. In this order they were put: each drops all that may not come before it."""
        if self._open is not None:
            message, self._open = self._open, None
            return message
        if self._rewind is not None:
            rewind, self._rewind = self._rewind, None
            return rewind
        if self._windows:
            return self._windows.popleft()
        close, self._close = self._close, None
        assert close is not None
        return close


class MessageQueue:
    """At most ``backlog`` windows of each stream wait."""

    def __init__(self, backlog: int) -> None:
        self._backlog = backlog
        self._changed = threading.Condition(threading.Lock())
        self._streams: dict[int, StreamMessages] = {}  # in the order of their turns; none is empty
        self._others: deque[Start | Stop | Prepared] = deque()
        self._closed = False

    def __len__(self) -> int:
        """Messages that wait."""
        with self._changed:
            return len(self._others) + sum(map(len, self._streams.values()))

    def put(self, message: ToWorker) -> Submit | None:
        """Add a message; returns the window that was dropped for it because its stream had ``backlog`` waiting."""
        dropped = None
        with self._changed:
            if isinstance(message, Start | Stop | Prepared):
                if message not in self._others:
                    self._others.append(message)
            else:
                waiting = self._streams.get(message.stream)
                if waiting is None:
                    waiting = self._streams[message.stream] = StreamMessages(self._backlog)
                dropped = waiting.put(message)
                if not waiting:
                    del self._streams[message.stream]
            self._changed.notify()
        return dropped

    def close(self) -> None:
        """Let the getter have what waits, and then None."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def get(self, *, block: bool = True, timeout: float | None = None) -> ToWorker | None:
        """The next message; None after :meth:`close`. Raises ``queue.Empty`` where there is none and ``block`` is
        false, or none came for ``timeout`` seconds."""
        with self._changed:
            while not self._others and not self._streams:
                if not block:
                    raise queue.Empty
                if self._closed:
                    return None
                if not self._changed.wait(timeout):
                    raise queue.Empty
            if self._others:
                return self._others.popleft()
            stream = next(iter(self._streams))
            waiting = self._streams.pop(stream)
            message = waiting.get()
            if waiting:
                self._streams[stream] = waiting  # behind all others
            return message
