"""When the portrait begins to speak, and when it ceases."""

from __future__ import annotations

from livehead.core.messages.from_server import AvatarActivity

BRIEF = 3
"""Blocks of silence within speech that are no end of it."""


class SpeechActivity:
    """By the blocks that were sent. Each method returns what there is to tell, None for no change. ``brief`` blocks of
    silence are no end of speech that goes on."""

    def __init__(self, brief: int = BRIEF) -> None:
        self._brief = brief
        self._last: int | None = None  # the last block of speech, while the portrait speaks
        self._silent = 0

    @property
    def speaking(self) -> bool:
        return self._last is not None

    def block_sent(self, k: int, *, speech: bool, more: bool) -> AvatarActivity | None:
        """Block ``k`` was sent. ``speech``: it is some; ``more``: so is one that waits, or the utterance goes on."""
        if speech:
            began, self._last, self._silent = self._last is None, k, 0
            return AvatarActivity("speaking", k) if began else None
        if self._last is None:
            return None
        self._silent += 1
        return None if more and self._silent <= self._brief else self.cease()

    def cease(self) -> AvatarActivity | None:
        """Nothing more of it comes."""
        last, self._last = self._last, None
        return None if last is None else AvatarActivity("silent", last)
