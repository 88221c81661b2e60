"""What the sender needs of an outgoing track: encoded payloads with timestamps, when they are due."""

from __future__ import annotations

import logging
from abc import abstractmethod
from dataclasses import dataclass
from typing import NoReturn

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.errors import MediaError

logger = logging.getLogger(__name__)

MAX_FAILED = 25
"""Ticks in a row that cannot be encoded, one second of them, before the track gives up."""


@dataclass(frozen=True, slots=True)
class RtpPayloads:
    """RTP payloads that share one timestamp, counted on the track's own clock from tick 0."""

    payloads: list[bytes]
    timestamp: int


class PacedTrack(MediaStreamTrack):
    """An outgoing track. ``rate`` is that of its RTP clock. ``failed`` counts ticks that could not be encoded."""

    rate: int

    def __init__(self) -> None:
        super().__init__()
        self.failed = 0
        self._failed_in_a_row = 0

    @abstractmethod
    def begin(self, codec: RTCRtpCodecParameters) -> None:
        """The codec is negotiated: encode for it."""

    @abstractmethod
    async def next_payloads(self) -> RtpPayloads:
        """The next payloads, when they are due. Raises ``MediaStreamError`` after the end, and
        :class:`~livehead.errors.MediaError` where nothing can be encoded any more."""

    def sent(self, payloads: RtpPayloads) -> None:
        """These payloads were handed to the socket."""

    async def recv(self) -> NoReturn:
        raise MediaStreamError  # this track gives payloads, not frames

    def _note_encoded(self) -> None:
        """A tick was encoded."""
        self._failed_in_a_row = 0

    def _skip(self, error: Exception) -> None:
        """A tick could not be encoded and is left out. Raises MediaError after :data:`MAX_FAILED` of them in a row."""
        self.failed += 1
        self._failed_in_a_row += 1
        if self.failed == 1:
            logger.warning("%s could not be encoded; this is logged once for each track", self.kind, exc_info=error)
        if self._failed_in_a_row >= MAX_FAILED:
            raise MediaError(f"{self.kind} could not be encoded {MAX_FAILED} times in a row ({error!r})") from error
