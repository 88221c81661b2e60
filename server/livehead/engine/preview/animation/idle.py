"""Idle motion: blinks, glances, raised brows, small head movements and breathing."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from livehead.core.block import FPS
from livehead.engine.preview.audio.features import Features

BLINK = (0.45, 0.95, 1.0, 0.72, 0.4, 0.16, 0.05)
"""How far the lids are shut in each frame of a blink: they close fast and open more slowly."""

PAUSES = 0.35
"""More speech than this, as :class:`IdleMotion` averages it, makes the silence after it a pause."""

BY_ONE = 64
"""The last frames of a jump are gone through one by one."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Everything but the mouth. ``lids`` runs from 0 (open) to 1 (shut); ``gaze_x`` and ``gaze_y`` are in eye spans, to
    the right and down; ``brows`` and ``smile`` -1..1; ``yaw``, ``pitch`` and ``roll`` are small rotations in radians
    (to the right, down, clockwise); ``sway`` and ``bob`` are shifts in eye spans, to the right and down; ``breath``
    0..1. An eye span is the distance between the pupils."""

    lids: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    brows: float = 0.0
    smile: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    sway: float = 0.0
    bob: float = 0.0
    breath: float = 0.0


@dataclass(frozen=True, slots=True)
class IdleMotion:
    """The state of one face's idle motion at one frame. It is immutable: :meth:`next` returns the state of the next
    frame, so a stream can go back to any earlier one. All randomness is a function of ``seed`` and ``count``."""

    seed: int
    count: int = 0
    blink_at: int = 18
    blinked: int = -1
    glance_at: int = 40
    gaze: tuple[float, float] = (0.0, 0.0)
    gaze_target: tuple[float, float] = (0.0, 0.0)
    speech: float = 0.0
    brows: float = 0.0
    nod: float = 0.0
    pose: Pose = Pose()

    def next(self, features: Features) -> IdleMotion:
        """The state one frame later, in which audio with these features was heard."""
        n, speech = self.count + 1, self.speech + 0.08 * (min(1.0, features.level) - self.speech)
        blink_at, blinked, lids = self._blink(n, features)
        glance_at, gaze_target = self._glance(n) if n >= self.glance_at else (self.glance_at, self.gaze_target)
        (x, y), (to_x, to_y) = self.gaze, gaze_target
        gaze = (x + 0.55 * (to_x - x), y + 0.55 * (to_y - y))
        stress = features.onset * min(1.0, features.level)
        brows = self.brows * 0.9 + 0.30 * stress * (0.2 + self._random(n // 6, 8)) * (1 - self.brows)
        nod = self.nod * 0.86 + 0.28 * stress * (1 - self.nod)
        pose = self._pose(n, lids, gaze, brows, nod, speech)
        return replace(
            self, count=n, blink_at=blink_at, blinked=blinked, glance_at=glance_at, gaze=gaze, gaze_target=gaze_target,
            speech=speech, brows=brows, nod=nod, pose=pose,
        )  # fmt: skip

    def after(self, frames: int) -> IdleMotion:
        """The state so many silent frames later, as :meth:`next` makes it but for rounding. It goes from one blink
        and glance to the next: an hour takes 10 ms."""
        state = self
        while frames and (frames <= BY_ONE or state.speech > PAUSES or state.blinked >= 0):
            state, frames = state.next(Features()), frames - 1
        if not frames:
            return state
        jump = frames - BY_ONE
        return state._jumped(state.count + jump, jump).after(BY_ONE)

    def _jumped(self, to: int, frames: int) -> IdleMotion:
        """The state at frame ``to``, ``frames`` later, without the pose."""
        blink_at, blinked = self.blink_at, -1
        while blinked < 0 and (began := max(blink_at, self.count + 1)) <= to:
            end = began + len(BLINK) - 1
            if end <= to:
                blink_at = self._next_blink(end)
            else:
                blinked = began
        glance_at, gaze_target, gaze, seen = self.glance_at, self.gaze_target, self.gaze, self.count
        while (n := max(glance_at, self.count + 1)) <= to:
            gaze, seen = _approached(gaze, gaze_target, n - 1 - seen), n - 1
            glance_at, gaze_target = self._glance(n)
        return replace(
            self, count=to, blink_at=blink_at, blinked=blinked, glance_at=glance_at, gaze_target=gaze_target,
            gaze=_approached(gaze, gaze_target, to - seen), speech=self.speech * 0.92**frames,
            brows=self.brows * 0.9**frames, nod=self.nod * 0.86**frames,
        )  # fmt: skip

    def _glance(self, n: int) -> tuple[int, tuple[float, float]]:
        """When the glance after that of frame ``n`` is, and where the eyes look until then."""
        away = self._random(n, 3) < 0.45
        aside = ((self._random(n, 4) - 0.5) * 0.055, (self._random(n, 5) - 0.45) * 0.025)
        seconds = 0.5 + 1.2 * self._random(n, 6) if away else 1.2 + 2.6 * self._random(n, 7)
        return n + int(seconds * FPS), aside if away else (0.0, 0.0)

    def _next_blink(self, n: int) -> int:
        """When the next blink is, after one that ended at frame ``n``."""
        twice = self._random(n, 1) < 0.12
        return n + (5 if twice else int((1.6 + 3.4 * self._random(n, 2)) * FPS))

    def _blink(self, n: int, features: Features) -> tuple[int, int, float]:
        at, began = self.blink_at, self.blinked
        # People blink when they pause: a pause brings a blink forward that is nearly due.
        due = n >= at or (features.level <= 0 and self.speech > PAUSES and n >= at - FPS)
        if began < 0 and due:
            began = n
        if began < 0:
            return at, began, 0.0
        lids = BLINK[n - began]
        if n - began + 1 < len(BLINK):
            return at, began, lids
        return self._next_blink(n), -1, lids

    def _pose(self, n: int, lids: float, gaze: tuple[float, float], brows: float, nod: float, speech: float) -> Pose:
        t = n / FPS
        more = 0.55 + 0.75 * speech
        yaw = (self._drift(t, 0.11, 10) * 0.045 + self._drift(t, 0.31, 11) * 0.022) * more + gaze[0] * 0.25
        pitch = (self._drift(t, 0.13, 12) * 0.028 + self._drift(t, 0.43, 13) * 0.014) * more + nod * 0.045
        roll = (self._drift(t, 0.09, 14) * 0.022 + self._drift(t, 0.27, 15) * 0.010) * more
        sway = self._drift(t, 0.08, 16) * 0.022 * more
        breath = 0.5 - 0.5 * math.cos(2 * math.pi * (t / 3.9 + self._random(0, 17)))
        return Pose(
            lids=lids,
            gaze_x=gaze[0] - yaw * 0.22,
            gaze_y=gaze[1] - pitch * 0.18,
            brows=max(-1.0, min(1.0, brows + 0.22 * self._drift(t, 0.12, 18))),
            smile=0.25 * self._drift(t, 0.07, 19),
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            sway=sway,
            bob=-0.012 * breath,
            breath=breath,
        )

    def _drift(self, t: float, hertz: float, channel: int) -> float:
        """A smooth movement that does not repeat, -1..1: the sum of two sines with incommensurable periods."""
        a, b = self._random(0, 2 * channel), self._random(0, 2 * channel + 1)
        return 0.62 * math.sin(2 * math.pi * (hertz * t + a)) + 0.38 * math.sin(2 * math.pi * (hertz * 1.618 * t + b))

    def _random(self, n: int, channel: int) -> float:
        """A number in 0..1 that depends on seed, ``n`` and ``channel`` alone (the finaliser of splitmix64)."""
        x = (self.seed * 0x9E3779B97F4A7C15 + n * 0xD1B54A32D192ED03 + channel * 0x8CB92BA72F3D8DD7) & (2**64 - 1)
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & (2**64 - 1)
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB & (2**64 - 1)
        return ((x ^ (x >> 31)) >> 11) / 2**53


def _approached(gaze: tuple[float, float], target: tuple[float, float], frames: int) -> tuple[float, float]:
    """Where the eyes look that have turned towards ``target`` for so many frames."""
    left = 0.45**frames
    return target[0] + left * (gaze[0] - target[0]), target[1] + left * (gaze[1] - target[1])
