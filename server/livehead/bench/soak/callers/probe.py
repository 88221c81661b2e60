"""The caller that measures: one call as long as the soak, over a good line, whose pictures are decoded and whose voice
comes back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from livehead.bench.latency.freezes import frozen
from livehead.bench.latency.recorders.counters import Unwrapped
from livehead.bench.latency.recorders.recording import DecodedFrame
from livehead.bench.soak.callers.babble import Babble
from livehead.bench.soak.callers.peer import Peer
from livehead.bench.soak.callers.reports import ProbeReport, Still
from livehead.bench.soak.callers.server import CallersServer
from livehead.bench.soak.callers.voice_and_picture import skew_ms
from livehead.client.call.microphone import RATE, Microphone
from livehead.errors import LiveheadError

FIRST_PICTURE_S = 15.0
SPAN_S = 10.0
"""Of the call, for each report."""

BACK_S = 6.0
"""What of the span before is kept: sender reports come every few seconds, and voice and picture apart."""

AGAIN_S = 1.0


class Probe:
    """``tell`` gets a :class:`ProbeReport` every ten seconds, and one with an error where the call is lost; then there
    is another call."""

    def __init__(
        self, server: CallersServer, babble: Babble, stop: asyncio.Event, tell: Callable[[ProbeReport], None]
    ) -> None:
        self._server = server
        self._babble = babble
        self._stop = stop
        self._tell = tell
        self._last: float | None = None  # when the last picture of a new block came, in this call

    async def run(self) -> None:
        while not self._stop.is_set():
            begins = time.monotonic()
            try:
                await self._call()
            except (LiveheadError, OSError, TimeoutError) as error:
                self._tell(ProbeReport(begins, time.monotonic(), 0, 0, None, (), str(error) or type(error).__name__))
                await self._pause(AGAIN_S)

    async def _call(self) -> None:
        mic = Microphone()
        peer = Peer(await self._server.ice_servers(), mic, decode=True)
        location = None
        try:
            query = {"probe": "1", "voice": "on", "source": "mic"}
            answer = await self._server.open("/v1/sessions", await peer.offer(), query)
            location = answer.headers["Location"]
            await peer.accept(answer.text, FIRST_PICTURE_S * self._server.patience)
            talking = asyncio.create_task(self._talk(mic), name="talk")
            try:
                await self._measure(peer)
            finally:
                talking.cancel()
                await asyncio.wait([talking])
        finally:
            if location is not None:
                with contextlib.suppress(LiveheadError):
                    await self._server.end(location)
            await peer.close()

    async def _talk(self, mic: Microphone) -> None:
        while True:
            pcm = self._babble.phrase()
            await mic.play(pcm, RATE)
            await asyncio.sleep(self._babble.pause(len(pcm) / RATE))

    async def _measure(self, peer: Peer) -> None:
        unwrap = Unwrapped(16)
        self._last, newest = None, -1
        await self._pause(2.0)  # the first seconds are those of every call, and others measure them
        begins = time.monotonic()
        peer.recording.frames.clear()
        while not self._stop.is_set():
            await self._pause(SPAN_S)
            peer.check()
            ends = time.monotonic()
            frames = [each for each in peer.recording.frames if begins <= each.decoded < ends]
            fresh = []
            for each in frames:
                if each.k is not None and (k := unwrap(each.k)) > newest:
                    newest = k
                    fresh.append(each.decoded)
            skew = await asyncio.to_thread(_skew, peer, frames)
            unreadable = sum(each.k is None for each in frames)
            self._tell(ProbeReport(begins, ends, len(fresh), unreadable, skew, self._stills(fresh, ends)))
            _forget(peer, ends - BACK_S)
            begins = ends

    def _stills(self, fresh: list[float], ends: float) -> tuple[Still, ...]:
        """Between pictures of new blocks. One that lasts beyond the span is told with each span it is in."""
        times = ([] if self._last is None else [self._last]) + fresh
        if not fresh:
            return (Still(self._last or ends - SPAN_S, ends),)
        found = tuple(Still(*each) for each in frozen([times[0] - 0.04, *times]))
        self._last = fresh[-1]
        return found

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()


def _skew(peer: Peer, frames: list[DecodedFrame]) -> float | None:
    seen = peer.recording
    return skew_ms(frames, list(seen.frame_reports), list(seen.audio_packets), list(seen.audio_reports))


def _forget(peer: Peer, before: float) -> None:
    """What is older; of the sender reports the last are kept."""
    seen = peer.recording
    seen.frames[:] = [each for each in seen.frames if each.decoded >= before]
    seen.audio_packets[:] = [each for each in seen.audio_packets if each.arrived >= before]
    seen.frame_reports[:-10] = []
    seen.audio_reports[:-10] = []
    seen.stats.clear()
    seen.pings.clear()
    for timestamp in [each for each, at in seen.first_packets.items() if at < before]:
        del seen.first_packets[timestamp]
