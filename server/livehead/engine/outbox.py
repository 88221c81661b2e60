"""What the event loop has to tell the worker, and the thread that writes it to the pipe takes.

The event loop never waits here: it only appends to queues that need no lock. Control messages are
few and are never dropped. Windows are bounded for each stream: where the worker does not keep up
with reading, the oldest window of that stream makes room.
"""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue

from livehead.engine.wire import Submit, ToWorker


class Lane:
    """One stream's windows that are not yet written, in order. A rewind takes a new lane, so that windows
    after it cannot overtake it."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.waiting: deque[Submit] = deque()

    def drain(self) -> list[Submit]:
        """Take out everything that is not yet written."""
        drained = []
        while self.waiting:
            try:
                drained.append(self.waiting.popleft())
            except IndexError:  # the writer took the last one between the two lines
                break
        return drained


class Outbox:
    """A queue with one writer (the event loop) and one reader (the pipe's thread)."""

    def __init__(self) -> None:
        self._turns: SimpleQueue[ToWorker | Lane | None] = SimpleQueue()

    def put(self, message: ToWorker) -> None:
        self._turns.put(message)

    def submit(self, lane: Lane, window: Submit) -> Submit | None:
        """Queue a window; return the one that was dropped for it, if the lane was full."""
        dropped: Submit | None = None
        if len(lane.waiting) >= lane.bound:
            try:
                dropped = lane.waiting.popleft()
            except IndexError:
                dropped = None
        lane.waiting.append(window)
        if dropped is None:  # else the dropped window's turn becomes this one's
            self._turns.put(lane)
        return dropped

    def close(self) -> None:
        """Let the reader finish what is queued, and then get None."""
        self._turns.put(None)

    def get(self) -> ToWorker | None:
        """Wait for the next message; None after :meth:`close`."""
        while True:
            turn = self._turns.get()
            if not isinstance(turn, Lane):
                return turn
            try:
                return turn.waiting.popleft()
            except IndexError:  # the window was dropped or drained meanwhile
                continue
