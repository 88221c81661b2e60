"""Pictures and sound in step: each picture with the sound of its 40 ms. Pure: no event loop, no clock."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from livehead.client.call.sender_clock import SenderClock
from livehead.core.block import FPS

RATE = 48_000
"""Samples a second, and the clock of the sound's timestamps (RFC 7587)."""

VIDEO_CLOCK = 90_000

PAIR = RATE // FPS
"""Samples that belong to one picture: 1920."""

PATIENCE = 6 * PAIR
"""How far one stream may run ahead, in samples, before what the other lacks is replaced: pictures by the one before,
sound by silence."""

LONGEST_GAP = 50 * PAIR
"""A longer gap is jumped over instead of filled."""

RECENT = 8 * PAIR
"""How much is kept when a gap is jumped over."""

DRIFT = PAIR // 2
"""How far the pictures may move against the sound, by the sender's reports, before the two are put together anew."""

HELD = 64
"""Pictures that may wait for a sender report, or for sound; then the oldest are dropped."""

Sound = NDArray[np.int16]
Picture = TypeVar("Picture")


class Pairing(Generic[Picture]):
    """Sound is continuous: silence takes the place of what was lost, and a picture that is missing is replaced by the
    one before. Places are counted in samples on the timeline of the sound."""

    def __init__(self) -> None:
        self.audio = SenderClock(RATE)
        self.video = SenderClock(VIDEO_CLOCK)
        self._sounds: deque[tuple[int, Sound]] = deque()
        self._pictures: deque[tuple[int, Picture]] = deque()
        self._offset: int | None = None
        self._next: int | None = None
        self._last: Picture | None = None

    def add_sound(self, timestamp: int, sound: Sound) -> None:
        """Samples ``(n,)``; the timestamp does not wrap."""
        self._sounds.append((timestamp, sound))
        while len(self._sounds) > 4 * HELD:
            self._sounds.popleft()

    def add_picture(self, timestamp: int, picture: Picture) -> None:
        """The timestamp does not wrap."""
        self._pictures.append((timestamp, picture))
        while len(self._pictures) > HELD:
            self._pictures.popleft()

    def take(self) -> tuple[Picture, Sound] | None:
        """The next picture and its :data:`PAIR` samples; None while there is something to wait for."""
        self._align()
        if self._offset is None:
            return None
        if self._next is None and not self._begin():
            return None
        assert self._next is not None
        end = self._next + PAIR
        heard = self._sounds[-1][0] + len(self._sounds[-1][1]) if self._sounds else 0
        seen = self._place(self._pictures[-1][0]) if self._pictures else self._next - PAIR
        if (now := max(heard, seen + PAIR)) - self._next > LONGEST_GAP:
            self._jump(now)
            return self.take()
        has_sound = heard >= end or seen - self._next > PATIENCE
        has_picture = seen > self._next - PAIR // 2 or heard - end > PATIENCE
        if not has_sound or not has_picture:
            return None
        picture = self._picture()
        sound = self._cut(self._next, end)
        self._next = end
        return None if picture is None else (picture, sound)

    def _align(self) -> None:
        """Find where on the sound's timeline the pictures are, in whole packets of sound, and keep to it."""
        if not self._pictures or not self._sounds:
            return
        picture, sound = self._pictures[-1][0], self._sounds[-1][0]
        seen, heard = self.video.wall(picture), self.audio.wall(sound)
        if seen is None or heard is None:
            return
        place = sound + (seen - heard) * RATE
        offset = round(place - picture * RATE / VIDEO_CLOCK)
        if self._offset is None or abs(offset - self._offset) > DRIFT:
            step = len(self._sounds[-1][1])
            on_grid = sound + round((place - sound) / step) * step  # packets of sound and pictures begin together
            self._offset = on_grid - picture * RATE // VIDEO_CLOCK
            self._next = None

    def _place(self, timestamp: int) -> int:
        assert self._offset is not None
        return timestamp * RATE // VIDEO_CLOCK + self._offset

    def _begin(self) -> bool:
        """With the first picture whose sound is there from its beginning; without any sound, as after a gap that the
        pictures came out of first, with the first picture."""
        while self._pictures and self._sounds and self._place(self._pictures[0][0]) < self._sounds[0][0]:
            self._last = self._pictures.popleft()[1]
        if not self._pictures:
            return False
        self._next = self._place(self._pictures[0][0])
        return True

    def _jump(self, now: int) -> None:
        """Go on with what there is of the last moments before ``now``."""
        self._sounds = deque(each for each in self._sounds if each[0] >= now - RECENT)
        self._pictures = deque(each for each in self._pictures if self._place(each[0]) >= now - RECENT)
        self._next = None

    def _picture(self) -> Picture | None:
        """The newest that is not later than this pair's; else the last one again."""
        assert self._next is not None
        while self._pictures and self._place(self._pictures[0][0]) < self._next + PAIR // 2:
            self._last = self._pictures.popleft()[1]
        return self._last

    def _cut(self, start: int, end: int) -> Sound:
        found = np.zeros(end - start, np.int16)
        while self._sounds:
            at, sound = self._sounds[0]
            low, high = max(at, start), min(at + len(sound), end)
            if low < high:
                found[low - start : high - start] = sound[low - at : high - at]
            if at + len(sound) > end:
                break
            self._sounds.popleft()
        return found
