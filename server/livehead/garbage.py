"""Garbage collection that does not hold the event loop.

CPython looks through all objects that it has not frozen at a moment of its own choice: a third of a microsecond for
each, and a call has thousands. Here it looks only at the newest by itself. All that are not frozen are looked through
in a turn of its own (livehead/turns.py), whenever some thousands more are there; where they are many nevertheless, as
with many calls, they are frozen. What frozen calls leave behind is looked for while there are none. Now and then the C
library gives back what it keeps of freed memory.
The server's own objects are frozen once, and looked through again only where calls were frozen beside them.
"""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from livehead.background_task import BackgroundTask
from livehead.heap import give_back
from livehead.turns import turns

THRESHOLDS = (1000, 5, 1_000_000)
"""New objects before the newest are looked through, and how often that is before those that were left are, after which
it is the turn of all; CPython by itself never looks through these."""

MANY = 30_000
"""Objects that take some ten milliseconds to look through: where more are left, as of a dozen calls, they are frozen.
Fewer are not, as what frozen calls leave behind stays in memory long after their end."""

LOOK_S = 0.5
QUIET_S = 5.0
"""Nobody has come for so long when everything is looked through."""

MOST = 100
MOST_FROZEN = 300
"""After so many clients it is in any case. Where calls were frozen the second of these holds, as all that the server
ever loaded is looked through with them: that holds the others up for a tenth of a second, or for a third."""

GIVE_BACK_S = 10.0
"""Freed memory is given back so often while clients come and go: a dozen with frames of 512 × 512 leave as much as is
in use. A hundred MB take some 9 ms, for half of which a thread that wants memory may wait."""


class GarbageCollection(BackgroundTask):
    """An async context manager. ``active`` says how many calls there are, ``came`` how many clients there were."""

    TASK = "garbage-collection"

    def __init__(
        self, active: Callable[[], int], came: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._active = active
        self._came = came
        self._clock = clock
        self._came_before = self._came_lately = 0
        self._quiet_since = 0.0
        self._given_at = -math.inf
        self._given_with = (0, 0)
        self._calls_frozen = False
        self._loop: asyncio.AbstractEventLoop
        self._thresholds = gc.get_threshold()

    async def __aenter__(self) -> Self:
        gc.collect()
        gc.freeze()
        self._came_before = self._came()
        self._loop = asyncio.get_running_loop()
        gc.callbacks.append(self._note)
        gc.set_threshold(*THRESHOLDS)
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is None:
            return
        await super().__aexit__(kind, error, trace)
        gc.callbacks.remove(self._note)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self.look():
                await asyncio.to_thread(give_back)

    def _note(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "stop" and info["generation"] == 1:  # in any thread, and in the midst of anything
            self._loop.call_soon_threadsafe(self._take_turn)

    def _take_turn(self) -> None:
        turns().call(self.look_at_new, first=True)

    def look_at_new(self) -> None:
        """Look through all that is not frozen, and freeze what is left where that is much."""
        gc.collect()
        if len(gc.get_objects(generation=2)) > MANY:
            gc.freeze()
            self._calls_frozen = True

    def look(self) -> bool:
        """Look through everything where that is due. Returns whether memory is to be given back."""
        now, came, active = self._clock(), self._came(), self._active()
        if active or came != self._came_lately:
            self._came_lately, self._quiet_since = came, now
        new, most = came - self._came_before, MOST_FROZEN if self._calls_frozen else MOST
        if new >= most or (new > 0 and now - self._quiet_since >= QUIET_S):
            self._came_before = came
            self._collect()
        elif (came, active) == self._given_with or now - self._given_at < GIVE_BACK_S:
            return False
        self._given_at, self._given_with = now, (came, active)
        return True

    def _collect(self) -> None:
        if not self._calls_frozen:
            gc.collect()
            return
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._calls_frozen = False
