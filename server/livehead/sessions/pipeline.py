"""The way of a session's blocks: sound → windows → engine → playout → peer."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable

from prometheus_client import Counter as Total

from livehead.core import probe
from livehead.core.latency import STAGES, Latency, Stamp
from livehead.core.media import BLOCK_SAMPLES, Picture
from livehead.core.messages import Spread, Stats
from livehead.core.playout import Playout
from livehead.core.tick import Kind, Tick
from livehead.core.windows import Windows
from livehead.engine.base import Preset
from livehead.engine.host import EngineStream, Timing
from livehead.media.ingest import Sound
from livehead.media.peer import Peer
from livehead.metrics import Metrics
from livehead.sessions.hearing import IDLE_BLOCK, Hearing, Piece

UNDER_WAY = 16
"""Pictures that may be at the encoder. Those that it dropped are never told as sent, and give way."""

TRACES = 100


class Face:
    """One avatar's stream at the engine. ``waiting`` counts the windows that it has not answered."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.stream: EngineStream | None = None
        self.waiting = 0
        self._pipeline = pipeline

    def on_pictures(self, k: int, pictures: list[Picture], timing: Timing) -> None:
        self.waiting -= 1
        self._pipeline.take_pictures(k, pictures, timing)

    def on_dropped(self, k: int, hop: int) -> None:
        self.waiting -= 1
        if self.stream is not None and self.stream.state == "ready":
            self._pipeline.miss_pictures(k)


class Pipeline:
    """One session's. Everything but :meth:`pace` is called on the event loop and returns at once."""

    def __init__(self, preset: Preset, peer: Peer, metrics: Metrics, *, with_probe: bool) -> None:
        self.latency = Latency()
        self._hearing = Hearing()
        self._windows = Windows(preset.hop, preset.lookahead, IDLE_BLOCK)
        self._playout = Playout(hop=preset.hop, lookahead=preset.lookahead, bound_ms=preset.bound_ms)
        self._peer = peer
        self._metrics = metrics
        self._with_probe = with_probe
        self._face: Face | None = None
        self._pushed = asyncio.Event()
        self._concealed_s = 0.0
        self._counted: Counter[tuple[str, str]] = Counter()
        self._under_way: OrderedDict[int, int] = OrderedDict()  # index of a tick → block of its picture
        self._traces: deque[tuple[float, ...]] = deque(maxlen=TRACES)

    @property
    def face(self) -> Face | None:
        return self._face

    def wear(self, face: Face) -> Face | None:
        """Give the next windows to ``face``; returns the one before."""
        before, self._face = self._face, face
        return before

    def hear(self, sound: Sound) -> None:
        """The client's sound."""
        self._push(self._hearing.hear(sound.start, sound.pcm, time.monotonic()))

    def idle(self) -> None:
        """To be called about every 40 ms: keeps the portrait alive while nothing is heard."""
        piece = self._hearing.idle(time.monotonic())
        if piece is not None:
            self._push(piece)

    def set_preset(self, preset: Preset) -> None:
        self._windows.set_hop(preset.hop, preset.lookahead)
        self._playout.set_preset(hop=preset.hop, lookahead=preset.lookahead, bound_ms=preset.bound_ms)

    def interrupt(self) -> None:
        """Drop what was not shown yet; the portrait goes on from the last picture that was."""
        shown = self._playout.interrupt()
        self._windows.jump(-(-self._windows.next_sample // BLOCK_SAMPLES))
        if shown is not None and self._face is not None and self._face.stream is not None:
            self._face.stream.rewind(shown)

    def take_pictures(self, k: int, pictures: list[Picture], timing: Timing) -> None:
        self._metrics.generate.observe(timing.done - timing.started)
        self.latency.generated(
            k, len(pictures), submitted=timing.submitted, started=timing.started, finished=timing.done
        )
        self._playout.push_pictures(k, pictures, time.monotonic())
        self._pushed.set()

    def miss_pictures(self, k: int) -> None:
        """The engine gave the window of block ``k`` up."""
        self._playout.push_missing(k, self.latency.generate_ms.p95 / 1000, time.monotonic())
        self._pushed.set()

    def sent(self, index: int) -> None:
        """The picture of tick ``index`` went to the socket."""
        k = self._under_way.pop(index, None)
        if k is None:
            return
        now = time.monotonic()
        parts = self.latency.sent(k, now)
        if parts is not None and self._with_probe and k >= 0:
            spent = (getattr(parts, stage) for stage in STAGES if stage != "total")
            self._traces.append((k, round(now, 5), *(round(each, 2) for each in spent)))

    def traces(self) -> tuple[tuple[float, ...], ...]:
        """Where the time of each picture went that was sent since the last call, as
        :class:`~livehead.core.messages.TracedStats` has it. Empty without probe."""
        found = tuple(self._traces)
        self._traces.clear()
        return found

    async def pace(self) -> None:
        """Send a tick whenever one is due, for ever."""
        while True:
            self._pushed.clear()
            due = self._playout.due
            if due is None:
                await self._pushed.wait()
                continue
            wait = due - time.monotonic()
            if wait > 0 and await self._pushed_within(wait):
                continue
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
            bound_ms=figures.bound_ms,
            generate_ms=Spread.of(self.latency.generate_ms),
            queue=self._face.waiting if self._face else 0,
            repeated=figures.repeated,
            dropped=figures.dropped + dropped,
            skipped=figures.skipped,
            fps=figures.fps,
            skew_ms=round(figures.skew_ms, 1),
            concealed_ms=round(concealed_s * 1000),
        )

    def _push(self, piece: Piece) -> None:
        now = time.monotonic()
        if piece.jump:
            self._windows.jump(0)
            self._playout.jump(0)
        cut = self._windows.push(piece.start, piece.pcm)
        for block in cut.blocks:
            self._playout.push_sound(block, now)
            captured = self._playout.captured(block.k)
            if captured is not None:
                self.latency.stamp(block.k, Stamp.CAPTURED, captured)
                self.latency.stamp(block.k, Stamp.CUT, now)
        face = self._face
        if face is not None and face.stream is not None:
            for window in cut.windows:
                if face.stream.submit(window, self._playout.deadline(window.k)):
                    face.waiting += 1
        if cut.blocks:
            self._pushed.set()

    def _send(self, tick: Tick) -> None:
        now = time.monotonic()
        if tick.picture is not None:
            picture = tick.picture
            if self._with_probe and tick.picture_k is not None:
                picture = probe.draw(picture, tick.picture_k, tick.loudness)
            if tick.kind is Kind.FRESH and tick.k is not None:
                self.latency.stamp(tick.k, Stamp.DUE, now)
                self._under_way[tick.index] = tick.k
                if len(self._under_way) > UNDER_WAY:
                    self._under_way.popitem(last=False)
            self._peer.show(picture, tick.index)
        self._peer.speak(tick.pcm, tick.index)
        self._metrics.sent.inc()
        if tick.k is not None:
            self._metrics.delay.observe(tick.delay_ms / 1000)

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
