"""What the sender needs of an outgoing track: encoded payloads with timestamps, when they are due."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import NoReturn

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters


@dataclass(frozen=True, slots=True)
class RtpPayloads:
    """RTP payloads that share one timestamp, counted on the track's own clock from tick 0. With ``marked`` the last
    one's packet bears the marker bit: the end of a frame, or the first audio after none (RFC 3551 section 4.1)."""

    payloads: list[bytes]
    timestamp: int
    marked: bool = False


class PacedTrack(MediaStreamTrack):
    """An outgoing track. ``rate`` is that of its RTP clock."""

    rate: int

    @abstractmethod
    def begin(self, codec: RTCRtpCodecParameters) -> None:
        """The codec is negotiated: give payloads of it."""

    @abstractmethod
    async def next_payloads(self) -> RtpPayloads:
        """The next payloads, when they are due. Raises ``MediaStreamError`` after the end, and
        :class:`~livehead.errors.MediaError` where nothing can be encoded any more."""

    def sent(self, payloads: RtpPayloads) -> None:
        """These payloads were handed to the socket."""

    async def recv(self) -> NoReturn:
        raise MediaStreamError  # this track gives payloads, not frames
