"""Calls at one device in virtual time: pipelines, streams, queue and worker loop are the server's, and a step takes
what a cost model says. No sleeps, no processes."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from livehead.bench.load.calls.call_results import CallsRecord
from livehead.bench.load.calls.microphone import Microphone
from livehead.bench.load.calls.phrases import Phrases
from livehead.bench.load.calls.simulated_call import CallAttachment, CallRecorder, SimulatedCall
from livehead.bench.load.simulated_session import WindowSpec, window_specs
from livehead.core.block import BLOCK_S, BLOCK_SAMPLES
from livehead.core.frame import Frame
from livehead.core.governor.costs import Costs
from livehead.core.latency_choice import AUTO
from livehead.core.playout.target_delay import SLACK_S
from livehead.engine.base import Frames, GeneratorInfo, PixelFormat, Preset, Work
from livehead.engine.host import stream
from livehead.engine.host.recent_waits import RecentWaits
from livehead.engine.host.stream import EngineStream
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import Close, Dropped, FramesReady, Opened, Rewound
from livehead.engine.worker.loop import WorkerLoop
from livehead.metrics import Metrics
from livehead.sessions.governing import Governing

SIZE = 16
BACKLOG = 32
TRANSIT_S = 0.002
REWIND_S = 0.012
SPREAD_S = 1.12
"""Callers begin within so long: a window of silence."""

LOOK_S = 0.005
"""How often a pacer looks whether its next tick was moved."""

LITE = GeneratorInfo(
    "flat",
    SIZE,
    SIZE,
    window=24,
    motion_frames=5,
    presets={"low": Preset(4, 1, 600), "balanced": Preset(8, 1, 900), "throughput": Preset(24, 0, 1600)},
    max_batch=4,
    device="cuda",
    mixed_hops=False,
    silence_hop=24,
)

Cost = Callable[[int, int], float]


def lite(batch: int, hop: int) -> float:
    """FlashHead Lite on an H100: recorded for one stream and for four, other batches put together from those."""
    return 0.157 * (batch // 4) + 0.044 * (batch % 4)


class FlatGenerator:
    """``cost(batch, hop)`` is what a step takes, in seconds of ``clock``."""

    def __init__(self, info: GeneratorInfo, cost: Cost, clock: SimpleNamespace) -> None:
        self.info = info
        self.busy = 0.0
        self._cost = cost
        self._clock = clock

    def open(self, portrait: Any, seed: int) -> Any:
        return SimpleNamespace()

    def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Frames]:
        assert len({id(item.stream) for item in work}) == len(work) <= self.info.max_batch
        assert self.info.mixed_hops or len({item.hop for item in work}) == 1
        assert all(item.hop * BLOCK_SAMPLES <= len(item.pcm) <= self.info.window * BLOCK_SAMPLES for item in work)
        seconds = self._cost(len(work), work[0].hop)
        self._clock.now += seconds
        self.busy += seconds
        return [np.zeros((item.hop, SIZE * 3 // 2, SIZE), np.uint8) for item in work]

    def rewind(self, stream: Any, shown: Any, unshown: int) -> None:
        self._clock.now += REWIND_S

    def close(self, stream: Any) -> None:
        pass


@dataclass
class VirtualCard:
    """``latency`` is the name of a preset, at which the delay is the longest that it allows, or ``auto``. Time passes
    in :meth:`run` only. Whoever speaks when is drawn by ``seed``. What is seen within ``lead_s`` of their joining does
    not count."""

    latency: str = "low"
    info: GeneratorInfo = LITE
    cost: Cost = lite
    costs: Costs | None = None
    seed: int = 1
    lead_s: float = 3.0
    now: float = 100.0
    calls: list[SimulatedCall] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._device = SimpleNamespace(now=self.now)
        self._events: list[tuple[float, int, Callable[[], Any]]] = []
        self._order = count()
        self._streams: dict[int, EngineStream] = {}
        self._waits = RecentWaits()
        self._frames: dict[int, Frames] = {}
        self._positions = count()
        self.inbox = MessageQueue(BACKLOG)
        self.generator = FlatGenerator(self.info, self.cost, self._device)
        presets = self.info.presets
        each: Any = self
        self.loop = WorkerLoop(
            self.generator,
            each,
            each,
            backlog=BACKLOG,
            max_batch=self.info.max_batch,
            measured={preset.hop: self.cost(1, preset.hop) for preset in presets.values()},
            clock=lambda: self._device.now,
        )
        capacity = SimpleNamespace(costs=self.costs)
        host: Any = SimpleNamespace(info=self.info, capacity=capacity)
        self._governing = Governing(host, Metrics(), lambda: self.calls, clock=lambda: self.now)
        self.at(self.now + 0.5, self._govern)

    @property
    def spec(self) -> WindowSpec | None:
        return None if self.latency == AUTO else window_specs(self.info.presets, self.latency, (), None)[0]

    def join(self, speech: float) -> SimulatedCall:
        """One more caller, who speaks for a share of the time."""
        number, spec = len(self.calls) + 1, self.spec
        name = self._governing.newcomer() if spec is None else spec.preset
        preset = self.info.presets[name]
        if spec is not None:
            preset = Preset(spec.hop, spec.lookahead, round((spec.delay_s + SLACK_S) * 1000))
        seed = 1000 * self.seed + number
        call = SimulatedCall(
            number,
            self.info,
            name,
            preset,
            Microphone(Phrases(speech, seed), seed),
            Metrics(),
            latency=self.latency,
            fixed=spec is not None,
            phases=self._governing.phases,
            clock=lambda: self.now,
        )
        attachment = CallAttachment(call.pacer, CallRecorder(call))
        attachment.call = call
        attachment.stream = self._streams[number] = self._stream(number, attachment)
        attachment.stream.attach(self.inbox)
        call.begin(self.now + self.lead_s)
        self.calls.append(call)
        start = self.now + 0.2 + SPREAD_S * np.random.default_rng(seed).random()

        def begin() -> None:
            call.pipeline.attach(attachment)
            self._poll(call)
            self._pace(call)
            self._hear(call, start)

        self.at(start - 0.1, begin)
        return call

    def run(self, seconds: float) -> CallsRecord:
        """Let so much time pass, and say what was seen of the calls since their begin."""
        began, busy = self.now, self.generator.busy
        end = began + seconds
        with patch.object(stream, "time", SimpleNamespace(monotonic=lambda: self.now)):
            self._pass(end)
        for call in self.calls:
            call.end()
        self.share = (self.generator.busy - busy) / seconds
        return CallsRecord(self.spec, len(self.calls), 0.0, self.calls, began + self.lead_s, end, dropped=self.dropped)

    def _pass(self, end: float) -> None:
        while self._events and self._events[0][0] <= end:
            due = self._events[0][0]
            if (len(self.inbox) or not self.loop._idle) and self._device.now <= due:
                self._device.now = max(self._device.now, self.now)
                self.inbox.put(Close(0))  # of no stream: the loop never waits for a message
                self.loop.turn()
                continue
            self.now, _, do = heapq.heappop(self._events)
            do()
        self.now = end

    def at(self, time: float, do: Callable[[], Any]) -> None:
        heapq.heappush(self._events, (time, next(self._order), do))

    # what a session's tasks do

    def _hear(self, call: SimulatedCall, start: float) -> None:
        block = count(1)

        def hear() -> None:
            call.hear()
            self.at(start + next(block) * BLOCK_S, hear)

        self.at(start + next(block) * BLOCK_S, hear)

    def _poll(self, call: SimulatedCall) -> None:
        due = call.pipeline.poll()
        self.at(self.now + BLOCK_S if due is None else max(due, self.now), lambda: self._poll(call))

    def _pace(self, call: SimulatedCall) -> None:
        due = call.pacer.due
        if due is not None and due <= self.now + 1e-9:
            call.pacer.send()
            due = call.pacer.due
        soon = self.now + LOOK_S
        self.at(soon if due is None else min(soon, max(due, self.now + 1e-6)), lambda: self._pace(call))

    def _govern(self) -> None:
        if self.latency == AUTO:
            self._governing.govern()
        self.at(self.now + 0.5, self._govern)

    # the endpoint and the ring

    @contextmanager
    def busy(self) -> Iterator[float]:
        yield self._device.now

    def write(self, frames: Frames) -> int:
        position = next(self._positions)
        self._frames[position] = frames
        return position

    def span(self, frames: Frames) -> int:
        return 1

    def drop(self, window: Any, reason: Any) -> None:
        self.send(Dropped(window.stream, window.epoch, window.k, window.hop, reason))

    def send(self, message: Any) -> None:
        self.at(self._device.now + TRANSIT_S, lambda: self._deliver(message))

    def _deliver(self, message: Any) -> None:
        to = self._streams[message.stream]
        match message:
            case Opened():
                to.confirm()
            case FramesReady():
                to.deliver(message, [Frame(frame) for frame in self._frames.pop(message.position)])
            case Dropped():
                to.drop(message.epoch, message.k, message.hop, message.reason)
            case Rewound():
                to.observer.on_rewound(message.shown_k)

    def _stream(self, number: int, attachment: CallAttachment) -> EngineStream:
        async def make() -> EngineStream:
            return EngineStream(
                number,
                np.zeros((SIZE, SIZE, 3), np.uint8),
                number,
                on_frames=attachment.on_frames,
                on_state=None,
                on_dropped=attachment.on_dropped,
                dropped=self.dropped,
                waits=self._waits,
                on_closed=lambda _: None,
            )

        made = asyncio.run(make())
        at_once: Any = SimpleNamespace(call_soon=lambda call, *args: call(*args))
        made._loop = at_once
        made.observer = attachment
        return made
