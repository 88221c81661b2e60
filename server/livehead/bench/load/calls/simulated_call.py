"""A live session as a server has it, from its microphone to what it would send, at the engine's own streams: its
source, pipeline, playout and pacer are the server's. Only the network and the encoders are left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from livehead.bench.load.calls.call_figures import CallFigures
from livehead.bench.load.calls.microphone import Microphone
from livehead.bench.load.results import WindowResult
from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.core.governor.phases import Phases
from livehead.core.playout.playout import Playout
from livehead.core.playout.stats import Drop, Skip
from livehead.core.playout.tick import Tick
from livehead.core.windows import Window
from livehead.engine.base import GeneratorInfo, Preset
from livehead.engine.host.host import EngineHost, WindowTiming
from livehead.media.peer.viewers import Viewers
from livehead.metrics import Metrics
from livehead.sessions.pacer import Pacer
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.portrait.engine_attachment import EngineAttachment
from livehead.sessions.recording.base import NoRecorder
from livehead.sessions.sources.mic import MicSource


class SimulatedCall:
    """Satisfies :class:`~livehead.sessions.governing.GovernedSession`. With ``fixed`` its delay is as long as the
    preset allows, from its start on, and a frame is in time up to then; without it the delay is what its playout
    chooses."""

    def __init__(
        self,
        number: int,
        info: GeneratorInfo,
        name: str,
        preset: Preset,
        microphone: Microphone,
        metrics: Metrics,
        *,
        latency: str,
        fixed: bool,
        phases: Phases | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = str(number)
        self.latency = latency
        self.preset = self.going_to = name
        self.figures = CallFigures()
        self.results: list[WindowResult] = []
        self.behind: list[float] = []
        self._number = number
        self.clock = clock
        self._presets = info.presets
        self._microphone = microphone
        self._source = MicSource(preset.hop, preset.lookahead)
        self._dropped_before = self._skipped_before = 0
        self.pacer = Pacer(
            preset,
            cast(Viewers, _NoViewers()),
            metrics,
            recorder=CallRecorder(self),
            with_test_pattern=False,
            on_block=self._on_block,
            clock=clock,
        )
        if fixed:  # what frames require is taken to be the most that is allowed
            self.pacer.playout = Playout(
                hop=preset.hop,
                lookahead=preset.lookahead,
                max_delay_ms=preset.max_delay_ms,
                margin_ms=preset.max_delay_ms,
            )
        self.pipeline = Pipeline(
            self._source,
            preset,
            self.pacer,
            silence_hop=info.silence_hop,
            step_hops=info.step_hops,
            phases=phases,
            session=self.id,
            clock=clock,
        )

    @property
    def speaking(self) -> bool:
        """See :class:`~livehead.sessions.governing.GovernedSession`."""
        return self.pipeline.speaking

    def move_to(self, name: str) -> None:
        """See :class:`~livehead.sessions.governing.GovernedSession`."""
        if name != self.going_to:
            self.figures.move(self.going_to, name, self.clock())
            self.going_to = name
            self.pipeline.move_to(self._presets[name], on_taken=lambda: self._have(name))

    def _have(self, name: str) -> None:
        self.preset = name

    async def open(self, host: EngineHost, portrait: NDArray[np.uint8]) -> None:
        """Raises what :meth:`EngineHost.open` raises."""
        attachment = await CallAttachment.open(
            host, portrait, self._number, None, self.pacer, CallRecorder(self), lambda _: None
        )
        attachment.call = self
        self.pipeline.attach(attachment)

    def hear(self) -> None:
        """The microphone's next block is whole."""
        self.pipeline.push(self._source.hear(*self._microphone.next()))

    async def run(self, start: float) -> None:
        """Speak from ``start`` on, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poll())
            group.create_task(self.pacer.run())
            group.create_task(self._speak(start))

    def begin(self, at: float) -> None:
        """Count from then on."""
        self.figures.begin = at
        self._dropped_before, self._skipped_before = self._dropped, self._skipped

    def end(self) -> None:
        """Count no more."""
        self.figures.asked += self._skipped - self._skipped_before
        self.figures.late = min(self.figures.lost, self._dropped - self._dropped_before)

    async def close(self) -> None:
        self.pipeline.close()
        if self.pipeline.attachment is not None:
            await self.pipeline.attachment.close()

    def captured(self, k: int) -> float | None:
        """When block ``k`` began to be heard."""
        return self.pacer.playout.captured(k)

    def seen(self, tick: Tick) -> None:
        """A tick is sent."""
        self.pacer.sent(tick.index)
        self.figures.tick(
            tick.kind, tick.k, tick.delay_ms, self.clock(), preset=self.preset, speaks=self._microphone.speaks
        )

    @property
    def _dropped(self) -> int:
        """Frames that came after their blocks were sent."""
        return self.pacer.playout.stats.drops.get(Drop.LATE, 0)

    @property
    def _skipped(self) -> int:
        """Blocks that could not be sent in time."""
        return sum(self.pacer.playout.stats.skips.get(each, 0) for each in (Skip.LATE, Skip.BOUND, Skip.STALL))

    def _on_block(self, k: int, delay_ms: float, frame: int | None) -> None:
        self._source.block_sent(k, frame, self.clock())

    async def _poll(self) -> None:
        due = time.monotonic()
        while True:
            wanted = self.pipeline.poll()
            due = max(due + BLOCK_S if wanted is None else wanted, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def _speak(self, start: float) -> None:
        while True:
            whole = start + (self._microphone.block + 1) * BLOCK_S
            await asyncio.sleep(max(0.0, whole - time.monotonic()))
            self.behind.append(time.monotonic() - whole)
            self.hear()


class CallRecorder(NoRecorder):
    """Tells the figures what the engine does for a call, and what is sent."""

    def __init__(self, call: SimulatedCall) -> None:
        self._call = call

    def submitted(self, stream: int, window: Window) -> None:
        self._call.figures.submitted(window.k, window.hop, self._call.clock(), silent=not window.pcm.any())

    def made(self, stream: int, k: int, hop: int, batch: int, place: int) -> None:
        self._call.figures.made(k, hop, self._call.clock())

    def rewound(self, stream: int, shown_k: int) -> None:
        self._call.figures.rewound(self._call.clock())

    def sent(self, tick: Tick) -> None:
        self._call.seen(tick)


class CallAttachment(EngineAttachment):
    """Notes when frames come."""

    call: SimulatedCall

    def on_frames(self, k: int, frames: list[Frame], timing: WindowTiming) -> None:
        now, captured = self.call.clock(), self.call.captured(k)
        self.call.results.append(WindowResult(timing, now, now if captured is None else captured, stays=True))
        super().on_frames(k, frames, timing)


class _NoViewers:
    """Nobody is there."""

    def send_frame(self, frame: Frame, index: int) -> None:
        pass

    def send_audio(self, pcm: Any, index: int) -> None:
        pass
