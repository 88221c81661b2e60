"""The threads that encode, for all peers of this process.

``run_in_executor`` makes two futures, a condition and a semaphore's turn for every call. Here 75 calls a second come
from each session, and that would be a twentieth of what encoding and sending it takes.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable
from functools import cache
from queue import SimpleQueue
from typing import Any, TypeVar

from livehead.cores import usable_cores

Result = TypeVar("Result")


class Threads:
    """``count`` threads that take work in the order in which it comes. They live as long as the process.

    Of the idle ones that was busy last is taken: as long as one is enough it is always the same, and keeps its caches.
    """

    def __init__(self, count: int, name: str) -> None:
        self.count = count
        self._lock = threading.Lock()  # of the two below; held for a moment only
        self._idle: list[SimpleQueue[_Job]] = []
        self._waiting: deque[_Job] = deque()
        for number in range(count):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def run(self, work: Callable[..., Result], *given: Any) -> asyncio.Future[Result]:
        """``work(*given)``, from the event loop's thread: gives what it returns or raises. Work that has begun is done
        to its end, whether or not somebody still waits."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        job = (loop, future, work, given)
        with self._lock:
            if self._idle:
                self._idle.pop().put(job)
            else:
                self._waiting.append(job)
        return future

    def _work(self) -> None:
        mine: SimpleQueue[_Job] = SimpleQueue()
        while True:
            _do(*self._next(mine))  # nothing is kept of it while the next is waited for

    def _next(self, mine: SimpleQueue[_Job]) -> _Job:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(mine)
        return mine.get()


_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


def _do(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], work: Callable[..., Any], given: Any) -> None:
    if future.cancelled():
        return
    result, error = None, None
    try:
        result = work(*given)
    except BaseException as raised:  # noqa: BLE001 - whoever waits is told
        error = raised
    try:
        loop.call_soon_threadsafe(_tell, future, result, error)
    except RuntimeError:
        return  # the loop was closed meanwhile: nobody waits


def _tell(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


@cache
def encoding_threads() -> Threads:
    """As many as this process may use cores."""
    return Threads(max(2, math.ceil(usable_cores())), "encode")
