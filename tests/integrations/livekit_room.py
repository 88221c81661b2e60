"""A room of LiveKit for tests: the server is left out, the tracks are real. What is published is watched as a
subscriber would, by livekit's own streams."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from livehead.core import test_pattern as probe


@dataclass(frozen=True)
class SeenPicture:
    at: float
    code: probe.Reading | None


@dataclass
class Watched:
    """What a subscriber gets: pictures, and 10 ms of sound after another with its time and its level in [0, 1]."""

    pictures: list[SeenPicture] = field(default_factory=list)
    levels: list[tuple[float, float]] = field(default_factory=list)

    def heard(self, since: float, until: float = float("inf"), level: float = 0.05) -> float:
        """Seconds of sound above ``level``."""
        return sum(0.01 for at, rms in self.levels if since <= at < until and rms > level)


class Publication:
    def __init__(self, track: rtc.LocalTrack, sid: str, subscribed: asyncio.Event) -> None:
        self.track, self.sid, self.name, self.kind = track, sid, track.name, track.kind
        self._subscribed = subscribed

    async def wait_for_subscription(self) -> None:
        await self._subscribed.wait()


class Participant:
    kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT

    def __init__(self, room: Room, identity: str) -> None:
        self.identity = identity
        self.track_publications: dict[str, Publication] = {}
        self._room = room

    async def publish_track(self, track: rtc.LocalTrack, options: rtc.TrackPublishOptions) -> Publication:
        publication = Publication(track, f"TR_{len(self.track_publications)}", self._room.subscribed)
        self.track_publications[publication.sid] = publication
        self._room.watch(track)
        self._room.emit("local_track_published", publication, track)
        return publication

    async def unpublish_track(self, sid: str) -> None:
        del self.track_publications[sid]


class Room(rtc.EventEmitter[Any]):
    """In place of ``rtc.Room``. Somebody is subscribed from the beginning, unless ``subscribed`` is cleared."""

    def __init__(self, identity: str = "agent") -> None:
        super().__init__()
        self.name = "test-room"
        self.remote_participants: dict[str, Participant] = {}
        self.local_participant = Participant(self, identity)
        self.subscribed = asyncio.Event()
        self.subscribed.set()
        self.watched = Watched()
        self.connected_with: tuple[str, str] | None = None
        self.connected = True
        self._streams: list[rtc.VideoStream | rtc.AudioStream] = []
        self._tasks: list[asyncio.Task[None]] = []

    def register_text_stream_handler(self, topic: str, handler: Any) -> None:
        """Nobody sends text."""

    def register_byte_stream_handler(self, topic: str, handler: Any) -> None:
        """Nobody sends bytes."""

    def unregister_text_stream_handler(self, topic: str) -> None:
        pass

    def unregister_byte_stream_handler(self, topic: str) -> None:
        pass

    def isconnected(self) -> bool:
        return self.connected

    async def connect(self, url: str, token: str, options: rtc.RoomOptions) -> None:
        self.connected_with = url, token

    async def disconnect(self) -> None:
        self.connected = False
        await self.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for stream in self._streams:
            await stream.aclose()
        self._tasks, self._streams = [], []

    def watch(self, track: rtc.LocalTrack) -> None:
        if isinstance(track, rtc.LocalVideoTrack):
            video = rtc.VideoStream(track)
            self._streams.append(video)
            self._tasks.append(asyncio.create_task(self._see(video)))
        elif isinstance(track, rtc.LocalAudioTrack):
            audio = rtc.AudioStream(track, sample_rate=48_000, num_channels=1)
            self._streams.append(audio)
            self._tasks.append(asyncio.create_task(self._hear(audio)))

    async def _see(self, stream: rtc.VideoStream) -> None:
        async for event in stream:
            self.watched.pictures.append(SeenPicture(time.monotonic(), probe.read(_luma(event.frame))))

    async def _hear(self, stream: rtc.AudioStream) -> None:
        async for event in stream:
            samples = np.frombuffer(event.frame.data, np.int16).astype(np.float64) / 32768
            self.watched.levels.append((time.monotonic(), float(np.sqrt(np.mean(samples**2)))))


def _luma(frame: rtc.VideoFrame) -> NDArray[np.uint8]:
    """``(height, width)``, of I420."""
    assert frame.type == rtc.VideoBufferType.I420
    whole = np.frombuffer(frame.data, np.uint8)
    return whole[: frame.width * frame.height].reshape(frame.height, frame.width)
