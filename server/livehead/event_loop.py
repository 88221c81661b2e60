"""Measures how late the event loop is: whatever holds it up holds up every call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeAlias

from livehead.background_task import BackgroundTask

PERIOD_S = 0.05
"""Between two looks: 1200 a minute, enough for a p99.9 within a minute, and a thousandth of a core."""

OnLook: TypeAlias = Callable[[float, float], None]
"""Gets the seconds by which the event loop was late, and how many of these its own thread took in processor time. The
rest is the machine's: other programs, or the interpreter held by another thread."""


class EventLoopWatch(BackgroundTask):
    """An async context manager. ``observe`` is called 20 times a second; while the loop is held up, once for each look
    that was due, so that the share of late looks is the share of time.

    ``clock`` is the time; ``thread_clock`` is the processor time of the thread that the loop runs in.
    """

    TASK = "event-loop-watch"

    def __init__(
        self,
        observe: OnLook,
        clock: Callable[[], float] = time.monotonic,
        thread_clock: Callable[[], float] = time.thread_time,
        period: float = PERIOD_S,
    ) -> None:
        self._observe = observe
        self._clock = clock
        self._thread_clock = thread_clock
        self._period = period

    async def _run(self) -> None:
        due, used = self._clock() + self._period, self._thread_clock()
        while True:
            await asyncio.sleep(due - self._clock())
            now, used_before, used = self._clock(), used, self._thread_clock()
            while due <= now:
                self._observe(now - due, min(now - due, used - used_before))
                due += self._period
            due = max(due, now)
