"""What the sender needs of an outgoing track: encoded payloads with time stamps, when they are due."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import NoReturn

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters


@dataclass(frozen=True, slots=True)
class Encoded:
    """RTP payloads that share one time stamp, counted on the track's own clock from tick 0."""

    payloads: list[bytes]
    timestamp: int


class PacedTrack(MediaStreamTrack):
    """An outgoing track. ``rate`` is that of its RTP clock."""

    rate: int

    @abstractmethod
    def begin(self, codec: RTCRtpCodecParameters) -> None:
        """The codec is negotiated: encode for it."""

    @abstractmethod
    async def encoded(self) -> Encoded:
        """The next payloads, when they are due; raises ``MediaStreamError`` after the end."""

    def sent(self, encoded: Encoded) -> None:
        """These payloads were handed to the socket."""

    async def recv(self) -> NoReturn:
        raise MediaStreamError  # frames are not to be had from this track, only payloads
