"""From one latency preset to another, so that nobody notices."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from livehead.core.playout.playout import Playout
from livehead.engine.base import Preset

SERVER_PATIENCE_S = 3.0
"""A move by the server waits so long for the session's own silence."""

CLIENT_PATIENCE_S = 1.0
"""One that the client asked for: it is expected soon."""

LACKING = 5
"""So many blocks without a frame of their own end the wait: the engine is overloaded, and no picture moves anyway."""

SPACING_S = 0.2
"""Windows change their shape at most once in so long: that may restart the engine's stream, which costs an encoding and
a window."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """``gently``: no sound is given up for it. ``lacking`` is what :attr:`Playout.lacking` was when it was wanted.
    ``on_taken`` is called when windows have that shape."""

    preset: Preset
    since: float
    patience_s: float
    lacking: int
    gently: bool
    on_taken: Callable[[], None]


class PresetMove:
    """One session's; ``preset`` is what its windows have the shape of.

    Windows of a longer hop need a longer delay. That grows first, a block at a time: in silence where there is any
    soon, and else in speech. Windows change when it is there. To a shorter delay windows change first, and the delay
    comes down after them, by skipping blocks without speech. Where another shape restarts the timeline anyway, as
    between two utterances of pushed speech, or where no picture was shown yet, windows change at once. A newer wish
    takes the place of one that is under way. Pure: times are monotonic seconds, passed in.
    """

    def __init__(self, preset: Preset, playout: Playout, take: Callable[[Preset, float], None]) -> None:
        """``take(preset, now)`` is called when the windows are to change."""
        self.preset = preset
        self._playout = playout
        self._take = take
        self._wanted: _Wanted | None = None
        self._growing = False
        self._taken_at = -math.inf

    @property
    def under_way(self) -> bool:
        """Whether windows have yet to change."""
        return self._wanted is not None

    def want(self, preset: Preset, now: float, *, by_client: bool, on_taken: Callable[[], None]) -> None:
        """Go over to ``preset``; :meth:`step` does it. Where windows have its shape, what is under way is given up,
        and ``on_taken`` is called at once; what is given up is never taken. What a client asked for comes sooner, and
        may cost a block of sound now and then."""
        if preset == self.preset:
            self._wanted, self._growing = None, False
            self._playout.unprepare()
            on_taken()
            return
        if self._wanted is not None and self._wanted.preset == preset and self._wanted.gently != by_client:
            return  # it is on its way there
        patience_s = CLIENT_PATIENCE_S if by_client else SERVER_PATIENCE_S
        self._wanted = _Wanted(preset, now, patience_s, self._playout.lacking, not by_client, on_taken)

    def step(self, now: float, *, speaking: bool, restarts: bool, generate_ms: float) -> None:
        """Do what is due. ``restarts``: another shape of windows would restart the timeline now; ``generate_ms``: what
        a step is known to take."""
        wanted = self._wanted
        if wanted is None or now < self._taken_at + SPACING_S:
            return
        preset = wanted.preset
        notices = not restarts and self._playout.shown_k is not None
        if notices and _blocks(preset) > _blocks(self.preset):
            self._growing = self._growing or not speaking or self._may_not_wait(wanted, now)
            if not self._growing:
                return
            self._playout.prepare(preset.hop, preset.lookahead, preset.max_delay_ms, generate_ms=generate_ms)
            if not self._playout.prepared:
                return
        self._wanted, self._growing = None, False
        self._taken_at = now
        self.preset = preset
        self._playout.set_preset(
            preset.hop, preset.lookahead, preset.max_delay_ms, generate_ms=generate_ms, quiet_only=wanted.gently
        )
        self._take(preset, now)
        wanted.on_taken()

    def _may_not_wait(self, wanted: _Wanted, now: float) -> bool:
        return now >= wanted.since + wanted.patience_s or self._playout.lacking >= wanted.lacking + LACKING


def _blocks(preset: Preset) -> int:
    """How many blocks of audio its windows wait for."""
    return preset.hop + preset.lookahead
