"""Measures how late the event loop is: whatever holds it up holds up every call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

PERIOD_S = 0.05
"""Between two looks: 1200 a minute, enough for a p99.9 within a minute, and a thousandth of a core."""


class EventLoopWatch:
    """An async context manager. ``observe`` gets the seconds by which the loop was late, 20 times a second; while it is
    held up, once for each look that was due, so that the share of late looks is the share of time."""

    def __init__(self, observe: Callable[[float], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._observe = observe
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="event-loop-watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        due = self._clock() + PERIOD_S
        while True:
            await asyncio.sleep(due - self._clock())
            now = self._clock()
            while due <= now:
                self._observe(now - due)
                due += PERIOD_S
            due = max(due, now)
