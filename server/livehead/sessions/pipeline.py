"""A block's way in: from the source, cut into windows, to the engine, and to the pacer to wait for its frame."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from livehead.core.block import BLOCK_SAMPLES, Block, quantize
from livehead.core.messages.from_server import Stats
from livehead.core.windows import Window, Windows
from livehead.engine.base import Preset
from livehead.sessions.pacer import Pacer
from livehead.sessions.portrait.engine_attachment import EngineAttachment
from livehead.sessions.sources.base import IDLE_BLOCK, Source, Span

RESTART_S = 0.2
"""However often a client interrupts or changes its preset: the engine's stream is restarted for it, which costs an
encoding and a window, at most once in so long, and takes another shape as rarely."""


class Pipeline:
    """One session's, whatever its source. Everything is called on the event loop and returns at once. Before there is
    a first attachment the timeline stands still. ``quantized`` rounds every sample to 16 bits. ``on_interrupt`` is
    called with every interrupt, before anything is dropped."""

    def __init__(
        self,
        source: Source,
        preset: Preset,
        pacer: Pacer,
        *,
        quantized: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._windows = Windows(preset.hop, preset.lookahead, IDLE_BLOCK)
        self._pacer = pacer
        self._quantized = quantized
        self._clock = clock
        self._attachment: EngineAttachment | None = None
        self._preset = preset
        self._wanted_preset = preset
        self._preset_at = -math.inf
        self._restarted_at = -math.inf
        self._early: deque[Block] = deque()
        """Blocks that went to the engine ahead of time, and are not yet the playout's."""
        self._interrupted = False
        """The source is to be restarted."""
        self.on_interrupt: Callable[[], None] = lambda: None

    @property
    def attachment(self) -> EngineAttachment | None:
        return self._attachment

    def attach(self, attachment: EngineAttachment) -> EngineAttachment | None:
        """Give the next windows to ``attachment``; returns the one before."""
        before, self._attachment = self._attachment, attachment
        return before

    @property
    def speaking(self) -> bool:
        """Whether there is speech now, or a pause within it."""
        return self._source.speaking

    @property
    def preset(self) -> Preset:
        """What the windows have the shape of."""
        return self._preset

    def push(self, span: Span | None) -> None:
        """The source's next samples."""
        if span is None or self._attachment is None:
            return
        left: tuple[Window, ...] = ()
        block = span.start // BLOCK_SAMPLES
        if span.discontinuity:
            left = self._windows.seek(block)
            self._pacer.playout.seek(block, restart=span.restart)
            if span.restart:
                self._forget_ahead()
        cut = self._windows.push(span.start, quantize(span.pcm) if self._quantized else span.pcm)
        self._early.extend(cut.blocks)
        self._release()
        if span.restart:
            shown = self._pacer.playout.restart_from(block)
            if shown is not None:
                self._attachment.rewind(shown)
        come = self._source.come
        for window in cut.windows if span.restart else left + cut.windows:
            if come is not None and window.k + window.hop + window.lookahead > come:
                self._pacer.ahead.submitted(window.k)
            self._attachment.submit(window, self._pacer.playout.deadline(window.k))

    def poll(self) -> float | None:
        """Do what is due without anything new having come. Returns when to call again, None for about every 40 ms."""
        if self._attachment is None:
            return None
        now = self._clock()
        if self._wanted_preset != self._preset and now >= self._preset_at + RESTART_S:
            self._take_preset(now)
        if self._interrupted:
            if now < self._restarted_at + RESTART_S:
                return self._restarted_at + RESTART_S
            self._restart(now)
        self.push(self._source.poll(now, self._windows.whole))
        self._release()
        return self._source.due

    def set_preset(self, preset: Preset) -> None:
        """Change the shape of the windows. Of changes within :data:`RESTART_S` the newest is taken."""
        self._wanted_preset = preset
        now = self._clock()
        if preset != self._preset and now >= self._preset_at + RESTART_S:
            self._take_preset(now)

    def move_to(self, preset: Preset) -> None:
        """Go over to another shape of windows without anybody noticing: in silence where there is some soon, and a
        little at a time where there is none. A newer choice takes the place of one that is under way."""
        self.set_preset(preset)

    def interrupt(self, *, by_speaker: bool = False) -> None:
        """Drop what was not shown yet and what waits to be spoken. The portrait falls to rest from the last frame
        that was shown, and goes on with what comes next. Nothing happens where nothing came since the last one; of
        several within :data:`RESTART_S` each silences at once, and together they restart the stream once."""
        self.on_interrupt()
        now = self._clock()
        if not self._source.interrupt(now, by_speaker=by_speaker):
            return
        self._early.clear()
        self._pacer.interrupt()
        self._interrupted = True
        if self._attachment is not None and now >= self._restarted_at + RESTART_S:
            self._restart(now)

    def stats(self) -> Stats:
        """The figures of now, and their growth into the metrics."""
        return self._pacer.stats(self._attachment.waiting if self._attachment else 0)

    def _release(self) -> None:
        """The blocks that have come go to the playout, one every 40 ms, however early they went to the engine."""
        come, blocks = self._source.come, list[Block]()
        while self._early and (come is None or self._early[0].k < come):
            blocks.append(self._early.popleft())
        self._pacer.push_audio(blocks)

    def _forget_ahead(self) -> None:
        """What went to the engine ahead of time is not to be shown."""
        self._early.clear()
        self._pacer.ahead.clear()

    def _restart(self, now: float) -> None:
        self._interrupted = False
        self._restarted_at = now
        self.push(self._source.restart(now))

    def _take_preset(self, now: float) -> None:
        preset = self._preset = self._wanted_preset
        self._preset_at = now
        self._windows.set_hop(preset.hop, preset.lookahead)
        self._pacer.playout.set_preset(preset.hop, preset.lookahead, preset.max_delay_ms)
        self.push(self._source.set_preset(preset.hop, preset.lookahead, now))
