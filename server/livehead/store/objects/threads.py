"""The threads that talk to the storage: where it hangs, nothing but what needs it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

MOST = 8

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class StorageThreads:
    """A server has one."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MOST, "storage")

    async def run(self, work: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        """``work(*args)`` in one of them: returns or raises what it does."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    def close(self) -> None:
        """Take no more work. May be called twice."""
        self._pool.shutdown(wait=False, cancel_futures=True)
