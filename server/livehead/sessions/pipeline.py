"""The way of a session's blocks: audio → windows → engine → playout → peer."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable

from prometheus_client import Counter as Total

from livehead.core import test_pattern as probe
from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.core.frame import Frame
from livehead.core.latency import STAGES, Latency, Stamp
from livehead.core.messages import Playback, Spread, Stats
from livehead.core.playout.playout import Playout
from livehead.core.playout.tick import Kind, Tick
from livehead.core.windows import Window, Windows
from livehead.engine.base import Preset
from livehead.engine.host.host import EngineStream, Timing
from livehead.media.audio.ingest import AudioChunk
from livehead.media.peer.peer import Peer
from livehead.metrics import Metrics
from livehead.sessions.sources.mic import IDLE_BLOCK, Hearing, Piece
from livehead.sessions.sources.push import Speaking

UNDER_WAY = 16
"""Frames that may be at the encoder. Those that it dropped are never told as sent, and give way."""

TRACES = 100


class Face:
    """One avatar's stream at the engine. ``waiting`` counts the windows that it has not answered."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.stream: EngineStream | None = None
        self.waiting = 0
        self._pipeline = pipeline

    def on_frames(self, k: int, frames: list[Frame], timing: Timing) -> None:
        self.waiting -= 1
        self._pipeline.take_frames(k, frames, timing)

    def on_dropped(self, k: int, hop: int) -> None:
        self.waiting -= 1
        if self.stream is not None and self.stream.state == "ready":
            self._pipeline.miss_frames(k)


class Pipeline:
    """One session's. Everything but :meth:`pace` and :meth:`say` is called on the event loop and returns at once.

    With ``pushed`` its audio is what :meth:`say` is given, else what :meth:`hear` is. ``on_playback`` is told what
    becomes of pushed speech, and ``on_delay`` the delay in milliseconds of every block with audio.
    """

    def __init__(
        self,
        preset: Preset,
        peer: Peer,
        metrics: Metrics,
        *,
        with_probe: bool,
        pushed: bool = False,
        on_delay: Callable[[float], None] | None = None,
    ) -> None:
        self.latency = Latency()
        self.on_playback: Callable[[Playback], None] | None = None
        self._hearing = Hearing(preset.hop, preset.lookahead)
        self._speaking = Speaking(preset.hop, preset.lookahead) if pushed else None
        self._spoken = asyncio.Event()
        self._windows = Windows(preset.hop, preset.lookahead, IDLE_BLOCK)
        self._playout = Playout(hop=preset.hop, lookahead=preset.lookahead, max_delay_ms=preset.max_delay_ms)
        self._peer = peer
        self._metrics = metrics
        self._on_delay = on_delay
        self._with_probe = with_probe
        self._face: Face | None = None
        self._pushed = asyncio.Event()
        self._concealed_s = 0.0
        self._counted: Counter[tuple[str, str]] = Counter()
        self._under_way: OrderedDict[int, int] = OrderedDict()  # index of a tick → block of its frame
        self._traces: deque[tuple[float, ...]] = deque(maxlen=TRACES)

    @property
    def face(self) -> Face | None:
        return self._face

    def wear(self, face: Face) -> Face | None:
        """Give the next windows to ``face``; returns the one before."""
        before, self._face = self._face, face
        return before

    def hear(self, audio: AudioChunk) -> None:
        """The client's audio."""
        self._push(self._hearing.hear(audio.start, audio.pcm, time.monotonic()))

    def idle(self) -> float | None:
        """Hand over what is due: silence that keeps the portrait alive while nothing is heard, or pushed speech.
        Returns when to call again, None for about every 40 ms."""
        now = time.monotonic()
        if self._speaking is None:
            piece = self._hearing.idle(now)
            if piece is not None:
                self._push(piece)
            return self._hearing.due
        piece = self._speaking.go_on(self._windows.whole, self._playout.sent_k, now)
        if piece is not None:
            self._push(piece, leap=piece.jump)
        self._spoken.set()
        self._tell_playback()
        return self._speaking.due

    def begin_speech(self, at: float) -> None:
        """The client can hear pushed speech from this time on."""
        if self._speaking is not None:
            self._speaking.begin(at)

    async def say(self, pcm: Pcm) -> None:
        """Queue pushed speech; waits while there is no room."""
        assert self._speaking is not None
        while len(pcm) > self._speaking.speech.room:
            self._spoken.clear()
            await self._spoken.wait()
        self._speaking.speech.push(pcm, time.monotonic())
        self.idle()

    def end_speech(self) -> None:
        """The utterance is complete."""
        assert self._speaking is not None
        self._speaking.speech.end()
        self.idle()

    def leave_speech(self) -> None:
        """Whoever said it has gone: what waits is still spoken."""
        assert self._speaking is not None
        self.on_playback = None
        self._speaking.speech.leave()

    def set_preset(self, preset: Preset) -> None:
        self._windows.set_hop(preset.hop, preset.lookahead)
        self._playout.set_preset(hop=preset.hop, lookahead=preset.lookahead, max_delay_ms=preset.max_delay_ms)
        piece = (self._speaking or self._hearing).set_preset(preset.hop, preset.lookahead, time.monotonic())
        if piece is not None:
            self._push(piece, leap=True)

    def interrupt(self, *, by_speaker: bool = False) -> None:
        """Drop what was not shown yet, and what waits to be spoken. The portrait falls to rest from the last frame
        that was shown, and goes on with what comes next."""
        now = time.monotonic()
        if self._speaking is None:
            piece = self._hearing.interrupt(self._windows.hop + self._windows.lookahead, now)
            if piece is not None:
                self._playout.interrupt()
                self._push(piece, leap=True)
            return
        there = self._speaking.speech.clear(refuse_rest=not by_speaker)
        if there:
            self._playout.interrupt()
            self._push(self._speaking.interrupt(now), leap=True)
            self._spoken.set()
        sent = self._playout.sent_k
        if self.on_playback is not None and (there or by_speaker):
            self.on_playback(Playback("interrupted", IDLE_BLOCK if sent is None else sent))

    def take_frames(self, k: int, frames: list[Frame], timing: Timing) -> None:
        self._metrics.generate.observe(timing.done - timing.started)
        self.latency.generated(k, len(frames), submitted=timing.submitted, started=timing.started, finished=timing.done)
        self._playout.push_frames(k, frames, time.monotonic())
        self._pushed.set()

    def miss_frames(self, k: int) -> None:
        """The engine gave the window of block ``k`` up."""
        self._playout.push_missing(k, self.latency.generate_ms.p95 / 1000, time.monotonic())
        self._pushed.set()

    def sent(self, index: int) -> None:
        """The frame of tick ``index`` went to the socket."""
        k = self._under_way.pop(index, None)
        if k is None:
            return
        now = time.monotonic()
        parts = self.latency.sent(k, now)
        if parts is not None and self._with_probe and k >= 0:
            spent = (getattr(parts, stage) for stage in STAGES if stage != "total")
            self._traces.append((k, round(now, 5), *(round(each, 2) for each in spent)))

    def traces(self) -> tuple[tuple[float, ...], ...]:
        """Where the time of each frame went that was sent since the last call, as
        :class:`~livehead.core.messages.TracedStats` has it. Empty without probe."""
        found = tuple(self._traces)
        self._traces.clear()
        return found

    async def pace(self) -> None:
        """Send a tick whenever one is due, for ever."""
        while True:
            self._pushed.clear()
            due = self.due
            if due is None:
                await self._pushed.wait()
                continue
            wait = due - time.monotonic()
            if wait > 0 and await self._pushed_within(wait):
                continue
            self.send()

    @property
    def due(self) -> float | None:
        """When the next tick is to be sent, None before there is any audio."""
        return self._playout.due

    def send(self) -> None:
        """Send the tick that is due, if there is one."""
        tick = self._playout.tick(time.monotonic())
        if tick is not None:
            self._send(tick)

    def stats(self) -> Stats:
        """The figures of now, and their growth into the metrics."""
        figures = self._playout.stats
        dropped, concealed_s = self._peer.dropped, self._peer.concealed_s
        self._metrics.concealed.inc(concealed_s - self._concealed_s)
        self._concealed_s = concealed_s
        self._count("repeated", figures.repeats.items())
        self._count("dropped", [*figures.drops.items(), ("encoder", dropped)])
        self._count("skipped", figures.skips.items())
        return Stats(
            k=figures.k,
            delay_ms=round(figures.delay_ms, 1),
            bound_ms=figures.max_delay_ms,
            generate_ms=Spread.of(self.latency.generate_ms),
            queue=self._face.waiting if self._face else 0,
            repeated=figures.repeated,
            dropped=figures.dropped + dropped,
            skipped=figures.skipped,
            fps=figures.fps,
            skew_ms=round(figures.skew_ms, 1),
            concealed_ms=round(concealed_s * 1000),
        )

    def _push(self, piece: Piece, *, leap: bool = False) -> None:
        """With ``leap`` the blocks before a jump are given up once the new ones are due."""
        now = time.monotonic()
        left: tuple[Window, ...] = ()
        if piece.jump:
            left = self._windows.jump(piece.start // BLOCK_SAMPLES)
            self._playout.jump(piece.start // BLOCK_SAMPLES, anew=leap)
        cut = self._windows.push(piece.start, piece.pcm)
        for block in cut.blocks:
            self._playout.push_audio(block, now)
            captured = self._playout.captured(block.k)
            if captured is not None:
                self.latency.stamp(block.k, Stamp.CAPTURED, captured)
                self.latency.stamp(block.k, Stamp.CUT, now)
        face = self._face
        if face is not None and face.stream is not None:
            if leap:
                shown = self._playout.hand_over(piece.start // BLOCK_SAMPLES)
                if shown is not None:
                    face.stream.rewind(shown)
            for window in cut.windows if leap else left + cut.windows:
                if face.stream.submit(window, self._playout.deadline(window.k)):
                    face.waiting += 1
        if cut.blocks:
            self._pushed.set()

    def _tell_playback(self) -> None:
        assert self._speaking is not None
        for message in self._speaking.speech.news(self._playout.sent_k):
            if self.on_playback is not None:
                self.on_playback(message)

    def _send(self, tick: Tick) -> None:
        now = time.monotonic()
        if tick.frame is not None:
            frame = tick.frame
            if self._with_probe and tick.frame_k is not None:
                frame = probe.draw(frame, tick.frame_k, tick.loudness)
            if tick.kind is Kind.FRESH and tick.k is not None:
                self.latency.stamp(tick.k, Stamp.DUE, now)
                self._under_way[tick.index] = tick.k
                if len(self._under_way) > UNDER_WAY:
                    self._under_way.popitem(last=False)
            self._peer.send_frame(frame, tick.index)
        self._peer.send_audio(tick.pcm, tick.index)
        self._metrics.sent.inc()
        if tick.k is not None:
            if self._speaking is not None:
                self._tell_playback()
            self._metrics.delay.observe(tick.delay_ms / 1000)
            if tick.k >= 0 and self._on_delay is not None:
                self._on_delay(tick.delay_ms)

    async def _pushed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._pushed.wait()
        except TimeoutError:
            return False
        return True

    def _count(self, name: str, totals: Iterable[tuple[str, int]]) -> None:
        counter: Total = getattr(self._metrics, name)
        for reason, total in totals:
            grown = total - self._counted[name, reason]
            if grown > 0:
                self._counted[name, reason] = total
                counter.labels(reason).inc(grown)
