"""The encoding of one session's frames or audio in one codec, made once for all clients that take it."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import Generic, TypeVar

from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.core.block import BLOCK_S
from livehead.errors import MediaError
from livehead.media.rtp.shared_track import EncodedTick, SharedTrack
from livehead.media.rtp.tick_queue import TickQueue
from livehead.media.watched_task import watched_task

logger = logging.getLogger(__name__)

MAX_FAILED = 25
"""Ticks in a row that cannot be encoded, one second of them, before the encoding gives up."""

STALE_S = 2 * BLOCK_S
"""A tick that waited longer before the first track joined is not sent any more: it would bear a timestamp from before
a pause, which a browser takes for a frame that is far ahead of the next."""

RECENT = 100
"""Ticks of which it is kept how long they took, until somebody takes that."""

Item = TypeVar("Item")
Track = TypeVar("Track", bound=SharedTrack)


class SharedEncoding(ABC, Generic[Item, Track]):
    """Encodes while a track has joined, and then each tick once. ``encoded`` counts the ticks that were encoded,
    ``failed`` those that could not be.

    A tick that cannot be encoded is left out, and a new encoder begins with the next. After :data:`MAX_FAILED` of them
    in a row every track that has joined fails with a :class:`~livehead.errors.MediaError`; the next one to join makes
    a new beginning.
    """

    kind: str

    def __init__(self, codec: RTCRtpCodecParameters) -> None:
        self.encoded = self.failed = 0
        self._times: deque[float] = deque(maxlen=RECENT)
        self._codec = codec
        self._ticks: TickQueue[Item] = TickQueue()
        self._put_at = 0.0
        self._tracks: list[Track] = []
        self._task: asyncio.Task[None] | None = None
        self._failed_in_a_row = 0

    @property
    def dropped(self) -> int:
        """Ticks that the encoder was too slow for."""
        return self._ticks.dropped

    def take_times(self) -> list[float]:
        """How long the ticks took since this was last asked, in seconds, with the wait for a thread."""
        taken = list(self._times)
        self._times.clear()
        return taken

    def put(self, index: int, item: Item) -> None:
        """Tick ``index`` is to be encoded. Never blocks; an index that does not rise is ignored."""
        if self._ticks.put(index, item):
            self._put_at = time.monotonic()

    def join(self, track: Track) -> None:
        """``track`` takes every tick from now on. Twice is once."""
        if track in self._tracks:
            return
        self._tracks.append(track)
        if self._task is None:
            if time.monotonic() - self._put_at > STALE_S:
                self._ticks.clear()
            self._ticks.open()
            self._task = watched_task(self._run(), f"encode-{self.kind}", self._give_up)

    def leave(self, track: Track) -> None:
        """``track`` takes nothing any more; with the last one encoding ends. Twice is once."""
        if track in self._tracks:
            self._tracks.remove(track)
            if not self._tracks:
                self._end()

    @abstractmethod
    async def _encode(self, index: int, item: Item) -> EncodedTick:
        """Encode one tick for the tracks that have joined; whatever it raises, the next may work."""

    @abstractmethod
    def _reset(self) -> None:
        """Let go of the encoder: its memory and threads go now, and the next tick makes a new one."""

    async def _run(self) -> None:
        while True:
            index, item = await self._ticks.get()
            began = time.monotonic()
            try:
                tick = await self._encode(index, item)
            except Exception as error:  # noqa: BLE001 - whatever failed, the next tick may not
                self._reset()
                self._skip(error)
                continue
            self._failed_in_a_row = 0
            self.encoded += 1
            self._times.append(time.monotonic() - began)
            if any(each.payloads for each in tick.payloads):
                for track in tuple(self._tracks):
                    track.take(tick)

    def _skip(self, error: Exception) -> None:
        self.failed += 1
        self._failed_in_a_row += 1
        if self.failed == 1:
            logger.warning("%s could not be encoded; this is logged once for each session", self.kind, exc_info=error)
        if self._failed_in_a_row >= MAX_FAILED:
            raise MediaError(f"{self.kind} could not be encoded {MAX_FAILED} times in a row ({error!r})") from error

    def _give_up(self, error: Exception) -> None:
        tracks, self._tracks = self._tracks, []
        self._end()
        for track in tracks:
            track.fail(error)

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._failed_in_a_row = 0
        self._ticks.close()
        self._reset()
