"""A viewer for tests that reports which frame it presented last, as a browser's page does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import Any, Literal

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from caller import Caller
from livehead.core import test_pattern as probe
from waiting import patient

EVERY_S = 0.3


@dataclass(frozen=True)
class Presented:
    """A frame: when it was there, the block that its test code names, and its RTP timestamp."""

    at: float
    k: int
    rtp: int


class Screen(Caller):
    """A caller without a microphone. Its reports name frames ``by`` their RTP timestamps or their test codes; None: it
    sends none, nor while ``reporting`` is off. The channel's messages are in ``figures``, as any caller's."""

    def __init__(self, by: Literal["rtp", "k"] | None = "k", **options: Any) -> None:
        self.reporting = True
        self.presented: list[Presented] = []
        self.reports: list[float] = []
        self._by = by
        self._silent_at: float | None = None
        super().__init__(audio=False, **options)
        self.peer.addTransceiver("audio", direction="recvonly")
        self.channel.on("message", self._follow)

    def last(self, first: int, end: int) -> int | None:
        """The last frame presented of blocks ``first`` to ``end - 1``."""
        return max((each.k for each in self.presented if first <= each.k < end), default=None)

    async def _watch(self, track: MediaStreamTrack) -> None:
        if track.kind != "video":
            await super()._watch(track)
            return
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.VideoFrame)
                code = probe.read(frame.to_ndarray(format="yuv420p")[: frame.height])
                if code is not None:
                    assert frame.pts is not None
                    rtp = (frame.pts + self._origin()) % (1 << 32)
                    self.presented.append(Presented(time.monotonic(), code.k, rtp))
                    self._report()

    def _origin(self) -> int:
        """The RTP timestamp of the first frame: aiortc counts from there."""
        video: Any = next(each.receiver for each in self.peer.getTransceivers() if each.kind == "video")
        return int(video._RTCRtpReceiver__timestamp_mapper._origin)

    def _follow(self, text: str) -> None:
        message = json.loads(text)
        if message["type"] == "avatar":
            self._silent_at = time.monotonic() if message["state"] == "silent" else None

    def _report(self) -> None:
        """At most four times a second, and with the first frame that came after the portrait fell silent."""
        now = time.monotonic()
        recent = [at for at in self.reports if now - at < 1]
        urgent = self._silent_at is not None and now > self._silent_at + 0.04
        if not self.reporting or self._by is None or self.channel.readyState != "open" or len(recent) >= 4:
            return
        if urgent or not recent or now - recent[-1] >= EVERY_S:
            self._silent_at = None if urgent else self._silent_at
            self.reports.append(now)
            self.channel.send(json.dumps({"type": "shown", self._by: getattr(self.presented[-1], self._by)}))


async def reported(screen: Screen) -> None:
    """Wait until the server knows that this viewer reports."""
    async with patient(10):
        while not screen.reports:  # noqa: ASYNC110 - frames are waited for
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
