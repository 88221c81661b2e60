"""A stream of the engine, and the simulated session that it works for."""

from __future__ import annotations

import asyncio
import time

from livehead.bench.load.results import LoadRecord, WindowResult
from livehead.bench.load.simulated_session import SimulatedSession
from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.engine.host.host import EngineStream, WindowTiming

PATIENCE_S = 10.0
"""So long after its last deadline an answer may come that is still waited for."""


class DrivenStream:
    """``waiting`` counts the windows that the stream has not answered."""

    def __init__(self, caller: SimulatedSession, record: LoadRecord, *, stays: bool) -> None:
        self.caller = caller
        self.stream: EngineStream | None = None
        self.waiting = 0
        self._record = record
        self._stays = stays

    def submit(self) -> None:
        """Cut the window that is whole now and hand it over."""
        caller = self.caller
        behind = time.monotonic() - caller.whole_at
        window = caller.cut()
        self._record.behind.append(behind)
        if self.stream is not None and self.stream.submit(window, caller.deadline(window.k)):
            self.waiting += 1
        else:
            caller.missing(window.k)

    def on_frames(self, k: int, frames: list[Frame], timing: WindowTiming) -> None:
        now = time.monotonic()
        self.waiting -= 1
        self.caller.frames(k, len(frames), now)
        captured = self.caller.start + k * BLOCK_S
        self._record.answers.append(WindowResult(timing, now, captured, self._stays))

    def on_dropped(self, k: int, hop: int) -> None:
        self.waiting -= 1
        self.caller.missing(k)

    async def close(self) -> None:
        if self.stream is not None:
            await self.stream.close()

    async def retire(self) -> None:
        """Close it once what is under way has come, as sessions do that change their portrait."""
        until = time.monotonic() + self.caller.shape.delay_s + PATIENCE_S
        while self.waiting and time.monotonic() < until:  # noqa: ASYNC110 - as the session does
            await asyncio.sleep(BLOCK_S)
        await self.close()
