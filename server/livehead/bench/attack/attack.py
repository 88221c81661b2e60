"""What every attack is: something that one client does to the server, for as long as it is let."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from livehead.bench.attack.line import Line
from livehead.bench.attack.wire import CUT, RefusedError, Target, Wire

OPEN = "open at the end"

PAUSE_S = 0.05
"""Between an attempt that was ended and the next."""


@dataclass(frozen=True, slots=True)
class AttackOrder:
    """``mbit`` is the attacker's line in megabits a second."""

    name: str
    seconds: float
    mbit: float


@dataclass(frozen=True, slots=True)
class Attacked:
    """``outcome`` counts answers and closings by their words; ``sent`` is in bytes; ``error`` says why the attacker
    itself failed."""

    outcome: Mapping[str, int]
    sent: int
    cpu_s: float
    error: str | None = None


class Attack(ABC):
    """``name`` is its name on the command line, ``does`` says in one line what it does. ``outcome`` counts what became
    of it: answers by status, closings by code."""

    name: ClassVar[str]
    does: ClassVar[str]

    def __init__(self, target: Target, line: Line) -> None:
        self.outcome: Counter[str] = Counter()
        self._target = target
        self._line = line

    @abstractmethod
    async def run(self) -> None:
        """Until it is cancelled."""

    async def _many(self, number: int, once: Callable[[], Awaitable[None]], pause: float = PAUSE_S) -> None:
        """So many tasks, each of which does ``once`` again and again."""
        async with asyncio.TaskGroup() as group:
            for _ in range(number):
                group.create_task(self._again(once, pause))

    async def _again(self, once: Callable[[], Awaitable[None]], pause: float = PAUSE_S) -> None:
        while True:
            try:
                await once()
            except RefusedError as refused:
                self.outcome[str(refused)] += 1
            except EOFError as ended:
                self.outcome[str(ended) if str(ended).startswith("closed") else CUT] += 1
            except TimeoutError:
                self.outcome["no answer"] += 1
            except ConnectionRefusedError:
                self.outcome["refused"] += 1
            except OSError:
                self.outcome[CUT] += 1
            await asyncio.sleep(pause)

    async def _connect(self) -> Wire:
        return await Wire.open(self._target, self._line)

    async def _socket(self, path: str) -> Wire:
        wire = await self._connect()
        try:
            await wire.upgrade(path)
        except BaseException:
            wire.abort()
            raise
        return wire

    async def _flood(self, wire: Wire, pieces: Iterable[bytes]) -> None:
        """Send the pieces one after the other, wait until the server closes, and count how it did."""
        ending = asyncio.create_task(wire.end(), name="ending")
        try:
            for piece in pieces:
                if ending.done():
                    break
                await wire.send(piece)
            self.outcome[await ending] += 1
        except OSError:
            self.outcome[await wire.ended(ending)] += 1
        except asyncio.CancelledError:
            self.outcome[OPEN] += 1
            raise
        finally:
            ending.cancel()
            wire.abort()
