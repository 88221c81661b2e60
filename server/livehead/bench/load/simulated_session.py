"""Live sessions as the engine sees them: when their windows are whole, when each frame is due, and what became of it.
Pure: times are seconds of one monotonic clock, passed in."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Pcm
from livehead.core.playout.target_delay import SLACK_S
from livehead.core.windows import Window
from livehead.engine.base import Preset
from livehead.errors import UsageError

VOICE_S = 8
LOUDNESS = 0.1


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """What windows look like, and the delay from a block's first sample to its frame being due, in seconds."""

    preset: str
    hop: int
    lookahead: int
    delay_s: float

    @property
    def floor_s(self) -> float:
        """From a window's first sample to its last."""
        return (self.hop + self.lookahead) * BLOCK_S

    @property
    def period_s(self) -> float:
        return self.hop * BLOCK_S


def window_specs(
    presets: Mapping[str, Preset], latency: str, hops: Sequence[int], allowance_s: float | None
) -> list[WindowSpec]:
    """One for each of ``hops``, or that of the preset ``latency`` where there are none.

    A hop is that of the preset which has it, else it takes lookahead and bound from ``latency``: as many seconds over
    its floor. The delay is the longest that a session's playout would settle at, :data:`SLACK_S` under the bound; an
    allowance for generating (hop whole to frame due) that is given makes it shorter.
    """
    return [_shape(presets, latency, hop, allowance_s) for hop in hops or (presets[latency].hop,)]


def _shape(presets: Mapping[str, Preset], latency: str, hop: int, allowance_s: float | None) -> WindowSpec:
    having = [name for name, preset in presets.items() if preset.hop == hop]
    name = latency if latency in having or not having else having[0]
    preset = presets[name]
    spare = preset.max_delay_ms / 1000 - (preset.hop + preset.lookahead) * BLOCK_S - SLACK_S
    if allowance_s is not None and allowance_s > spare:
        raise UsageError(f"--allowance {allowance_s * 1000:g}: {name} leaves {spare * 1000:.0f} ms at most")
    allowance = spare if allowance_s is None else allowance_s
    return WindowSpec(name, hop, preset.lookahead, (hop + preset.lookahead) * BLOCK_S + allowance)


def phases(count: int, seed: int | None) -> list[float]:
    """Where in a hop each session's windows become whole, 0 to 1: evenly spread, or at random with a seed."""
    if seed is None:
        return [number / count for number in range(count)]
    chance = random.Random(seed)
    return [chance.random() for _ in range(count)]


def churning_slots(count: int) -> range:
    """Of so many places those where sessions come, go and change their portrait: half of them, at least one. In the
    others the same session stays."""
    return range(count - max(1, count // 2), count)


def voice(seed: int) -> Pcm:
    """Some seconds of noise to say again and again."""
    chance = np.random.default_rng(seed)
    return (chance.standard_normal(round(VOICE_S / BLOCK_S) * BLOCK_SAMPLES) * LOUDNESS).astype(np.float32)


class SimulatedSession:
    """One session from its first audio on.

    ``asked`` counts frames of windows that were cut, ``in_time`` those that came before they were due, ``late`` those
    that came after, ``never`` those that did not come. ``gap`` is the longest run of blocks without a frame in time.
    """

    def __init__(self, shape: WindowSpec, start: float, audio: Pcm) -> None:
        self.shape = shape
        self.start = start
        self.left = False
        self.windows = self.asked = self.in_time = self.late = self.never = self.gap = 0
        self._audio = audio
        self._next = 0
        self._seen = 0  # one past the last block whose frame was in time
        self._pending: dict[int, int] = {}

    @property
    def whole_at(self) -> float:
        """When the next window is whole."""
        return self.start + self._next * BLOCK_S + self.shape.floor_s

    @property
    def pending(self) -> int:
        """Windows that were cut and not answered."""
        return len(self._pending)

    @property
    def lost(self) -> int:
        return self.late + self.never

    def deadline(self, k: int) -> float:
        """When the frame of block ``k`` is due."""
        return self.start + k * BLOCK_S + self.shape.delay_s

    def cut(self) -> Window:
        """The window that is whole now."""
        k, shape = self._next, self.shape
        first = k * BLOCK_SAMPLES
        place = np.arange(first, first + (shape.hop + shape.lookahead) * BLOCK_SAMPLES) % len(self._audio)
        self._next += shape.hop
        self._pending[k] = shape.hop
        self.windows += 1
        self.asked += shape.hop
        return Window(k, shape.hop, shape.lookahead, self._audio[place])

    def frames(self, k: int, count: int, now: float) -> None:
        """Those of blocks ``k``, ``k + 1``, … came."""
        if self._pending.pop(k, None) is None:
            return
        late = min(count, max(0, math.ceil((now - self.deadline(k)) / BLOCK_S)))
        self.late += late
        self.in_time += count - late
        if late < count:
            self._see(k + late)
            self._seen = k + count

    def missing(self, k: int) -> None:
        """Those of the window of block ``k`` will not come."""
        self.never += self._pending.pop(k, 0)

    def leave(self) -> None:
        """It hangs up: nobody waits for what was not answered."""
        self.left = True
        self.asked -= sum(self._pending.values())
        self.windows -= len(self._pending)
        self._next = min(self._pending, default=self._next)
        self._pending.clear()

    def end(self) -> None:
        """The measure ends: what was not answered never came."""
        for k in list(self._pending):
            self.missing(k)
        self._see(self._next)

    def _see(self, k: int) -> None:
        self.gap = max(self.gap, k - self._seen)
