"""Turns on the event loop: what takes it long is done once between two looks at its timers.

An event loop runs all that is ready before it looks at its timers again. A hundred requests that come together are
ready together, and the ticks of every call would wait for all of them. So whatever takes more than a fraction of a
millisecond takes a turn first: who comes while somebody has it waits, in the order of coming, and one of them goes on
in each iteration of the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary


class Turns:
    """Of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._taken = False
        self._waiting: deque[Callable[[], object]] = deque()

    async def take(self) -> None:
        """Wait until nobody else has the turn. It is over with the caller's next step."""
        if self._is_free():
            return
        turn = self._loop.create_future()

        def begin() -> None:
            if not turn.done():  # it may have been cancelled
                turn.set_result(None)

        self._waiting.append(begin)
        await turn

    def call(self, work: Callable[[], object]) -> None:
        """Call ``work`` at once, or when its turn has come."""
        if self._is_free():
            work()
        else:
            self._waiting.append(work)

    def _is_free(self) -> bool:
        if self._taken:
            return False
        self._taken = True
        self._loop.call_soon(self._pass_on)
        return True

    def _pass_on(self) -> None:
        if not self._waiting:
            self._taken = False
            return
        self._loop.call_soon(self._pass_on)
        self._waiting.popleft()()


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns() -> Turns:
    """Those of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _TURNS.get(loop)
    if found is None:
        found = _TURNS[loop] = Turns(loop)
    return found
