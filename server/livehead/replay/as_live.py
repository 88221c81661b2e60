"""A session rendered again as its engine made it: the same windows and rewinds in the same order.

A generator that gets the same calls makes the same frames. What differs from the live session is only which of them
are seen: one that came too late then is in its place now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from livehead.core.block import BLOCK_SAMPLES
from livehead.core.frame import Frame
from livehead.core.windows import Window
from livehead.engine.base import Generator
from livehead.engine.worker.joined import joined_pcm
from livehead.replay.events import Event, Made, Opened, Reopened, Rewound, Sent, Submitted
from livehead.replay.overview import Overview
from livehead.replay.portraits import Portraits
from livehead.replay.reader import ReplayFile
from livehead.replay.replayed_stream import ReplayedStream
from livehead.replay.shot import Shot
from livehead.replay.waiting import Waiting

MAX_STREAMS = 8
"""A session has two at most, for a moment; streams that were replaced are closed when they are this many."""

MAX_FRAMES = 256
"""Frames that may wait to be seen, of those made last. No live session keeps so many."""


class AsLive:
    """Iterates over the session's :class:`Shot`, from its first frame on. Raises what the generator raises, and
    :class:`~livehead.errors.MediaError` where the file is not what a session writes."""

    def __init__(self, file: ReplayFile, overview: Overview, generator: Generator) -> None:
        self._file = file
        self._made = overview.made
        self._portraits = Portraits(file, generator)
        self._streams: dict[int, ReplayedStream] = {}
        self._windows: Waiting[Window] = Waiting()
        self._count = 0
        """Steps made so far."""
        self._frames: dict[int, tuple[int, Frame]] = {}
        """By their blocks, each with its stream."""
        self._ticks: deque[Sent] = deque()
        """Those that wait for a frame that is still to be made: it was late."""
        self._last: Frame | None = None
        self._index: int | None = None

    def __iter__(self) -> Iterator[Shot]:
        try:
            for event in self._file.events():
                self._take(event)
                yield from self._shots()
            yield from self._shots(over=True)
        finally:
            for stream in self._streams.values():
                stream.close()

    def _take(self, event: Event) -> None:
        match event:
            case Opened():
                self._streams[event.stream] = self._portraits.stream(event)
                if len(self._streams) > MAX_STREAMS:
                    self._streams.pop(next(iter(self._streams))).close()
            case Reopened():
                self._stream(event.stream).reopen(event.shown_k)
            case Submitted():
                self._windows.add(event.stream, event.window.k, event.window)
            case Made():
                self._make(event)
            case Rewound():
                self._stream(event.stream).rewind(event.shown_k)
                self._take_back(event)
            case Sent():
                self._ticks.append(event)

    def _make(self, event: Made) -> None:
        window = self._made_from(event)
        frames = self._stream(event.stream).step(window, event.batch, event.place)
        self._frames.update((k, (event.stream, frame)) for k, frame in enumerate(frames, window.k))
        while len(self._frames) > MAX_FRAMES:
            del self._frames[next(iter(self._frames))]
        self._count += 1

    def _take_back(self, event: Rewound) -> None:
        """Its blocks get other frames than those that were made already."""
        for k in [k for k, (stream, _) in self._frames.items() if stream == event.stream and k > event.shown_k]:
            del self._frames[k]

    def _made_from(self, event: Made) -> Window:
        """What was stepped, taken out."""
        windows: list[Window] = []
        k = event.k
        for _ in range(event.windows):
            window = self._windows.take(event.stream, k, older=event.older)
            if window is None:
                raise self._file.damaged("it has frames of a window that there is not")
            windows.append(window)
            k += window.hop
        return Window(event.k, k - event.k, windows[-1].lookahead, joined_pcm(windows))

    def _shots(self, *, over: bool = False) -> Iterator[Shot]:
        """Those that are complete by now."""
        while self._ticks:
            tick = self._ticks[0]
            if tick.k is not None:
                found = self._frames.get(tick.k)
                later = not over and self._made.get(tick.k, -1) >= self._count
                if later and (found is None or tick.frame_k != tick.k):
                    return
                if found is not None:
                    self._show(tick.k, found[1])
            self._ticks.popleft()
            yield from self._at(tick)

    def _show(self, k: int, frame: Frame) -> None:
        self._last = frame
        for old in [each for each in self._frames if each <= k]:
            del self._frames[old]

    def _at(self, tick: Sent) -> Iterator[Shot]:
        """Its shot, and before it those of the ticks that the server missed."""
        if self._last is None:
            return
        for index in range(tick.index if self._index is None else self._index + 1, tick.index):
            yield Shot(index, np.zeros(BLOCK_SAMPLES, np.float32), self._last)
        self._index = tick.index
        yield Shot(tick.index, tick.pcm, self._last)

    def _stream(self, number: int) -> ReplayedStream:
        stream = self._streams.get(number)
        if stream is None:
            raise self._file.damaged(f"it has no stream {number}")
        return stream
