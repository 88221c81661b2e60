"""The threads in which films are written: few, and behind everything else that wants the processor."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar, TypeVarTuple

from livehead.cores import usable_cores

NICE = 10
"""More than the engine's worker has: where the processor is short, frames come before films."""

MOST = 4

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class FilmThreads:
    """One for two cores, each started when it is first needed."""

    def __init__(self) -> None:
        count = max(1, min(MOST, int(usable_cores() / 2)))
        self._pool = ThreadPoolExecutor(count, "render", initializer=_step_back)

    async def run(self, work: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        """``work(*args)`` in one of them: returns or raises what it does. Work that has begun is finished even if
        nobody waits any more."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    def close(self) -> None:
        """Take no more work. May be called twice."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _step_back() -> None:
    with suppress(OSError, AttributeError):  # a system whose threads have no niceness of their own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
