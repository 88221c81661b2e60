"""Where an agent's speech goes when a portrait speaks it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from livekit import rtc
from livekit.agents.voice import avatar, io

from livehead.integrations.livekit.segment import SegmentPlayback


@dataclass(slots=True, eq=False)
class _Captured:
    """A segment that the agent has given. ``forwarded``: the generator has some of it; ``cleared``: it was dropped."""

    forwarded: bool = False
    cleared: bool = False


class AudioOutput(io.AudioOutput, avatar.AudioReceiver):
    """Between an ``AgentSession``, whose output it is, and an ``AvatarRunner``, which reads it.

    As livekit-agents' own ``QueueAudioOutput``, but with an account of every segment: each is told as finished exactly
    once, by :meth:`on_segment`, which is for the generator: it knows how much of a segment was played. The runner's
    notices are not taken, as it loses count where a segment is pushed while another is played, and where one is
    dropped before the runner has seen it. The queue is as long as what the agent says: agents make speech faster than
    it is spoken, and expect to be rid of it.
    """

    def __init__(self, *, sample_rate: int | None = None) -> None:
        super().__init__(
            label="Livehead", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=sample_rate
        )
        self._segments: deque[_Captured] = deque()  # captured, and not told as finished
        self._open: _Captured | None = None  # the one that goes on
        self._queue: deque[tuple[_Captured, rtc.AudioFrame | avatar.AudioSegmentEnd]] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Samples of the present segment."""
        await super().capture_frame(frame)
        if self._open is None:
            self._open = _Captured(cleared=self._closed)
            self._segments.append(self._open)
        if not self._closed:
            self._put(self._open, frame)

    def flush(self) -> None:
        """The present segment is complete."""
        super().flush()
        if self._open is not None and not self._closed:
            self._put(self._open, avatar.AudioSegmentEnd())
        self._open = None
        self._finish_unseen()

    def clear_buffer(self) -> None:
        """Drop all segments. Those that come after begin when it is known how much of these was played."""
        self.flush()
        self._queue.clear()
        for segment in self._segments:
            segment.cleared = True
        self.emit("clear_buffer")  # type: ignore[arg-type]  # an event of the other base class
        self._finish_unseen()

    def on_segment(self, playback: SegmentPlayback) -> None:
        """What became of the oldest segment that the generator has."""
        if playback.state == "started":
            self.on_playback_started(created_at=time.time())
        elif self._segments and self._segments[0].forwarded:
            self._finish(playback.position, interrupted=playback.state == "interrupted")
            self._finish_unseen()

    def notify_playback_started(self) -> None:
        """Of the runner; the generator's notice is taken."""

    def notify_playback_finished(self, playback_position: float, interrupted: bool) -> None:
        """Of the runner; the generator's notice is taken."""

    async def aclose(self) -> None:
        """Nothing is played any more: what was not finished ends here, and so does what comes later."""
        self._closed = True
        self._queue.clear()
        self.flush()
        while self._segments:
            self._finish(0.0, interrupted=True)

    def __aiter__(self) -> AsyncIterator[rtc.AudioFrame | avatar.AudioSegmentEnd]:
        return self._forward()

    async def _forward(self) -> AsyncIterator[rtc.AudioFrame | avatar.AudioSegmentEnd]:
        while True:
            if not self._queue or self._segments[0].cleared:
                self._wake.clear()
                await self._wake.wait()
                continue
            segment, item = self._queue.popleft()
            segment.forwarded = True
            yield item

    def _put(self, segment: _Captured, item: rtc.AudioFrame | avatar.AudioSegmentEnd) -> None:
        self._queue.append((segment, item))
        self._wake.set()

    def _finish(self, position: float, *, interrupted: bool) -> None:
        self._segments.popleft()
        self._wake.set()
        self.on_playback_finished(playback_position=position, interrupted=interrupted)

    def _finish_unseen(self) -> None:
        """What was dropped before the generator saw it ends with those before it."""
        while self._segments and self._segments[0].cleared and not self._segments[0].forwarded:
            self._finish(0.0, interrupted=True)
