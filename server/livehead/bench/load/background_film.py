"""A film that is rendered behind the simulated sessions: an engine stream whose windows are always waiting."""

from __future__ import annotations

import asyncio

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.core.frame import Frame
from livehead.core.windows import Window
from livehead.engine.base import Preset
from livehead.engine.host.host import EngineHost, EngineStream, WindowTiming

IN_FLIGHT = 2
"""Windows at the engine, as a server's renders have them."""


class BackgroundFilm:
    """``frames`` counts those that were made since :meth:`start`, ``lost`` those that were not."""

    def __init__(self, preset: Preset, audio: Pcm) -> None:
        self.frames = 0
        self.lost = 0
        self._preset = preset
        self._audio = audio
        self._next = 0
        self._stream: EngineStream | None = None
        self._going = False

    async def open(self, host: EngineHost, portrait: NDArray[np.uint8], seed: int) -> None:
        """Raises what :meth:`EngineHost.open` raises."""
        self._stream = await host.open(portrait, seed, self._on_frames, on_dropped=self._on_dropped, background=True)

    def start(self) -> None:
        """Windows follow one another from now on."""
        self._going = True
        for _ in range(IN_FLIGHT):
            self._submit()

    def stop(self) -> None:
        """What waits is finished, and nothing follows."""
        self._going = False

    async def close(self) -> None:
        if self._stream is not None:
            await self._stream.close()

    def _submit(self) -> None:
        if not self._going or self._stream is None:
            return
        hop, lookahead = self._preset.hop, self._preset.lookahead
        first = self._next * BLOCK_SAMPLES
        place = np.arange(first, first + (hop + lookahead) * BLOCK_SAMPLES) % len(self._audio)
        window = Window(self._next, hop, lookahead, self._audio[place])
        self._next += hop
        if not self._stream.submit(window, float("inf")):
            self.lost += hop
            asyncio.get_running_loop().call_later(0.5, self._submit)

    def _on_frames(self, k: int, frames: list[Frame], timing: WindowTiming) -> None:
        if self._going:
            self.frames += len(frames)
        self._submit()

    def _on_dropped(self, k: int, hop: int) -> None:
        self.lost += hop
        self._submit()
