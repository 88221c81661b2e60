"""A live session as the engine sees it: when its windows are complete, when each frame is due, and what became of it.

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
    """The windows of a session, and the delay from a block's first sample to its frame being due, in seconds."""

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
    """One for each of ``hops``, or that of the preset ``latency`` if there are none.

    A hop that a preset has takes everything from that preset. Any other takes lookahead from ``latency``, and as much
    time above its floor. The delay is the longest at which a session's playout would settle, :data:`SLACK_S` below the
    maximum. ``allowance_s``, the time from a complete window to its first frame being due, makes it shorter.

    Raises UsageError for an allowance that the preset does not leave.
    """
    return [_spec_for(presets, latency, hop, allowance_s) for hop in hops or (presets[latency].hop,)]


def _spec_for(presets: Mapping[str, Preset], latency: str, hop: int, allowance_s: float | None) -> WindowSpec:
    having = [name for name, preset in presets.items() if preset.hop == hop]
    name = latency if latency in having or not having else having[0]
    preset = presets[name]
    spare = preset.max_delay_ms / 1000 - (preset.hop + preset.lookahead) * BLOCK_S - SLACK_S
    if allowance_s is not None and allowance_s > spare:
        raise UsageError(f"--allowance {allowance_s * 1000:g}: {name} leaves {spare * 1000:.0f} ms at most")
    allowance = spare if allowance_s is None else allowance_s
    return WindowSpec(name, hop, preset.lookahead, (hop + preset.lookahead) * BLOCK_S + allowance)


def phases(count: int, seed: int | None) -> list[float]:
    """Where in a hop each session's windows become complete, 0 to 1: evenly spread, or at random with a seed."""
    if seed is None:
        return [number / count for number in range(count)]
    chance = random.Random(seed)
    return [chance.random() for _ in range(count)]


def churning_slots(count: int) -> range:
    """Of ``count`` slots, those in which sessions join, leave and change their portrait: half of them, at least one. In
    each of the others one session stays."""
    return range(count - max(1, count // 2), count)


def voice(seed: int) -> Pcm:
    """Some seconds of noise, to be repeated as speech: float32 at 16 kHz."""
    chance = np.random.default_rng(seed)
    return (chance.standard_normal(round(VOICE_S / BLOCK_S) * BLOCK_SAMPLES) * LOUDNESS).astype(np.float32)


class SimulatedSession:
    """One session from its first audio on.

    ``asked`` counts the frames of windows that were cut, ``in_time`` those that arrived before they were due, ``late``
    those that arrived after, ``never`` those that did not arrive. ``gap`` is the longest run of blocks without a frame
    in time.
    """

    def __init__(self, spec: WindowSpec, start: float, audio: Pcm) -> None:
        self.spec = spec
        self.start = start
        self.left = False
        self.windows = self.asked = self.in_time = self.late = self.never = self.gap = 0
        self._audio = audio
        self._next = 0
        self._seen = 0  # one past the last block whose frame was in time
        self._pending: dict[int, int] = {}

    @property
    def complete_at(self) -> float:
        """When the next window is complete."""
        return self.start + self._next * BLOCK_S + self.spec.floor_s

    @property
    def pending(self) -> int:
        """Windows that were cut and have no result yet."""
        return len(self._pending)

    @property
    def lost(self) -> int:
        return self.late + self.never

    def deadline(self, k: int) -> float:
        """When the frame of block ``k`` is due."""
        return self.start + k * BLOCK_S + self.spec.delay_s

    def cut(self) -> Window:
        """The window that is complete now."""
        k, spec = self._next, self.spec
        first = k * BLOCK_SAMPLES
        place = np.arange(first, first + (spec.hop + spec.lookahead) * BLOCK_SAMPLES) % len(self._audio)
        self._next += spec.hop
        self._pending[k] = spec.hop
        self.windows += 1
        self.asked += spec.hop
        return Window(k, spec.hop, spec.lookahead, self._audio[place])

    def frames(self, k: int, count: int, now: float) -> None:
        """The frames of blocks ``k``, ``k + 1``, … arrived."""
        if self._pending.pop(k, None) is None:
            return
        late = min(count, max(0, math.ceil((now - self.deadline(k)) / BLOCK_S)))
        self.late += late
        self.in_time += count - late
        if late < count:
            self._see(k + late)
            self._seen = k + count

    def missing(self, k: int) -> None:
        """The frames of the window that begins at block ``k`` will not arrive."""
        self.never += self._pending.pop(k, 0)

    def leave(self) -> None:
        """It hangs up: windows without a result do not count."""
        self.left = True
        self.asked -= sum(self._pending.values())
        self.windows -= len(self._pending)
        self._next = min(self._pending, default=self._next)
        self._pending.clear()

    def end(self) -> None:
        """The measurement ends: windows without a result never arrived."""
        for k in list(self._pending):
            self.missing(k)
        self._see(self._next)

    def _see(self, k: int) -> None:
        self.gap = max(self.gap, k - self._seen)
