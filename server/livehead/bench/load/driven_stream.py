"""An engine stream, driven by a simulated session."""

from __future__ import annotations

import asyncio
import time

from livehead.bench.load.results import LoadRecord, WindowResult
from livehead.bench.load.simulated_session import SimulatedSession
from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.engine.host.host import EngineStream, WindowTiming

PATIENCE_S = 10.0
"""How long after its last deadline a window is still waited for, in seconds."""


class DrivenStream:
    """Submits a session's windows and records what becomes of them. ``waiting`` counts windows without a result."""

    def __init__(self, session: SimulatedSession, record: LoadRecord[SimulatedSession], *, stays: bool) -> None:
        self.session = session
        self.engine_stream: EngineStream | None = None
        self.waiting = 0
        self._record = record
        self._stays = stays

    def submit(self) -> None:
        """Cut the window that is complete now and submit it."""
        session = self.session
        behind = time.monotonic() - session.complete_at
        window = session.cut()
        self._record.behind.append(behind)
        if self.engine_stream is not None and self.engine_stream.submit(window, session.deadline(window.k)):
            self.waiting += 1
        else:
            session.missing(window.k)

    def on_frames(self, k: int, frames: list[Frame], timing: WindowTiming) -> None:
        now = time.monotonic()
        self.waiting -= 1
        self.session.frames(k, len(frames), now)
        captured = self.session.start + k * BLOCK_S
        self._record.results.append(WindowResult(timing, now, captured, self._stays))

    def on_dropped(self, k: int, hop: int) -> None:
        self.waiting -= 1
        self.session.missing(k)

    async def close(self) -> None:
        if self.engine_stream is not None:
            await self.engine_stream.close()

    async def retire(self) -> None:
        """Close it once the windows under way have their result, as a session that switches its portrait does."""
        until = time.monotonic() + self.session.spec.delay_s + PATIENCE_S
        while self.waiting and time.monotonic() < until:  # noqa: ASYNC110 - as the session does
            await asyncio.sleep(BLOCK_S)
        await self.close()
