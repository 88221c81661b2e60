"""A block's way out: its samples and its frame wait in the playout, and leave for the viewers on time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from livehead.core import mark, test_pattern
from livehead.core.block import Block, Pcm
from livehead.core.frame import Frame
from livehead.core.messages.from_server import Stats
from livehead.core.playout.playout import Playout
from livehead.core.playout.tick import Kind, Tick
from livehead.core.sent_frames import SentFrames
from livehead.engine.base import Preset
from livehead.engine.host.stream import WindowTiming
from livehead.media.peer.viewers import Viewers
from livehead.metrics import Metrics
from livehead.sessions.ahead import Ahead
from livehead.sessions.figures import Figures
from livehead.sessions.frame_trace import FrameTrace
from livehead.sessions.recording.base import Recorder
from livehead.sessions.sources.base import IDLE_BLOCK


class Pacer:
    """One session's. Everything but :meth:`run` is called on the event loop and returns at once.

    ``on_block`` is told of every block that was sent, its delay in milliseconds, and the block of the frame that went
    with it, None where there was none yet; ``on_audio`` gets the samples of every tick. ``marked`` draws the visible
    mark into every frame; ``halves`` is 2 where the lower half of the frames is their alpha. ``frames`` knows which
    frame each of the last ticks carried; ``frames_at`` is when the engine made its last ones.
    """

    def __init__(
        self,
        preset: Preset,
        viewers: Viewers,
        metrics: Metrics,
        *,
        recorder: Recorder,
        with_test_pattern: bool,
        marked: bool = False,
        halves: int = 1,
        on_block: Callable[[int, float, int | None], None],
        on_audio: Callable[[Pcm], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trace = FrameTrace(keep=with_test_pattern)
        self.playout = Playout(hop=preset.hop, lookahead=preset.lookahead, max_delay_ms=preset.max_delay_ms)
        self.frames = SentFrames()
        self.ahead = Ahead()
        self.frames_at: float | None = None
        self._end = IDLE_BLOCK  # one past the last block that came
        self._viewers = viewers
        self._metrics = metrics
        self._recorder = recorder
        self._figures = Figures(metrics)
        self._with_test_pattern = with_test_pattern
        self._mark = marked
        self._halves = halves
        self._last_marked: tuple[Frame, Frame] | None = None
        self._on_block = on_block
        self._on_audio = on_audio
        self._clock = clock
        self._changed = asyncio.Event()

    def push_audio(self, blocks: Sequence[Block]) -> None:
        """These blocks became whole."""
        now = self._clock()
        for block in blocks:
            self.playout.push_audio(block, now)
            captured = self.playout.captured(block.k)
            if captured is not None:
                self.trace.cut(block.k, captured, now)
            self._end = block.k + 1
            frame = self.ahead.take(block.k)
            if frame is not None:
                self._push_early(block.k, frame, now)
        if blocks:
            self._changed.set()

    def push_frames(self, k: int, frames: list[Frame], timing: WindowTiming) -> None:
        """The engine made the frames of blocks ``k``, ``k + 1``, …"""
        self.frames_at = timing.done
        self._metrics.playout.generate.observe(timing.done - timing.started)
        self.playout.expect_usual(timing.usual)
        if self.ahead.answered(k):
            self.trace.generated(k, 0, timing)
            self.playout.expect(self._clock() - timing.submitted, self._clock())
            for block, frame in enumerate(frames, k):
                if block < self._end:
                    self._push_early(block, frame, self._clock())
                else:
                    self.ahead.keep(block, frame)
        else:
            self.trace.generated(k, len(frames), timing)
            self.playout.push_frames(k, frames, self._clock())
        self._changed.set()

    def interrupt(self) -> None:
        """Drop what was not sent yet."""
        self.ahead.clear()
        self.playout.interrupt()
        self._recorder.interrupted()

    def close(self) -> None:
        """The session has ended. A second time does nothing."""
        self.ahead.clear()
        self.playout.close()
        self._last_marked = None

    def push_missing(self, k: int) -> None:
        """The engine gave the window of block ``k`` up."""
        if self.ahead.gave_up(k):
            return
        self.ahead.lose(k)
        self.playout.push_missing(k, self.trace.latency.generate_ms.p95 / 1000, self._clock())
        self._changed.set()

    def last_frame(self, k: int) -> int | None:
        """The block of the last frame that there is of blocks before ``k``, shown or not, None where there is none."""
        return self.playout.last_frame(k)

    def take_back(self, k: int) -> None:
        """Blocks from ``k`` on get other frames than they have, or were to get."""
        self.ahead.give_up(k)
        self.playout.take_back(k)

    async def run(self) -> None:
        """Send a tick whenever one is due, for ever."""
        while True:
            self._changed.clear()
            due = self.due
            if due is None:
                await self._changed.wait()
                continue
            wait = due - self._clock()
            if wait > 0 and await self._changed_within(wait):
                continue
            self.send()

    @property
    def due(self) -> float | None:
        """When the next tick is to be sent, None before there is any audio."""
        return self.playout.due

    def send(self) -> None:
        """Send the tick that is due, if there is one."""
        tick = self.playout.tick(self._clock())
        if tick is not None:
            self._send(tick)

    def sent(self, index: int) -> None:
        """The frame of tick ``index`` went to the socket."""
        self.trace.sent(index, self._clock())

    def stats(self, queue: int, *, preset: str, latency: str) -> Stats:
        """The figures of now, and their growth into the metrics. Parameters as in :meth:`Figures.of`."""
        return self._figures.of(
            self.playout.stats,
            self.trace.latency.generate_ms,
            queue=queue,
            preset=preset,
            latency=latency,
            encoded=self._viewers.encoded_frames,
            encoder_dropped=self._viewers.dropped,
            concealed_s=self._viewers.concealed_s,
            malformed=self._viewers.malformed,
            refused=self._viewers.refused,
            ahead=self.ahead,
        )

    def _push_early(self, k: int, frame: Frame, now: float) -> None:
        """A frame that was asked for ahead of time, and whose block has come. When it came says nothing of what delay
        frames require, unless it is late."""
        self.trace.early(k, now)
        self.playout.push_frames(k, [frame], now, early=True)

    def _send(self, tick: Tick) -> None:
        now = self._clock()
        self._recorder.sent(tick)
        if tick.frame is not None:
            frame = self._marked(tick.frame) if self._mark else tick.frame
            if tick.frame_k is not None:
                self.frames.note(tick.index, tick.frame_k)
            if self._with_test_pattern and tick.frame_k is not None:
                frame = test_pattern.draw(frame, tick.frame_k, tick.loudness)
            if tick.kind is Kind.FRESH and tick.k is not None:
                self.trace.due(tick.k, tick.index, now)
            self._viewers.send_frame(frame, tick.index)
        self._viewers.send_audio(tick.pcm, tick.index)
        if self._on_audio is not None:
            self._on_audio(tick.pcm)
        if tick.k is not None:
            self._metrics.playout.delay.observe(tick.delay_ms / 1000)
            self._metrics.playout.delay_share.observe(tick.delay_ms / self.playout.max_delay_ms)
            self._on_block(tick.k, tick.delay_ms, tick.frame_k)

    def _marked(self, frame: Frame) -> Frame:
        """A frame that is sent again is not drawn again."""
        if self._last_marked is None or self._last_marked[0] is not frame:
            self._last_marked = frame, mark.draw(frame, halves=self._halves)
        return self._last_marked[1]

    async def _changed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True
