"""A pipeline on a clock of the test's own, between a peer and an engine that only take notes."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES
from livehead.core.frame import Frame
from livehead.core.messages.from_server import Playback
from livehead.core.voice.activity import WINDOW
from livehead.core.voice.speech_gate import JudgedWindow
from livehead.core.windows import Window
from livehead.engine.base import Preset
from livehead.engine.host.stream import WindowTiming
from livehead.metrics import Metrics
from livehead.sessions.pacer import Pacer
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.portrait.engine_attachment import EngineAttachment
from livehead.sessions.recording.base import NoRecorder
from livehead.sessions.sources.mic import MicSource
from livehead.sessions.sources.push import PushSource

PRESETS = [
    Preset(1, 0, 200),
    Preset(2, 0, 600),
    Preset(4, 2, 600),
    Preset(8, 2, 900),
    Preset(14, 2, 1600),
    Preset(24, 0, 1600),
]
TAKES = 0.05

every_preset = pytest.mark.parametrize("preset", PRESETS, ids=lambda p: f"{p.hop}+{p.lookahead}")


@dataclass
class Shown:
    """One tick as the client gets it."""

    at: float
    pcm: np.ndarray
    frame_k: int | None = None
    fresh: bool = False


@dataclass(eq=False)
class Engine:
    """Answers every window after ``takes`` seconds, unless a rewind came in between; while it is down it takes none,
    and loses those that it had."""

    stage: Stage
    id: int = 1
    takes: float = TAKES
    state: str = "ready"
    rewinds: list[int] = field(default_factory=list)
    asked: list[Window] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    """How long before its deadline each window was asked for."""
    taken_back: list[int] = field(default_factory=list)
    """How many of the frames made each rewind took back."""
    _made: list[int] = field(default_factory=list)

    def submit(self, window: Window, deadline: float) -> bool:
        if self.state != "ready":
            return False
        at, epoch = self.stage.now, len(self.rewinds)
        self.asked.append(window)
        self.deadlines.append(deadline - at)

        def answer() -> None:
            if epoch == len(self.rewinds) and self.state == "ready":
                frames = [Frame(np.full((48, 32), 0, np.uint8)) for _ in range(window.hop)]
                self.stage.numbers.update({id(frame): window.k + i for i, frame in enumerate(frames)})
                self.stage.kept += frames
                self._made += range(window.k, window.k + window.hop)
                self.stage.attachment.on_frames(window.k, frames, WindowTiming(at, at, self.stage.now, 1))
            else:
                self.stage.attachment.on_dropped(window.k, window.hop)

        self.stage.at(at + self.takes, answer)
        return True

    def rewind(self, shown: int) -> None:
        self.rewinds.append(shown)
        before = len(self._made)
        while self._made and self._made[-1] > shown:
            self._made.pop()
        self.taken_back.append(before - len(self._made))


class Stage:
    """With a ``silence_hop`` its microphone has voice activity detection, which knows :func:`speech` when it hears
    it."""

    def __init__(self, preset: Preset, *, pushed: bool = True, takes: float = TAKES, silence_hop: int = 0) -> None:
        self.now = 500.0
        self.shown: list[Shown] = []
        self.told: list[tuple[float, Playback]] = []
        self.numbers: dict[int, int] = {}
        self.kept: list[Frame] = []
        self.engine = Engine(self, takes=takes)
        self._events: list[tuple[float, int, Callable[[], Any]]] = []
        self._order = count()
        self._sample = self._judged = 0
        self._detects = silence_hop > 0
        self._heard = np.zeros(0, np.float32)
        peer: Any = SimpleNamespace(
            send_frame=self._show,
            send_audio=self._speak,
            dropped=0,
            concealed_s=0.0,
            malformed=0,
            refused={},
            encoded_frames={},
        )
        self.push_source = PushSource(preset.hop, preset.lookahead)
        self.push_source.on_playback = lambda message: self.told.append((self.now, message))
        self.mic = MicSource(preset.hop, preset.lookahead)
        source = self.push_source if pushed else self.mic
        self.pacer = Pacer(
            preset,
            peer,
            Metrics(),
            recorder=NoRecorder(),
            with_test_pattern=False,
            on_block=lambda k, delay_ms, frame: source.block_sent(k, frame, self.now),
            clock=lambda: self.now,
        )
        self.pipeline = Pipeline(source, preset, self.pacer, silence_hop=silence_hop, clock=lambda: self.now)
        self.attachment = EngineAttachment(self.pacer, NoRecorder())
        stream: Any = self.engine
        self.attachment.stream = stream
        self.pipeline.attach(self.attachment)
        self._frame: int | None = None
        self._poll()

    def at(self, time: float, do: Callable[[], Any]) -> None:
        heapq.heappush(self._events, (time, next(self._order), do))

    def push(self, samples: np.ndarray) -> None:
        """A backend's next samples."""
        self.push_source.push(samples.astype(np.float32), self.now)
        self.pipeline.poll()

    def end(self) -> None:
        """The backend's utterance is complete."""
        self.push_source.end()
        self.pipeline.poll()

    def hear(self, samples: np.ndarray) -> None:
        """The microphone's next samples."""
        start, self._sample = self._sample, self._sample + len(samples)
        self._heard = np.concatenate([self._heard, samples.astype(np.float32)])
        judged = []
        while self._detects and len(self._heard) >= WINDOW:
            window, self._heard = self._heard[:WINDOW], self._heard[WINDOW:]
            judged.append(JudgedWindow(self._judged, probability(window)))
            self._judged += WINDOW
        self.pipeline.push(self.mic.hear(start, samples.astype(np.float32), judged))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
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

    def since(self, time: float) -> list[Shown]:
        return [tick for tick in self.shown if tick.at >= time]

    def audio(self, since: float = 0.0) -> np.ndarray:
        return np.concatenate([tick.pcm for tick in self.since(since)])

    def states(self) -> list[str]:
        return [message.state for _, message in self.told]

    def _poll(self) -> None:
        due = self.pipeline.poll()
        self.at(self.now + BLOCK_S if due is None else max(due, self.now), self._poll)

    def _show(self, frame: Frame, index: int) -> None:
        self._frame = self.numbers[id(frame)]

    def _speak(self, pcm: np.ndarray, index: int) -> None:
        assert len(pcm) == BLOCK_SAMPLES
        before = self.shown[-1].frame_k if self.shown else None
        self.shown.append(Shown(self.now, pcm, self._frame, self._frame != before))


def speech(seconds: float, seed: int = 1) -> np.ndarray:
    """Noise: every sample says where it belongs, and none is silence. They are samples of 16 bits."""
    noise = np.random.default_rng(seed).random(round(seconds * 16_000)) / 2 + 0.1
    return np.rint(noise * 32768).astype(np.float32) / np.float32(32768)


def noise(seconds: float, seed: int = 2) -> np.ndarray:
    """Of a room: it is loud enough to be heard, and no speech."""
    samples = np.random.default_rng(seed).normal(size=round(seconds * 16_000)) * 0.01
    return np.rint(samples * 32768).astype(np.float32) / np.float32(32768)


def probability(window: np.ndarray) -> float:
    """That :func:`speech` is in it: certain where it fills a quarter."""
    return min(0.98, 4 * float(np.mean(window > 0.09)))


def loud(ticks: list[Shown]) -> list[Shown]:
    return [tick for tick in ticks if np.abs(tick.pcm).max() > 0.05]


def in_step(stage: Stage, ticks: list[Shown]) -> bool:
    """Every one of these ticks shows the frame that was made of its own audio."""
    windows = {w.k + i: w.pcm[i * 640 : (i + 1) * 640] for w in stage.engine.asked for i in range(w.hop)}
    return all(tick.frame_k is not None and np.array_equal(windows[tick.frame_k], tick.pcm) for tick in ticks)
