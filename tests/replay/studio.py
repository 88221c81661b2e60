"""A session on a clock of the test's own, with a real generator: source, pipeline, pacer, stream, queue and worker loop
are those of the server; only the network and the processes are left out. What is sent is kept, and recorded."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.core.identity import Identity
from livehead.core.look import KEEP, Look
from livehead.core.playout.tick import Tick
from livehead.engine.base import Backdrop, Frames, Generator, Preset, Resuming
from livehead.engine.host.stream import EngineStream, WindowTiming
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import Close, Dropped, FramesReady, Open, Opened, Rewound, Submit
from livehead.engine.scheduling.merging import Merging
from livehead.engine.scheduling.step_times import StepTimes
from livehead.engine.worker.loop import WorkerLoop
from livehead.metrics import Metrics
from livehead.sessions.hearing.viewer_voice import ViewerVoice
from livehead.sessions.pacer import Pacer
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.portrait.engine_attachment import EngineAttachment
from livehead.sessions.recording.base import OpenedStream
from livehead.sessions.recording.replay_recorder import ReplayRecorder
from livehead.sessions.recording.subject import Subject
from livehead.sessions.request import SessionRequest
from livehead.sessions.sources.mic import MicSource
from livehead.sessions.sources.push import PushSource
from livehead.settings import StoreSettings
from livehead.store.recordings.store import RecordingStore

BACKLOG = 32
ANYBODY = Identity("192.0.2.1")


@dataclass(frozen=True)
class Seen:
    """A tick, and the digest of its picture."""

    index: int
    kind: str
    k: int | None
    frame_k: int | None
    picture: bytes | None
    pcm: NDArray[np.float32]


def digest(frame: Frame) -> bytes:
    return hashlib.blake2b(frame.i420.tobytes(), digest_size=16).digest()


class Recorder(ReplayRecorder):
    """Keeps what was sent, too."""

    seen: list[Seen]

    def sent(self, tick: Tick) -> None:
        picture = None if tick.frame is None else digest(tick.frame)
        self.seen.append(Seen(tick.index, tick.kind.value, tick.k, tick.frame_k, picture, tick.pcm.copy()))
        super().sent(tick)


class Unprepared:
    """A generator without threads: what it prepares, it does when a stream is opened."""

    def __init__(self, generator: Generator) -> None:
        self.info = generator.info
        self.open, self.step = generator.open, generator.step
        self.rewind, self.close = generator.rewind, generator.close
        if isinstance(generator, Resuming):
            self.resume = generator.resume


@dataclass
class Worker:
    """A worker process with nothing between: it steps as soon as something is there, and what it says arrives
    ``takes`` seconds later."""

    studio: Studio
    generator: Generator
    takes: float
    inbox: MessageQueue = field(default_factory=lambda: MessageQueue(BACKLOG))
    frames: dict[int, Frames] = field(default_factory=dict)
    dead: bool = False
    mute: bool = False
    stalled: bool = False
    arrives: float = 0.0
    others: dict[int, Preset] = field(default_factory=dict)
    chance: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))
    batches: Counter[int] = field(default_factory=Counter)
    hops: Counter[int] = field(default_factory=Counter)
    _positions: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        loop: Any = self
        self.loop = WorkerLoop(
            Unprepared(self.generator),
            loop,
            loop,
            backlog=BACKLOG,
            max_batch=self.generator.info.max_batch,
            clock=lambda: self.studio.now,
        )

    def merge(self) -> None:
        """Step windows that wait as one, as if a step took the same whatever its hop."""
        info = self.generator.info
        hops = {preset.hop for preset in info.presets.values()}
        flat = Merging(StepTimes(), hops=hops, window=info.window, measured=dict.fromkeys(hops, 0.01))
        self.loop._scheduler._merging = flat

    def join(self, stream: int, portrait: NDArray[np.uint8], preset: Preset) -> None:
        """Another session, which has a window for every step."""
        self.inbox.put(Open(stream, portrait, stream))
        self.others[stream] = preset

    def turn(self) -> None:
        """Do what there is to do."""
        if self.stalled:
            return
        if not self.dead and len(self.inbox):
            now = self.studio.now
            for stream, preset in self.others.items():
                pcm = self.chance.normal(0, 0.1, (preset.hop + preset.lookahead) * 640).astype(np.float32)
                self.inbox.put(Submit(stream, 0, next(self._positions), preset.hop, pcm, now + 1, now))
        while not self.dead and (len(self.inbox) or not self.loop._idle):
            self.inbox.put(Close(0))  # of no stream: the loop never waits for a message
            self.loop.turn()

    # the endpoint and the ring

    @contextmanager
    def busy(self) -> Iterator[float]:
        yield self.studio.now

    def write(self, frames: Frames) -> int:
        position = next(self._positions)
        self.frames[position] = frames
        return position

    def span(self, frames: Frames) -> int:
        return len(frames)

    def drop(self, window: Any, reason: Any) -> None:
        self.send(Dropped(window.stream, window.epoch, window.k, window.hop, reason))

    def send(self, message: Any) -> None:
        if self.mute:
            return  # it is in reserve
        self.arrives = max(self.arrives, self.studio.now + self.takes)  # a pipe keeps the order
        self.studio.at(self.arrives, lambda: self._deliver(message))

    def _deliver(self, message: Any) -> None:
        stream = None if self.dead else self.studio.streams.get(message.stream)
        match message:
            case _ if stream is None:
                return
            case Opened():
                stream.confirm(message.shown_k)
            case FramesReady():
                frames = [Frame(frame) for frame in self.frames.pop(message.position)]
                self.batches[message.batch] += 1
                self.hops[message.hop] += 1
                self.studio.stale += (message.epoch, message.k) not in stream._waiting
                self.studio.made.update((message.k + i, digest(frame)) for i, frame in enumerate(frames))
                stream.deliver(message, frames)
            case Dropped():
                stream.drop(message.epoch, message.k, message.hop, message.reason)
            case Rewound():
                self.studio.taken_back.update(k for k in self.studio.made if k > message.shown_k)
                stream.observer.on_rewound(message.shown_k)


class Studio:
    """Time passes in :meth:`run` only. ``made`` has the digests of all frames that the engine delivered, by block, and
    ``taken_back`` those of these blocks that a rewind took back; ``stale`` counts the windows that it made for nobody,
    because a rewind came in between."""

    def __init__(
        self,
        folder: Path,
        generator: Generator,
        *,
        latency: str = "low",
        pushed: bool = False,
        takes: float = 0.02,
        settings: StoreSettings | None = None,
        detect: Callable[[NDArray[np.float32]], float] | None = None,
    ) -> None:
        """``detect`` says how likely a window of the microphone has speech; without it everything is speech."""
        self.now = 500.0
        self.streams: dict[int, EngineStream] = {}
        self.made: dict[int, bytes] = {}
        self.taken_back: set[int] = set()
        self.stale = 0
        self.generator = generator
        settings = settings or StoreSettings(min_free_mb=0)
        self.store = RecordingStore(folder, settings)
        self._events: list[tuple[float, int, Callable[[], Any]]] = []
        self._order = count()
        self._numbers = count(1)
        self._sample = 0
        self._voice = ViewerVoice(0, lambda window, at: False)
        self._voice.detect = detect
        preset = generator.info.presets[latency]
        request = SessionRequest("one", latency, source="push" if pushed else "mic", record="replay")
        subject = Subject("session", request, ANYBODY, generator.info, self.store, settings, Metrics())
        self.recorder = Recorder(subject)
        self.seen = self.recorder.seen = []
        self.push_source = PushSource(preset.hop, preset.lookahead)
        self.push_source.begin_at(self.now)
        self.mic = MicSource(preset.hop, preset.lookahead)
        source = self.push_source if pushed else self.mic
        viewers: Any = SimpleNamespace(send_frame=lambda *_: None, send_audio=lambda *_: None)
        self.pacer = Pacer(
            preset,
            viewers,
            Metrics(),
            recorder=self.recorder,
            with_test_pattern=False,
            on_block=lambda k, delay_ms, frame: source.block_sent(k, frame, self.now),
            clock=lambda: self.now,
        )
        self.pipeline = Pipeline(
            source,
            preset,
            self.pacer,
            quantized=True,
            silence_hop=generator.info.silence_hop,
            clock=lambda: self.now,
        )
        self.worker = Worker(self, generator, takes)
        self._poll()

    # what a session does

    def show(
        self,
        portrait: NDArray[np.uint8],
        seed: int = 7,
        avatar: str = "one",
        look: Look = KEEP,
        backdrop: Backdrop | None = None,
    ) -> None:
        """Go on with this portrait as soon as its stream is there."""
        attachment = EngineAttachment(self.pacer, self.recorder)
        number = next(self._numbers)

        def on_frames(k: int, frames: list[Frame], timing: WindowTiming) -> None:
            # a stream reads the machine's clock
            attachment.on_frames(k, frames, replace(timing, submitted=self.now - self.worker.takes))

        async def make() -> EngineStream:
            return EngineStream(
                number,
                portrait,
                seed,
                info=self.generator.info,
                backdrop=backdrop,
                on_frames=on_frames,
                on_state=None,
                on_dropped=attachment.on_dropped,
                dropped=Counter(),
                on_closed=lambda each: self.streams.pop(each, None),
            )

        stream = asyncio.run(make())
        loop: Any = SimpleNamespace(call_soon=lambda call, *args: call(*args))
        stream._loop = loop
        attachment.stream = stream
        self.streams[number] = stream
        stream.attach(self.worker.inbox)

        def opened() -> None:
            stream.observer = attachment
            self.recorder.opened(OpenedStream(number, avatar, portrait, seed, look, backdrop))
            self.pipeline.attach(attachment)
            self.pipeline.poll()

        self.worker.turn()
        self.at(self.now + 2 * self.worker.takes, opened)

    def restart_worker(self, seconds: float = 0.5) -> None:
        """The worker is killed, and another one is there after so long."""
        self.worker.dead = True
        for stream in self.streams.values():
            stream.detach("killed")

        def start() -> None:
            self.worker = Worker(self, self.generator, self.worker.takes)
            for stream in self.streams.values():
                stream.attach(self.worker.inbox)

        self.at(self.now + seconds, start)

    def take_over(self) -> None:
        """The worker is killed, and another one that has the streams open goes on at once. One that is dead already
        had nobody in reserve."""
        if self.worker.dead:
            return
        self.worker.dead = True
        self.worker = Worker(self, self.generator, self.worker.takes, mute=True)
        streams = list(self.streams.values())
        for stream in streams:
            self.worker.inbox.put(stream.opening)
        self.worker.turn()
        self.worker.mute = False
        for stream in streams:
            stream.go_on(self.worker.inbox, opened=True)
        for stream in streams:
            stream.submit_again(None)

    def set_preset(self, name: str) -> None:
        self.pipeline.set_preset(self.generator.info.presets[name])

    def hear(self, samples: NDArray[np.float32]) -> None:
        """The microphone's next samples, 20 ms at a time."""
        for number, start in enumerate(range(0, len(samples), 320)):
            piece = samples[start : start + 320]
            self.at(self.now + (number + 1) * 0.02, lambda piece=piece: self._hear(piece))

    def push(self, samples: NDArray[np.float32]) -> None:
        """A backend's utterance, at once."""
        self.push_source.push(samples, self.now)
        self.push_source.end()
        self.pipeline.poll()

    def at(self, time: float, do: Callable[[], Any]) -> None:
        heapq.heappush(self._events, (time, next(self._order), do))

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.now + seconds
        while True:
            self.worker.turn()
            due = self.pacer.due
            event = self._events[0][0]
            if min(event, due if due is not None else end) > end:
                self.now = end
                return
            if due is not None and due <= event:
                self.now = max(self.now, due)
                self.pacer.send()
            else:
                self.now = max(self.now, event)
                heapq.heappop(self._events)[2]()

    def close(self) -> Path:
        """Returns the replay file."""
        asyncio.run(self.recorder.close())
        return next(self.store._folder.path.glob("*.lhr"))

    def _hear(self, samples: NDArray[np.float32]) -> None:
        start, self._sample = self._sample, self._sample + len(samples)
        self._voice.hear(start, samples)
        self.pipeline.push(self.mic.hear(start, samples, self._voice.judged))

    def _poll(self) -> None:
        due = self.pipeline.poll()
        self.at(self.now + BLOCK_S if due is None else max(due, self.now), self._poll)
