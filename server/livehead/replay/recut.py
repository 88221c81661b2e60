"""A session rendered by another generator, or at another preset: what was heard is cut into windows of its own.

Nothing is late, so nothing is repeated or left out. An interrupt cuts a window off, as it does live: the generator goes
on from the last frame before it. Where the portrait changed there is another stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from livehead.core.block import BLOCK_SAMPLES
from livehead.core.windows import Window
from livehead.engine.base import Generator, Preset
from livehead.replay.events import Opened
from livehead.replay.heard import Heard, as_heard
from livehead.replay.portraits import Portraits
from livehead.replay.reader import ReplayFile
from livehead.replay.replayed_stream import ReplayedStream
from livehead.replay.shot import Shot


class Recut:
    """Iterates over the :class:`Shot` of every tick. Raises what the generator raises, and
    :class:`~livehead.errors.MediaError` where the file is not what a session writes."""

    def __init__(self, file: ReplayFile, generator: Generator, preset: Preset) -> None:
        self._file = file
        self._preset = preset
        self._portraits = Portraits(file, generator)
        self._stream: ReplayedStream | None = None
        self._portrait: tuple[object, ...] | None = None

    def __iter__(self) -> Iterator[Shot]:
        heard = as_heard(self._file.events())
        waiting: deque[Heard] = deque()
        wanted = self._preset.hop + self._preset.lookahead
        try:
            while True:
                while len(waiting) < wanted and (following := next(heard, None)) is not None:
                    waiting.append(following)
                if not waiting:
                    return
                yield from self._window(waiting)
        finally:
            if self._stream is not None:
                self._stream.close()

    def _window(self, waiting: deque[Heard]) -> Iterator[Shot]:
        """Make the window at the head of what waits, as far as it is of one portrait and not interrupted."""
        first = waiting[0]
        stream = self._stream_of(first.portrait)
        if first.interrupted:
            stream.rewind(first.index - 1)
        end = next((i for i, each in enumerate(waiting) if i and self._breaks(first, each)), len(waiting))
        blocks = [each.pcm for each in waiting]
        missing = self._preset.hop + self._preset.lookahead - len(blocks)
        pcm = np.concatenate([*blocks, np.zeros(missing * BLOCK_SAMPLES, np.float32)])
        frames = stream.step(Window(first.index, self._preset.hop, self._preset.lookahead, pcm))
        for frame in frames[:end]:
            heard = waiting.popleft()
            yield Shot(heard.index, heard.pcm, frame)

    def _breaks(self, first: Heard, other: Heard) -> bool:
        return other.interrupted or _identity(other.portrait) != _identity(first.portrait)

    def _stream_of(self, portrait: Opened) -> ReplayedStream:
        identity = _identity(portrait)
        if self._stream is None or identity != self._portrait:
            if self._stream is not None:
                self._stream.close()
            self._stream, self._portrait = self._portraits.stream(portrait), identity
        return self._stream


def _identity(portrait: Opened) -> tuple[object, ...]:
    """A stream that is opened once more with the same is the same."""
    return portrait.image, portrait.seed, portrait.background, portrait.picture
