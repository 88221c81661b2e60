"""Whether frames come for a session: its engine is up, and its picture moves."""

from __future__ import annotations

from collections.abc import Callable

from livehead.core.block import BLOCK_S
from livehead.core.lifecycle import Event

STILL_S = 1.5
"""Sound went out for so long without a new frame: longer than a takeover or a change of preset takes. An engine that
hangs is given up only after five seconds or more, and until then nobody else knows."""

MOST_STILL = round(STILL_S / BLOCK_S)


class FrameSupply:
    """One session's. ``tell`` is called with ENGINE_DOWN where the engine says that it is down, or the picture has
    stood still for :data:`STILL_S`, and with ENGINE_UP when neither is so any more."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._engine_up = self._told_up = True
        self._newest: int | None = None
        self._still = 0

    def engine(self, *, up: bool) -> None:
        """What the engine says of the session's stream."""
        self._engine_up = up
        self._tell_change()

    def block_sent(self, frame: int | None) -> None:
        """A block went out with the frame of block ``frame``; None before there is any, which is no fault yet."""
        if frame == self._newest:
            self._still += frame is not None
        else:
            self._newest, self._still = frame, 0
        self._tell_change()

    def _tell_change(self) -> None:
        up = self._engine_up and self._still < MOST_STILL
        if up != self._told_up:
            self._told_up = up
            self._tell(Event.ENGINE_UP if up else Event.ENGINE_DOWN)
