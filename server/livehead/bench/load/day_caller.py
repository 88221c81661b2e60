"""A caller of a simulated day: when it speaks, and which windows it sends."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from livehead.core.block import BLOCK_S
from livehead.core.playout.target_delay import TargetDelay
from livehead.engine.base import Preset
from livehead.sessions.ahead import MOST

MARGIN_S = 0.004
"""Playout's margin."""


@dataclass(frozen=True, slots=True)
class DayWindow:
    """A window of a caller, as the scheduler takes it. ``start`` is when its first block began; ``speech`` says that it
    is no silence; ``preset`` is the name of the one that it was cut at."""

    stream: int
    k: int
    hop: int
    lookahead: int
    submitted: float
    start: float
    deadline: float
    speech: bool
    preset: str

    @property
    def silent(self) -> bool:
        return not self.speech


class DayCaller:
    """Speaks ``speech`` of the time in phrases of ``phrase_s``. Its windows follow one another from block to block;
    those of silence are cut ahead of time, where they are longer than others, and what they made is given up where
    speech begins. Its delay is what playout would keep. ``step_s`` is what a step with one window takes."""

    def __init__(
        self,
        stream: int,
        origin: float,
        preset: str,
        shape: Preset,
        chance: random.Random,
        *,
        silence_hop: int,
        speech: float,
        phrase_s: tuple[float, float],
        step_s: float,
    ) -> None:
        self.stream = stream
        self.preset = preset
        self.shape = shape
        self.speaking = False
        self._origin = origin
        self._chance = chance
        self._silence_hop = silence_hop
        self._speech = speech
        self._phrase_s = phrase_s
        self._spoke_until = -math.inf
        self._next_block = 0
        self._delay = TargetDelay(
            hop=shape.hop,
            lookahead=shape.lookahead,
            max_s=shape.max_delay_ms / 1000,
            margin_s=MARGIN_S,
            generate_s=step_s,
        )
        self.turns_at = origin + self._pause()

    @property
    def delay_s(self) -> float:
        """How long after a block began its frame is shown."""
        return self._delay.target

    @property
    def due(self) -> float:
        """When it can cut its next window."""
        start = self._origin + self._next_block * BLOCK_S
        if self._silence_next:
            return start + self.delay_s - MOST * BLOCK_S
        return start + (self.shape.hop + self.shape.lookahead) * BLOCK_S

    def turn(self, now: float) -> None:
        """It begins to speak, or ceases to."""
        self.speaking = not self.speaking
        if self.speaking:
            self._next_block = min(self._next_block, math.floor((now - self._origin) / BLOCK_S))
            self.turns_at = now + self._chance.uniform(*self._phrase_s)
        else:
            self._spoke_until = now
            self.turns_at = now + self._pause()

    def cut(self, now: float) -> DayWindow:
        """The window that is due."""
        k, start = self._next_block, self._origin + self._next_block * BLOCK_S
        ahead = self._silence_next
        hop, lookahead = (self._silence_hop, 0) if ahead else (self.shape.hop, self.shape.lookahead)
        speech = self.speaking or start < self._spoke_until
        self._next_block += hop
        return DayWindow(
            self.stream, k, hop, lookahead, now, start, start + self.delay_s, speech and not ahead, self.preset
        )

    def take(self, preset: str, shape: Preset, step_s: float) -> None:
        """Go over to another preset."""
        self.preset, self.shape = preset, shape
        self._delay.set_preset(shape.hop, shape.lookahead, shape.max_delay_ms / 1000, step_s)

    def answered(self, window: DayWindow, now: float) -> int:
        """The frames of a window with speech are there. Returns how many of them come too late."""
        lag = now - window.start
        late = min(window.hop, max(0, math.ceil((lag - self.delay_s) / BLOCK_S)))
        for place in range(window.hop):
            self._delay.observe(lag - place * BLOCK_S, now)
        if late:
            self._delay.grow(lag, now)
        self._delay.review(now)
        return late

    @property
    def _silence_next(self) -> bool:
        """Whether its next window is one of silence, cut ahead."""
        start = self._origin + self._next_block * BLOCK_S
        return not self.speaking and start >= self._spoke_until and self._silence_hop > self.shape.hop

    def _pause(self) -> float:
        mean = sum(self._phrase_s) / 2 * (1 - self._speech) / max(self._speech, 1e-3)
        return self._chance.uniform(0.3 * mean, 1.7 * mean)
