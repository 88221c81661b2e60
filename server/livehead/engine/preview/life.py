"""What a face does by itself: blinks, glances, brows, small head movements, breath."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from livehead.core.block import FPS
from livehead.engine.preview.features import Features

LID_FALL = (0.45, 0.95, 1.0, 0.72, 0.4, 0.16, 0.05)
"""How far the lids are shut in each frame of a blink: quick down, slower up."""


@dataclass(frozen=True, slots=True)
class Pose:
    """All but the mouth. ``lids`` 0 open .. 1 shut; ``gaze`` is in eye spans, right and down;
    ``brows`` and ``smile`` -1..1; ``yaw``, ``pitch`` and ``roll`` are small turns in radians (to
    the right, down, clockwise); ``sway`` and ``bob`` are shifts in eye spans; ``breath`` 0..1."""

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
class Life:
    """One face's inner clock. A value: :meth:`next` gives the life after one frame, so that any
    moment can be gone back to. Chance comes from ``seed`` and the count alone."""

    seed: int
    count: int = 0
    blink_at: int = 18
    blinked: int = -1
    glance_at: int = 40
    look: tuple[float, float] = (0.0, 0.0)
    aim: tuple[float, float] = (0.0, 0.0)
    talk: float = 0.0
    brows: float = 0.0
    nod: float = 0.0
    pose: Pose = Pose()

    def next(self, heard: Features) -> Life:
        """The life one frame on, with what is heard meanwhile."""
        n, talk = self.count + 1, self.talk + 0.08 * (min(1.0, heard.level) - self.talk)
        blink_at, blinked, lids = self._blink(n, heard)
        glance_at, aim = self.glance_at, self.aim
        if n >= glance_at:
            away = self._chance(n, 3) < 0.45
            aim = ((self._chance(n, 4) - 0.5) * 0.055, (self._chance(n, 5) - 0.45) * 0.025) if away else (0.0, 0.0)
            glance_at = n + int(
                (0.5 + 1.2 * self._chance(n, 6)) * FPS if away else (1.2 + 2.6 * self._chance(n, 7)) * FPS
            )
        look = (self.look[0] + 0.55 * (aim[0] - self.look[0]), self.look[1] + 0.55 * (aim[1] - self.look[1]))
        stress = heard.onset * min(1.0, heard.level)
        brows = self.brows * 0.9 + 0.30 * stress * (0.2 + self._chance(n // 6, 8)) * (1 - self.brows)
        nod = self.nod * 0.86 + 0.28 * stress * (1 - self.nod)
        pose = self._pose(n, lids, look, brows, nod, talk)
        return replace(
            self, count=n, blink_at=blink_at, blinked=blinked, glance_at=glance_at, look=look, aim=aim, talk=talk,
            brows=brows, nod=nod, pose=pose,
        )  # fmt: skip

    def _blink(self, n: int, heard: Features) -> tuple[int, int, float]:
        at, began = self.blink_at, self.blinked
        # People blink as they stop to speak: a pause brings a blink that is nearly due forward.
        due = n >= at or (heard.level <= 0 and self.talk > 0.35 and n >= at - FPS)
        if began < 0 and due:
            began = n
        if began < 0:
            return at, began, 0.0
        lids = LID_FALL[n - began]
        if n - began + 1 < len(LID_FALL):
            return at, began, lids
        twice = self._chance(n, 1) < 0.12
        return n + (5 if twice else int((1.6 + 3.4 * self._chance(n, 2)) * FPS)), -1, lids

    def _pose(self, n: int, lids: float, look: tuple[float, float], brows: float, nod: float, talk: float) -> Pose:
        t = n / FPS
        more = 0.55 + 0.75 * talk
        yaw = (self._drift(t, 0.11, 10) * 0.045 + self._drift(t, 0.31, 11) * 0.022) * more + look[0] * 0.25
        pitch = (self._drift(t, 0.13, 12) * 0.028 + self._drift(t, 0.43, 13) * 0.014) * more + nod * 0.045
        roll = (self._drift(t, 0.09, 14) * 0.022 + self._drift(t, 0.27, 15) * 0.010) * more
        sway = self._drift(t, 0.08, 16) * 0.022 * more
        breath = 0.5 - 0.5 * math.cos(2 * math.pi * (t / 3.9 + self._chance(0, 17)))
        return Pose(
            lids=lids,
            gaze_x=look[0] - yaw * 0.22,
            gaze_y=look[1] - pitch * 0.18,
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
        """Smooth and never quite the same: two sines whose periods do not meet, -1..1."""
        a, b = self._chance(0, 2 * channel), self._chance(0, 2 * channel + 1)
        return 0.62 * math.sin(2 * math.pi * (hertz * t + a)) + 0.38 * math.sin(2 * math.pi * (hertz * 1.618 * t + b))

    def _chance(self, n: int, channel: int) -> float:
        """0..1, by the seed, a count and a purpose (the finaliser of splitmix64)."""
        x = (self.seed * 0x9E3779B97F4A7C15 + n * 0xD1B54A32D192ED03 + channel * 0x8CB92BA72F3D8DD7) & (2**64 - 1)
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & (2**64 - 1)
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB & (2**64 - 1)
        return ((x ^ (x >> 31)) >> 11) / 2**53
