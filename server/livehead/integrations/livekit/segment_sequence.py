"""Which segment the portrait's sound belongs to, block by block.

The server sends sound and pictures without a number on them, and tells on a socket beside them that an utterance
started and how it ended; what it tells comes a little before the media that it tells of, or a little after. So the two
are joined by content: where no speech is, the server sends digital silence, so the first sound after silence is the
first sound of the segment that is next. From there on its samples are counted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from livehead.core.block import BLOCK_S
from livehead.integrations.livekit.segment import Samples, Segment, first_sound

SILENCE = 100
"""Samples up to this, of int16, are what an audio codec makes of silence: -50 dBFS."""

LAG = 3
"""So many blocks the media may come behind what is told of them, before silence is taken for the end of a segment; and
so many silent ones in a row are taken for it where nothing is told, which may take as long as a viewer's reports."""

LONGEST_LAG = 10
"""After so many blocks whatever is heard is not of the segment that ended."""

AHEAD_S = 0.5
"""A segment of which so much waits does not run out of samples on its way."""

UNTOLD = 25
"""After so many blocks an interruption counts as carried out, told or not."""


@dataclass(slots=True)
class Taken:
    """What becomes of one block: whether its picture is shown, whether its sound is played, which segment begins with
    it, and which are over after it."""

    picture: bool = True
    sound: bool = False
    began: Segment | None = None
    ended: list[Segment] = field(default_factory=list)


class SegmentSequence:
    """The segments of one call, in the order they were pushed. Pure: a block is a step in time."""

    def __init__(self) -> None:
        self._segments: deque[Segment] = deque()
        self._dropping: list[Segment] = []  # cut short, and perhaps not yet silenced at the server
        self._dropped = 0  # blocks since
        self._told = 0  # blocks since the server told the last of them
        self._silent = 0  # blocks in a row
        self._quiet = True  # no sound of a segment that was cut short can come any more

    def append(self, segment: Segment) -> None:
        self._segments.append(segment)

    def clear(self) -> list[Segment]:
        """Drop all that has not been played; nothing of it comes out any more. Returns what was dropped."""
        dropped = list(self._segments)
        self._segments.clear()
        for segment in dropped:
            segment.cleared = True
        self._drop(dropped)
        return dropped

    def take(self, sound: Samples) -> Taken:
        """The next block of the call, its sound int16 ``(1920,)`` at 48 kHz."""
        loud = int(np.abs(sound.astype(np.int32)).max(initial=0))
        self._silent = self._silent + 1 if loud <= SILENCE else 0
        if self._dropping and not self._silenced():
            return Taken(picture=False)
        taken = Taken()
        if self._segments:
            self._play(self._segments[0], sound, taken)
        self._quiet = self._quiet or self._silent > 0
        return taken

    def _play(self, head: Segment, sound: Samples, taken: Taken) -> None:
        if head.result is not None and head.interrupted:  # somebody else interrupted
            self._segments.popleft()
            taken.ended.append(head)
            taken.picture = not head.begun
            self._drop([head])
            return
        first = first_sound(sound)
        if not head.begun and (head.started or head.result is not None or (self._quiet and first is not None)):
            head.begun = True
            taken.began = head
        if not head.begun:
            return
        if not head.aligned and first is not None and head.onset is not None and self._quiet:
            head.aligned = True
            head.played = head.onset - first / len(sound) * BLOCK_S
        if not (self._silent and head.aligned and head.loud_now):  # else the server had nothing to send in time
            head.played += BLOCK_S
        head.starved = head.starved or (not head.complete and head.pushed - head.played < AHEAD_S)
        taken.sound = True
        if self._over(head):
            self._segments.popleft()
            taken.ended.append(head)
            if not self._silent:
                self._follow(head)

    def _over(self, head: Segment) -> bool:
        counted = head.aligned and head.played >= head.pushed
        following = self._segments[1] if len(self._segments) > 1 else None
        if head.result is None:
            exact = counted and head.complete and not head.starved
            return exact and (following is not None or self._silent >= LAG)
        head.waited += 1
        if counted and (not head.overrun or (following is not None and following.started)):
            return True
        heard = head.aligned or head.onset is None
        silent = self._silent > 0 and heard and (head.overrun or head.waited >= LAG)
        return silent or head.waited >= LONGEST_LAG

    def _follow(self, ended: Segment) -> None:
        """The next segment, where it follows without a gap to tell them apart, is counted from the end of this one."""
        following = self._segments[0] if self._segments else None
        beyond = ended.played - ended.pushed
        if following is not None and ended.aligned and 0 <= beyond <= LONGEST_LAG * BLOCK_S:
            following.aligned = True
            following.played = beyond

    def _drop(self, segments: list[Segment]) -> None:
        if segments:
            self._dropping += segments
            self._dropped = self._told = 0
            self._quiet = False

    def _silenced(self) -> bool:
        """Whether the sound that comes now is no longer that of what was dropped."""
        self._dropped += 1
        if all(segment.result is not None for segment in self._dropping):
            self._told += 1
        silent = self._silent > 0 if self._told else self._silent >= LAG and self._dropped >= LONGEST_LAG
        if silent or self._told >= LONGEST_LAG or self._dropped >= UNTOLD:
            self._dropping.clear()
            self._quiet = True
        return not self._dropping
