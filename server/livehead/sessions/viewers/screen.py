"""What the viewers' screens show, by their own reports."""

from __future__ import annotations

from collections.abc import Callable

from livehead.core.messages.from_client import Shown
from livehead.core.sent_frames import SentFrames
from livehead.core.speech.playback_log import REPORTS_S


class Screen:
    """The screen that counts: of the viewer that was the first to report a frame, until it leaves or reports none for
    :data:`REPORTS_S`. Then it is that of the next one that does."""

    def __init__(self, frames: SentFrames) -> None:
        self._frames = frames
        self._viewer: str | None = None
        self._reported_at = 0.0

    def read(self, viewer: str, shown: Shown, index_of: Callable[[int], int | None], now: float) -> int | None:
        """The block of the frame that a viewer reports; None where it is not the one that counts, or never got such a
        frame. ``index_of`` gives the tick of the frame that went to it with an RTP timestamp, None where none did."""
        if self._viewer not in (None, viewer) and now - self._reported_at <= REPORTS_S:
            return None
        index = None if shown.rtp is None else index_of(shown.rtp)
        k = None if index is None else self._frames.at(index)
        if k is None and shown.k is not None:
            k = self._frames.of_code(shown.k)
        if k is not None:
            self._viewer, self._reported_at = viewer, now
        return k

    def leave(self, viewer: str) -> bool:
        """A viewer has left. Says whether it was the one that counted."""
        if viewer != self._viewer:
            return False
        self._viewer = None
        return True
