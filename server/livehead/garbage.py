"""Garbage collection that does not hold the event loop.

CPython looks through all objects that it has not frozen at a moment of its own choice: a third of a microsecond for
each, and a call has two or three thousand. Here it looks only at the newest by itself. The server's own objects are
frozen once, and all others are looked through in a turn of their own (livehead/turns.py), whenever some thousands more
are there. Where they are many, as with eight calls or more, only the newest are: what those calls leave behind is
looked for when fewer are left, when there are none, or after hundreds of clients. Now and then the C library gives back
what it keeps of freed memory.
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

THRESHOLDS = (1000, 3, 1_000_000)
"""New objects before the newest are looked through, and how often that is before those that were left are, after which
it is the turn of all; CPython by itself never looks through these."""

MANY = 20_000
"""Objects that take some seven milliseconds to look through, twice that on a busy machine; more wait for the end of the
calls. Fewer do not, as what a call leaves behind is a third of a megabyte."""

STILL_MANY = 25_000
"""Up to so many are looked through nevertheless once clients have come or gone since there were many."""

FEW = 10
"""Objects are counted for that until so many more clients have come: of a crowd there would be too many to count."""

LOOK_S = 0.5
QUIET_S = 5.0
"""Nobody has come for so long when everything is looked through."""

MOST = 300
"""After so many clients it is in any case: that holds the others up for a tenth of a second, or for a third."""

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
        self._many = False
        self._many_since = 0
        self._counted_with = (0, 0)
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
        """Look through all that is not frozen, unless that is much."""
        if not self._many:
            self._collect()

    def look(self) -> bool:
        """Look through it where that is due, however much it is. Returns whether memory is to be given back."""
        now, came, active = self._clock(), self._came(), self._active()
        if active or came != self._came_lately:
            self._came_lately, self._quiet_since = came, now
        new = came - self._came_before
        due = new >= MOST or (new > 0 and now - self._quiet_since >= QUIET_S)
        if due:
            self._came_before = came
            self._collect()
        elif self._many and came - self._many_since <= FEW and (came, active) != self._counted_with:
            self._counted_with = came, active
            if _old_objects() <= STILL_MANY:
                self._collect()
        if not due and ((came, active) == self._given_with or now - self._given_at < GIVE_BACK_S):
            return False
        self._given_at, self._given_with = now, (came, active)
        return True

    def _collect(self) -> None:
        gc.collect()
        self._many, self._many_since = _old_objects() > MANY, self._came()


def _old_objects() -> int:
    """How many objects are neither new nor frozen. Takes a millisecond for some 10,000."""
    return len(gc.get_objects(generation=2))
