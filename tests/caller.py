"""A client for tests, written from the protocol alone on stock aiortc: it speaks bursts and reads the test pattern."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from livehead.core import test_pattern as probe
from waiting import until

RATE = 48_000
PACKET = 960
"""20 ms, as browsers send them."""

Speech = Callable[[float], float]
"""Seconds since the microphone was opened → amplitude of the tone, 0 to 1."""


def silence(_: float) -> float:
    return 0.0


def tone(_: float) -> float:
    return 0.4


def bursts(at: float) -> float:
    """A fifth of a second of tone in every second, from the third on."""
    return 0.4 if at >= 2 and at % 1.0 < 0.2 else 0.0


class Microphone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, speech: Speech) -> None:
        super().__init__()
        self.onsets: list[float] = []
        self._speech = speech
        self._sent = 0
        self._began: float | None = None
        self._loud = False

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        if self._began is None:
            self._began = time.monotonic()
        at = self._sent * PACKET / RATE
        await asyncio.sleep(max(0.0, self._began + at - time.monotonic()))
        level = self._speech(at)
        if level and not self._loud:
            self.onsets.append(time.monotonic())
        self._loud = level > 0
        wave = np.sin(np.arange(PACKET) * 2 * np.pi * 400 / RATE) * level * 32767
        frame = av.AudioFrame.from_ndarray(wave.astype(np.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._sent * PACKET
        frame.time_base = Fraction(1, RATE)
        self._sent += 1
        return frame


@dataclass(frozen=True)
class Seen:
    """``at`` is when it came, ``media`` its RTP timestamp in seconds."""

    at: float
    code: probe.Reading | None
    luma: NDArray[np.uint8]
    media: float


class Caller:
    """One peer connection. ``frames``, ``levels`` (time and rms of 20 ms of voice) and ``heard`` (the same, by RTP
    timestamp in seconds) fill while it is connected."""

    def __init__(
        self,
        speech: Speech = silence,
        *,
        audio: bool = True,
        videos: int = 1,
        keep: int = 50,
        channel: str = "livehead",
    ) -> None:
        self.peer = RTCPeerConnection()
        self.microphone = Microphone(speech)
        self.frames: list[Seen] = []
        self.levels: list[tuple[float, float]] = []
        self.heard: list[tuple[float, float]] = []
        self.figures: list[dict[str, Any]] = []
        self.began = time.monotonic()
        self._keep = keep
        self._tasks: list[asyncio.Task[None]] = []
        self.peer.on("track", self._on_track)
        if audio:
            self.peer.addTrack(self.microphone)
        for _ in range(videos):
            self.peer.addTransceiver("video", direction="recvonly")
        self.channel = self.peer.createDataChannel(channel)
        self.channel.on("message", lambda text: self.figures.append(json.loads(text)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        self.began = time.monotonic()
        return str(self.peer.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        self.microphone.stop()
        await self.peer.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def seen(self, enough: Callable[[list[Seen]], bool], within: float = 10.0) -> list[Seen]:
        """The frames, as soon as they are ``enough``."""
        await until(lambda: enough(self.frames), within)
        return self.frames

    def delays(self) -> list[float]:
        """Seconds from each onset in the microphone to the first frame whose code says loud."""
        found = []
        for onset in self.microphone.onsets:
            loud = [p.at for p in self.frames if p.at >= onset and p.code is not None and p.code.loudness >= 8]
            if loud and loud[0] - onset < 0.9:
                found.append(loud[0] - onset)
        return found

    @property
    def late(self) -> int:
        """Packets of the microphone that reached the server too late, by its own count: the machine was busy."""
        told = [each["concealed_ms"] for each in self.figures if each["type"] == "stats"]
        return round(told[-1] / 20) if told else 0

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._watch(track)))

    async def _watch(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                now = time.monotonic()
                if isinstance(frame, av.VideoFrame):
                    luma = frame.to_ndarray(format="yuv420p")[: frame.height]
                    kept = luma if len(self.frames) % self._keep == 0 else luma[-probe.ROWS :]
                    self.frames.append(Seen(now, probe.read(luma), kept, _media(frame)))
                elif isinstance(frame, av.AudioFrame):
                    samples = frame.to_ndarray().astype(np.float64) / 32768
                    level = float(np.sqrt(np.mean(samples**2)))
                    self.levels.append((now, level))
                    self.heard.append((_media(frame), level))


def _media(frame: av.AudioFrame | av.VideoFrame) -> float:
    assert frame.pts is not None
    assert frame.time_base is not None
    return float(frame.pts * frame.time_base)
