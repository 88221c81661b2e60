"""Somebody who has a stream at the engine."""

from __future__ import annotations

import time
from typing import Any

import fakes
from livehead.core.windows import Window
from livehead.engine.host.host import EngineHost, EngineStream, StreamState, WindowTiming


class Viewer:
    """Opens a stream, submits windows and keeps what comes back."""

    def __init__(self, tag: int) -> None:
        self.tag = tag
        self.k = 0
        self.seen: list[tuple[int, fakes.Seen]] = []
        self.timings: list[WindowTiming] = []
        self.dropped: list[tuple[int, int]] = []
        self.states: list[StreamState] = []
        self.stream: EngineStream

    async def open(self, host: EngineHost, seed: int = 0) -> Viewer:
        self.stream = await host.open(
            fakes.portrait(self.tag),
            seed,
            self._on_frames,
            self.states.append,
            lambda *gone: self.dropped.append(gone),
        )
        return self

    def _on_frames(self, k: int, frames: list[Any], timing: WindowTiming) -> None:
        self.seen += [(k + offset, fakes.read(frame)) for offset, frame in enumerate(frames)]
        self.timings.append(timing)

    def say(self, first: float = 0.0, *, hop: int = 1, lookahead: int = 0, within: float = 60.0) -> bool:
        window = Window(self.k, hop, lookahead, fakes.audio(first, hop + lookahead))
        self.k += hop
        return self.stream.submit(window, time.monotonic() + within)

    @property
    def answered(self) -> int:
        return len(self.seen) + sum(hop for _, hop in self.dropped)
