"""Callers who talk, look at the picture, hear their own voice with it, and note what they are told: all that a user
has to go by when something breaks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from typing import Any

from websockets.exceptions import ConnectionClosed

from caller import Caller, tone
from line import Line
from serving import Served
from waiting import patient, until

STILL_S = 0.2
"""From one picture to the next: after this long somebody may see that it stands still."""

QUIET_S = 0.4
"""Without such a pause: pictures move."""

GROWS_S = 0.4

DEGRADED = [("live", None), ("degraded", "engine-down"), ("live", None)]
"""What a caller is told from the beginning of a call to the end of a fault of the engine."""

SILENT = 0.05
"""Loudness below that of the callers' tone."""


class Talker:
    """``states`` are what the server told: each with its reason, in order."""

    def __init__(self, caller: Caller, line: Line) -> None:
        self.caller = caller
        self.line = line
        self.states: list[tuple[str, str | None]] = []
        self.figures: list[tuple[float, dict[str, Any]]] = []

    @property
    def state(self) -> str:
        return self.states[-1][0] if self.states else ""

    def moved(self) -> list[float]:
        """When another picture than the one before came."""
        seen = [each for each in self.caller.frames if each.code is not None]
        return [new.at for old, new in pairwise(seen) if new.code is not old.code and new.code != old.code]

    def stood_still(self, since: float) -> list[tuple[float, float]]:
        """From when to when it saw one picture, where that was long; until now, where it still does."""
        now = time.monotonic()
        return [(old, new) for old, new in pairwise([*self.moved(), now]) if new > since and new - old > STILL_S]

    def missed(self, since: float) -> float:
        """For how many seconds since then its own voice was not to be heard. Packets of the microphone that a busy
        machine sent too late do not count."""
        came = sum(level >= SILENT for at, level in self.caller.levels if at > since)
        late = max(0, self.caller.late - self._late_before(since))
        return time.monotonic() - since - 0.02 * (came + late)

    def _late_before(self, since: float) -> int:
        told = [each["concealed_ms"] for at, each in self.figures if at <= since]
        return round(told[-1] / 20) if told else 0

    async def listen(self) -> None:
        try:
            async for text in self.line.socket:
                message = json.loads(text)
                if message["type"] == "state":
                    self.states.append((message["state"], message.get("reason")))
                elif message["type"] == "stats":
                    self.figures.append((time.monotonic(), message))
        except ConnectionClosed:
            pass


@asynccontextmanager
async def talking(served: Served, *seeds: int, **options: object) -> AsyncIterator[list[Talker]]:
    """A call for each seed: connected, talking, and with moving pictures."""
    async with AsyncExitStack() as stack:
        talkers: list[Talker] = []
        for seed in seeds:
            caller = await stack.enter_async_context(Caller(tone))
            line = await stack.enter_async_context(Line(served.url))
            await line.call(caller, **{"seed": seed, "probe": True, "voice": "on", "latency": "low", **options})
            talkers.append(talker := Talker(caller, line))
            task = asyncio.create_task(talker.listen())
            stack.callback(task.cancel)
        await until(lambda: all(each.state == "live" for each in talkers))
        await until(lambda: all(len(each.moved()) > 25 for each in talkers))
        await until(lambda: all(any(level >= SILENT for _, level in each.caller.levels[-5:]) for each in talkers))
        began = time.monotonic()
        await until(lambda: all(_moves(each, began) for each in talkers))
        yield talkers
    await served.settled()


async def moving_again(
    talkers: list[Talker], since: float, mended: Callable[[], object], within: float = 10.0
) -> float:
    """Wait until the fault is ``mended``, as far as the server knows, and pictures have moved for a while in all
    calls. Returns the seconds from ``since`` to the end of the last standstill that anybody saw."""
    async with patient(within):
        while not mended():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
        known = time.monotonic()
        while not all(_moves(each, known) for each in talkers):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return max((end for each in talkers for _, end in each.stood_still(since)), default=since) - since


def heard_throughout(talkers: list[Talker], since: float) -> bool:
    """Whether the sound went on for everybody, whatever the picture did. Where pictures were late the delay of both
    grows once, by :data:`GROWS_S` at most."""
    seconds = time.monotonic() - since
    return all(each.missed(since) < GROWS_S + 0.25 * seconds for each in talkers)


def _moves(talker: Talker, since: float) -> bool:
    now = time.monotonic()
    return now - since > QUIET_S and not talker.stood_still(max(since, now - QUIET_S))
