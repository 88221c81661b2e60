"""What a session and the registry lean on, each doing as little as possible and failing where a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from livehead.core.identity import Identity
from livehead.core.recent_delays import RecentDelays
from livehead.engine.base import Backdrop, Preset
from livehead.errors import NotFoundError
from livehead.media.peer.setup_times import SetupTimes
from livehead.media.rtp.link_figures import LinkFigures
from livehead.metrics import Metrics
from livehead.sessions.recording.base import NoRecorder
from livehead.sessions.request import SessionRequest
from livehead.sessions.session import Session
from livehead.settings import load

PRESETS = {"low": Preset(1, 0, 200), "balanced": Preset(8, 0, 600)}


class StubPeer:
    """A peer, and all that its session has, too. ``failing`` names the calls that raise RuntimeError."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.heard = asyncio.Event()
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.failure: Exception | None = None
        self.flooded = False
        self.last_media: float | None = None
        self.last_received: float | None = None
        self.dropped = 0
        self.concealed_s = 0.0
        self.malformed = self.close_failures = 0
        self.refused: dict[str, int] = {}
        self.encoded_frames: dict[str, int] = {}
        self.takes_video = True
        self.frames = self.closings = 0
        self.shown = asyncio.Event()
        self.setup = SetupTimes()
        self.link = LinkFigures()

    def connect(self) -> StubPeer:
        self.heard.set()
        self.connected.set()
        return self

    def take_encode_times(self) -> dict[str, list[float]]:
        return {}

    async def answer(self, offer: str) -> str:
        self._check("answer")
        return "answer"

    @property
    async def audio(self) -> AsyncIterator[Any]:
        self._check("audio")
        await self.closed.wait()
        for item in ():
            yield item

    def send_frame(self, frame: object, index: int) -> None:
        self.frames += 1

    def send_audio(self, pcm: object, index: int) -> None:
        self._check("send_audio")

    def send_text(self, text: str) -> bool:
        self._check("send_text")
        return True

    async def close(self) -> None:
        self.closings += 1
        self.closed.set()
        self._check("close")

    def _check(self, call: str) -> None:
        if call in self.failing:
            raise RuntimeError(f"{call} broke")


class StubStream:
    """``failing`` names the calls that raise RuntimeError."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.id = 1
        self.state = "ready"
        self.windows: list[Any] = []
        self.rewinds: list[int] = []
        self.closed = False

    def submit(self, window: Any, deadline: float) -> bool:
        self.windows.append(window)
        return True

    def rewind(self, shown: int) -> None:
        self.rewinds.append(shown)

    async def close(self) -> None:
        self.closed = True
        if "close" in self.failing:
            raise RuntimeError("close broke")


LOOKS = ("keep", "colour", "picture", "transparent")


class StubHost:
    """``opening(n)`` is awaited before stream ``n`` (0, 1, …) is given, and may raise."""

    def __init__(self, opening: Callable[[int], Any] | None = None, *failing: str) -> None:
        self.state = "ready"
        self.info: Any = SimpleNamespace(
            presets=PRESETS, looks=LOOKS, name="stub", variant=None, silence_hop=0, step_hops=()
        )
        self.capacity = None
        self.takeovers, self.taken_over_at = 0, None
        self.streams: list[StubStream] = []
        self.backdrops: list[Backdrop | None] = []
        self._opening = opening
        self._failing = failing
        self._tries = 0

    async def ready(self) -> Any:
        return self.info

    def subscribe(self, callback: object) -> Callable[[], None]:
        return lambda: None

    async def open(
        self, portrait: Any, seed: int, *callbacks: Any, backdrop: Backdrop | None = None, **options: Any
    ) -> StubStream:
        tried, self._tries = self._tries, self._tries + 1
        if self._opening is not None:
            await self._opening(tried)
        self.streams.append(StubStream(*self._failing))
        self.backdrops.append(backdrop)
        return self.streams[-1]

    @property
    def live(self) -> int:
        return sum(not stream.closed for stream in self.streams)


class StubAvatars:
    names = ("amara", "ben", "chen")

    async def refresh(self, *avatars: str) -> None:
        pass

    def get(self, avatar: str, owner: str = "") -> None:
        if avatar not in self.names:
            raise NotFoundError(f"There is no avatar {avatar}.")

    def list(self) -> list[Any]:
        return [SimpleNamespace(id=name, builtin=True) for name in self.names]

    async def portrait(self, avatar: str, owner: str = "") -> np.ndarray:
        return np.zeros((8, 8, 3), np.uint8)


class StubRecorders:
    """Nothing is kept."""

    def make(self, *_: object) -> NoRecorder:
        return NoRecorder()


def session(
    patch: Any,
    peer: StubPeer,
    host: StubHost | None = None,
    metrics: Metrics | None = None,
    given: dict[str, Any] | None = None,
    **wishes: Any,
) -> Session:
    """A session between ``peer`` and ``host``, under the settings ``given``; not yet opened."""
    patch.setattr("livehead.sessions.viewers.viewer.Peer", lambda *args, **options: peer)
    patch.setattr("livehead.sessions.session.Viewers", lambda **options: peer)
    request = SessionRequest(**{"avatar": "amara", "latency": "low", **wishes})
    anything: Any = host or StubHost()
    avatars: Any = StubAvatars()
    return Session(
        request,
        Identity("198.51.100.1"),
        load(given or {}),
        anything,
        avatars,
        metrics or Metrics(),
        RecentDelays(),
        StubRecorders(),
    )
