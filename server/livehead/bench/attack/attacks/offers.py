"""Attacks by offers."""

from __future__ import annotations

import asyncio
import time
from itertools import cycle
from typing import ClassVar

from livehead.bench.attack.attack import Attack
from livehead.bench.attack.offer_text import feedback, offer, parameters, sources
from livehead.bench.attack.wire import CUT

SDP = "application/sdp"


class Offers(Attack):
    """Whatever is answered after more than a second is counted by itself."""

    name: ClassVar[str] = "offers"
    does: ClassVar[str] = "200 offers in one second, then 20 a second; none of them ever connects"

    BURST = 200
    STEADY_S = 0.05
    LATE_S = 1.0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            begun = time.monotonic()
            number = 0
            while True:
                group.create_task(self._offer())
                number += 1
                due = number / self.BURST if number <= self.BURST else 1 + (number - self.BURST) * self.STEADY_S
                await asyncio.sleep(max(0.0, begun + due - time.monotonic()))

    async def _offer(self) -> None:
        begun = time.monotonic()
        try:
            wire = await self._connect()
            try:
                answer = await wire.request("POST", "/v1/sessions", offer(), SDP)
                self.outcome[f"HTTP {answer.status}"] += 1
            finally:
                wire.abort()
        except (OSError, EOFError):
            self.outcome[CUT] += 1
        if time.monotonic() - begun > self.LATE_S:
            self.outcome["late"] += 1


class Sdp(Attack):
    name: ClassVar[str] = "sdp"
    does: ClassVar[str] = "the offers that take longest to parse: feedback for every codec, sources, parameters"

    TASKS = 4

    async def run(self) -> None:
        texts = [feedback(300, 300), feedback(60, 60), sources(3000), parameters(3000), feedback(150, 150)]
        self._texts = cycle([*texts, sources(9000), parameters(12_000)])
        await self._many(self.TASKS, self._offer)

    async def _offer(self) -> None:
        wire = await self._connect()
        try:
            answer = await wire.request("POST", "/v1/sessions", next(self._texts), SDP)
            self.outcome[f"HTTP {answer.status}"] += 1
            if answer.status == 201:  # a session that waits would keep the next offers from being read
                await wire.request("DELETE", answer.headers["location"])
        finally:
            wire.abort()
