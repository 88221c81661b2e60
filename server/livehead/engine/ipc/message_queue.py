"""A queue of messages in which windows are bounded for each stream, used at both ends of the pipe.

On the host's side the event loop puts and the writing thread gets; on the worker's side the reading
thread submits, any thread puts, and the main thread gets. The putter never waits: it only appends to
queues that need no lock. Control messages are few and are never dropped. Where the getter does not keep up, the oldest
window of a stream makes room for its newest.
"""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue
from typing import Generic, TypeVar

MessageT = TypeVar("MessageT")
WindowT = TypeVar("WindowT")


class Lane(Generic[WindowT]):
    """One stream's windows that nobody has got yet, in order, at most ``bound``, one turn in the mailbox for each.
    A rewind takes a new lane, so that windows after it cannot overtake it."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.waiting: deque[WindowT] = deque()

    def push(self, window: WindowT) -> WindowT | None:
        """Append; return the oldest, taken out, where the lane was full.

        In this order, so that a getter with all of the lane's turns in its hands finds a window for each of them.
        """
        self.waiting.append(window)
        if len(self.waiting) <= self.bound:
            return None
        dropped = self.pop()
        if dropped is window:  # the getter took all the others meanwhile: there is room
            self.waiting.append(window)
            return None
        return dropped

    def pop(self) -> WindowT | None:
        """The oldest, taken out. None where there is none: the other side may have been quicker."""
        try:
            return self.waiting.popleft()
        except IndexError:
            return None

    def clear(self) -> None:
        self.waiting.clear()


class Mailbox(Generic[MessageT, WindowT]):
    """Any thread puts, one thread submits, one thread gets."""

    def __init__(self) -> None:
        self._turns: SimpleQueue[MessageT | Lane[WindowT] | None] = SimpleQueue()

    def put(self, message: MessageT) -> None:
        self._turns.put(message)

    def submit(self, lane: Lane[WindowT], window: WindowT) -> WindowT | None:
        """Queue a window in its stream's lane; return the one that was dropped for it, if the lane was full."""
        dropped = lane.push(window)
        if dropped is None:  # else the dropped window's turn becomes this one's
            self._turns.put(lane)
        return dropped

    def close(self) -> None:
        """Let the getter finish what is queued, and then get None."""
        self._turns.put(None)

    def get(self, *, block: bool = True) -> MessageT | WindowT | None:
        """The next message or window; None after :meth:`close`. Raises ``queue.Empty`` where nothing is there
        and ``block`` is false."""
        while True:
            turn = self._turns.get(block)
            if not isinstance(turn, Lane):
                return turn
            window = turn.pop()
            if window is not None:  # else it was dropped meanwhile, and its turn is void
                return window
