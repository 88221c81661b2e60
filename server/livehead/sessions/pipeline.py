"""A block's way in: from the source, cut into windows, to the engine, and to the pacer to wait for its frame."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable

from livehead.core.block import BLOCK_SAMPLES, Block, quantize
from livehead.core.governor.phases import Phases
from livehead.core.messages.from_server import Stats
from livehead.core.windows import Window, Windows
from livehead.engine.base import Preset
from livehead.sessions.pacer import Pacer
from livehead.sessions.portrait.engine_attachment import EngineAttachment
from livehead.sessions.preset_move import PresetMove
from livehead.sessions.silence import Silence
from livehead.sessions.sources.base import IDLE_BLOCK, Source, Span
from livehead.sessions.window_phase import WindowPhase

RESTART_S = 0.2
"""However often a client interrupts: the engine's stream is restarted for it, which costs an encoding and a window, at
most once in so long."""

KEPT_BLOCKS = 64
"""Blocks that can still be handed to the engine once more: more than may wait to be sent."""


class Pipeline:
    """One session's, whatever its source. Everything is called on the event loop and returns at once. Before there is
    a first attachment the timeline stands still. ``quantized`` rounds every sample to 16 bits. ``on_interrupt`` is
    called with every interrupt, before anything is dropped. ``silence_hop`` and ``step_hops`` are the engine's
    (:class:`~livehead.engine.base.GeneratorInfo`); ``phases`` are those of all sessions at it, by id, of
    which this is ``session``."""

    def __init__(
        self,
        source: Source,
        preset: Preset,
        pacer: Pacer,
        *,
        quantized: bool = False,
        silence_hop: int = 0,
        step_hops: Collection[int] = (),
        phases: Phases | None = None,
        session: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._windows = Windows(
            preset.hop, preset.lookahead, IDLE_BLOCK, is_speech=source.is_speech, kept=KEPT_BLOCKS, hops=step_hops
        )
        self._phase = WindowPhase(
            Phases() if phases is None else phases, session, step_hops, self._windows, pacer.playout, clock
        )
        self._silence = Silence(silence_hop, source, self._windows, pacer, self._submit, self._phase)
        self._pacer = pacer
        self._quantized = quantized
        self._clock = clock
        self._attachment: EngineAttachment | None = None
        self._move = PresetMove(preset, pacer.playout, self._take_preset)
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
        if before is not None:
            self._silence.give_up(before, self._clock())
        return before

    @property
    def speaking(self) -> bool:
        """Whether there is speech now, or a pause within it."""
        return self._source.speaking

    @property
    def preset(self) -> Preset:
        """What the windows have the shape of."""
        return self._move.preset

    def settled(self, k: int) -> bool:
        """Whether block ``k`` waits as long as blocks usually do with this preset."""
        return self._pacer.playout.settled(k)

    def push(self, span: Span | None) -> None:
        """The source's next samples."""
        if span is None or self._attachment is None:
            return
        left: tuple[Window, ...] = ()
        block = span.start // BLOCK_SAMPLES
        # Frames of a silence that ends here will not be shown: the engine goes on from one that will be.
        restart = span.restart or (span.discontinuity and self._silence.made_ahead)
        if span.discontinuity:
            left = self._windows.seek(block)
            self._pacer.playout.seek(block, restart=span.restart)
            if restart:
                self._forget_ahead()
        cut = self._windows.push(span.start, quantize(span.pcm) if self._quantized else span.pcm)
        self._early.extend(cut.blocks)
        self._release()
        if span.discontinuity:
            self._begin_phase()
        if restart:
            shown = self._pacer.playout.restart_from(block)
            if shown is not None:
                self._attachment.rewind(shown)
        self._submit(self._attachment, cut.windows if restart else left + cut.windows)
        self._follow_speech(block_came=bool(cut.blocks))

    def poll(self) -> float | None:
        """Do what is due without anything new having come. Returns when to call again, None for about every 40 ms."""
        if self._attachment is None:
            return None
        now = self._clock()
        self._step(now)
        if self._interrupted:
            if now < self._restarted_at + RESTART_S:
                return self._restarted_at + RESTART_S
            self._restart(now)
        self.push(self._source.poll(now, self._windows.whole))
        self._release()
        self._follow_speech()
        return self._source.due

    def set_preset(self, preset: Preset, on_taken: Callable[[], None] = lambda: None) -> None:
        """The client asks for another shape of windows: see :class:`PresetMove`. ``on_taken`` is called when they have
        it, unless a newer choice came before."""
        self._want(preset, by_client=True, on_taken=on_taken)

    def move_to(self, preset: Preset, on_taken: Callable[[], None] = lambda: None) -> None:
        """Go over to another shape of windows without anybody noticing: in silence where there is some soon, and a
        little at a time where there is none. ``on_taken`` as in :meth:`set_preset`."""
        self._want(preset, by_client=False, on_taken=on_taken)

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

    def close(self) -> None:
        """Nothing comes any more. A second time does nothing."""
        self._attachment = None
        self._phase.free()
        self._early.clear()
        self._windows.clear()
        self._pacer.close()

    def stats(self, *, preset: str, latency: str) -> Stats:
        """The figures of now, and their growth into the metrics. ``preset`` and ``latency`` are the names to show."""
        waiting = self._attachment.waiting if self._attachment else 0
        return self._pacer.stats(waiting, preset=preset, latency=latency)

    def _submit(self, attachment: EngineAttachment, windows: Iterable[Window]) -> None:
        come = self._source.come
        for window in windows:
            if come is not None and window.k + window.hop + window.lookahead > come:
                self._pacer.ahead.submitted(window.k)
            elif come is None:
                self._phase.made(window)
            attachment.submit(window, self._pacer.playout.deadline(window.k))

    def _follow_speech(self, *, block_came: bool = False) -> None:
        now = self._clock()
        if self._attachment is not None and not self._interrupted:
            may_rewind = now >= self._restarted_at + RESTART_S
            if self._silence.follow(self._attachment, now, may_rewind=may_rewind, block_came=block_came):
                self._restarted_at = now

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

    def _want(self, preset: Preset, *, by_client: bool, on_taken: Callable[[], None]) -> None:
        now = self._clock()
        self._move.want(preset, now, by_client=by_client, on_taken=on_taken)
        self._step(now)

    def _step(self, now: float) -> None:
        if self._move.under_way:
            generate_ms = self._pacer.trace.latency.generate_ms.p95
            self._move.step(now, speaking=self.speaking, restarts=self._source.restarts, generate_ms=generate_ms)

    def _take_preset(self, preset: Preset, now: float) -> None:
        self._windows.set_hop(preset.hop, preset.lookahead)
        self._begin_phase()
        self.push(self._source.set_preset(preset.hop, preset.lookahead, now))

    def _begin_phase(self) -> None:
        """Windows begin anew. Those of speech that is pushed ahead of its time keep nobody waiting."""
        if self._windows.paused or self._source.come is not None:
            self._phase.free()
        else:
            self._phase.begin()
