"""Turns on the event loop: what takes it long is done once between two looks at its timers.

An event loop runs all that is ready before it looks at its timers again. A hundred requests that come together are
ready together, and the ticks of every call would wait for all of them. So whatever takes more than a fraction of a
millisecond takes a turn first: who comes while somebody has it waits, in the order of coming, and one of them goes on
in each iteration of the loop.

Packets of media take turns of their own, some in each iteration: they are short, many come at once from a client that
was held up, and no crowd of requests may keep them waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

MEDIA_AT_ONCE = 4
"""Packets, of about half a millisecond each."""


class Turns:
    """Of one event loop: ``at_once`` in each of its iterations."""

    def __init__(self, loop: asyncio.AbstractEventLoop, at_once: int = 1) -> None:
        self._loop = loop
        self._at_once = at_once
        self._taken = 0
        self._waiting: deque[Callable[[], object]] = deque()

    async def take(self) -> None:
        """Wait for a turn. It is over with the caller's next step."""
        if self._is_free():
            return
        turn = self._loop.create_future()

        def begin() -> None:
            if not turn.done():  # it may have been cancelled
                turn.set_result(None)

        self._waiting.append(begin)
        await turn

    def call(self, work: Callable[[], object], *, first: bool = False) -> None:
        """Call ``work`` at once, or when its turn has come: with ``first`` that is before all who wait."""
        if self._is_free():
            work()
        elif first:
            self._waiting.appendleft(work)
        else:
            self._waiting.append(work)

    def _is_free(self) -> bool:
        if self._waiting or self._taken >= self._at_once:
            return False
        if not self._taken:
            self._loop.call_soon(self._pass_on)
        self._taken += 1
        return True

    def _pass_on(self) -> None:
        self._taken = 0
        if not self._waiting:
            return
        self._loop.call_soon(self._pass_on)
        while self._waiting and self._taken < self._at_once:
            self._taken += 1
            self._waiting.popleft()()


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Turns, Turns]] = WeakKeyDictionary()


def turns() -> Turns:
    """Those of the running event loop."""
    return _of_loop()[0]


def media_turns() -> Turns:
    """Those of the running event loop that are for packets of media."""
    return _of_loop()[1]


def _of_loop() -> tuple[Turns, Turns]:
    loop = asyncio.get_running_loop()
    found = _TURNS.get(loop)
    if found is None:
        found = _TURNS[loop] = Turns(loop), Turns(loop, MEDIA_AT_ONCE)
    return found
