"""Incoming audio: RTP packets become 16 kHz mono samples on the media timeline.

    packet ─▶ jitter buffer ─▶ decoder ─▶ packet loss concealment ─▶ resampler ─▶ AudioChunk

Samples are placed by RTP timestamp: sample n of the microphone, counted from the first packet's, is
sample n + :attr:`Ingest.delay` of the timeline, within a millisecond, for the whole session. The delay is that of
codec and filter (7.1 ms with Opus). It is left in on purpose: shifting it out would move the ends of blocks past the
ends of packets, and every block would wait for one more packet.

Decoding a packet takes a tenth of a millisecond, less than handing it to a thread and back, so it is done on
the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import numpy as np
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.errors import MediaError
from livehead.media.audio.decoder import AudioDecoder, audio_decoder
from livehead.media.audio.jitter_buffer import Gap, JitterBuffer, Taken
from livehead.media.audio.loss_concealment import PacketLossConcealer
from livehead.media.audio.resample import Resampler
from livehead.turns import media_turns

QUEUE = 250
"""Chunks of audio that may wait for the session, about 5 s. Past that the oldest is dropped."""

FASTEST = 1.1
MOST_AHEAD_S = 5.0
"""A client's audio may run so much faster than time, and get so many seconds ahead of that. Packets beyond are dropped:
a few of them, with time stamps far apart, would be minutes of audio, and frames to make for all of it."""

AT_ONCE = 4
"""Packets that are decoded before others have their turn. A client can make many wait for one that is missing."""

LATE_TIMER = 0.015
SECOND_LOOK = 0.010
"""A timer that fires late means that the loop was busy: packets may be waiting in the socket behind it."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioChunk:
    """``pcm`` is placed at sample ``start`` of the media timeline; ``arrived`` is the monotonic time, in seconds,
    at which its packet came in, or at which it was given up."""

    start: int
    pcm: Pcm
    arrived: float


class AudioQueue:
    """The queue between the ingest and the session: an async iterator that ends with the peer."""

    def __init__(self, size: int = QUEUE) -> None:
        self.dropped = 0
        self._items: deque[AudioChunk] = deque(maxlen=size)
        self._ready = asyncio.Event()
        self._ended = False

    def put(self, audio: AudioChunk) -> None:
        self.dropped += len(self._items) == self._items.maxlen
        self._items.append(audio)
        self._ready.set()

    def end(self) -> None:
        self._ended = True
        self._ready.set()

    def __aiter__(self) -> AsyncIterator[AudioChunk]:
        return self

    async def __anext__(self) -> AudioChunk:
        while not self._items:
            if self._ended:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        await media_turns().take()  # what hears it looks for speech, among others
        return self._items.popleft()


class Ingest:
    """One client's audio. Packets come in by :meth:`receive`; samples go out to ``audio_chunks``.

    ``clock`` gives monotonic seconds. ``concealed`` counts samples that were made up, ``broken`` packets that
    could not be decoded, ``excess`` those that came while there was far more audio than time.
    """

    def __init__(self, audio_chunks: AudioQueue, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.jitter: JitterBuffer | None = None
        self.concealed = self.broken = self.excess = 0
        self._audio_chunks = audio_chunks
        self._clock = clock
        self._codec: RTCRtpCodecParameters | None = None
        self._source: int | None = None
        self._decoder: AudioDecoder | None = None
        self._codec_delay = 0.0
        self._resampler = Resampler(SAMPLE_RATE, SAMPLE_RATE)
        self._concealer = PacketLossConcealer(SAMPLE_RATE)
        self._position = 0
        self._lasts_until = 0.0
        self._timer: asyncio.Handle | None = None
        self._ended = False

    @property
    def delay(self) -> int:
        """How many samples behind its place on the timeline audio lies, for the present codec."""
        return round((self._resampler.delay + self._codec_delay) * SAMPLE_RATE)

    def receive(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        """Take a packet as it came from the network."""
        if self._ended or not packet.payload:
            return
        now = self._clock()
        if self._lasts_until - now > MOST_AHEAD_S:
            self.excess += 1
            return
        jitter = self._prepare(packet.ssrc, codec, now)
        assert self._decoder is not None
        try:
            duration = self._decoder.duration(packet.payload)
        except MediaError:
            self.broken += 1
            return
        jitter.push(packet.sequence_number, packet.timestamp, duration, packet.payload, now)
        self._drain(now)

    def end(self) -> None:
        """No more audio. May be called twice."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        self.jitter = self._decoder = None  # their memory goes now, whatever holds the rest
        self._audio_chunks.end()

    def _prepare(self, source: int, codec: RTCRtpCodecParameters, now: float) -> JitterBuffer:
        jitter = self.jitter
        if jitter is None or codec is not self._codec:
            # Another codec has another clock: a new buffer, at the same place of the timeline.
            self._codec = codec
            self._decoder = audio_decoder(codec)
            self._codec_delay = self._decoder.delay
            self._resampler = Resampler(self._decoder.rate, SAMPLE_RATE)
            self._concealer = PacketLossConcealer(self._decoder.rate)
            jitter = self.jitter = JitterBuffer(self._decoder.rate)
        elif source != self._source:
            jitter.restart()
        self._source = source
        return jitter

    def _drain(self, now: float) -> None:
        jitter = self.jitter
        assert jitter is not None
        if self._timer is not None:
            self._timer.cancel()
        for _ in range(AT_ONCE):
            item = jitter.pop(now)
            if item is None:
                break
            pcm = self._resampler(self._samples(item))
            arrived = item.arrived if isinstance(item, Taken) else now
            if len(pcm):
                self._audio_chunks.put(AudioChunk(self._position, pcm, arrived))
                self._position += len(pcm)
                self._lasts_until = max(self._lasts_until, now) + len(pcm) / (SAMPLE_RATE * FASTEST)
        else:
            if not self._ended:
                self._timer = asyncio.get_running_loop().call_soon(self._give_up)
            return
        due = jitter.due
        if due is not None and not self._ended:
            self._timer = asyncio.get_running_loop().call_later(max(0.001, due - now), self._overdue, due)

    def _overdue(self, due: float) -> None:
        if self._clock() - due > LATE_TIMER:
            self._timer = asyncio.get_running_loop().call_later(SECOND_LOOK, self._give_up)
        else:
            self._give_up()

    def _give_up(self) -> None:
        self._drain(self._clock())

    def _samples(self, item: Taken | Gap) -> Pcm:
        assert self._decoder is not None
        if isinstance(item, Gap):
            self.concealed += item.duration * SAMPLE_RATE // self._decoder.rate
            return self._concealer.missing(item.duration)
        try:
            pcm = self._decoder.decode(item.payload)
        except MediaError:
            self.broken += 1
            return self._concealer.missing(item.duration - item.skip + item.stretch)
        pcm = _fit(pcm, item.duration)[item.skip :]
        if item.stretch:
            count = len(pcm) + item.stretch
            pcm = np.interp(np.linspace(0, len(pcm) - 1, count), np.arange(len(pcm)), pcm).astype(np.float32)
        return self._concealer.received(pcm)


def _fit(pcm: Pcm, count: int) -> Pcm:
    """A decoder gives as many samples as the packet announced; where it does not, the timeline is kept."""
    if len(pcm) == count:
        return pcm
    return np.concatenate([pcm[:count], np.zeros(max(0, count - len(pcm)), np.float32)])
