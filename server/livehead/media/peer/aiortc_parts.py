"""Our senders and receivers inside aiortc's peer connection.

aiortc makes its own and has no place to say otherwise. So in every new transceiver the two private fields that hold
them are replaced, and in the ICE connection one method, each in that one object and never in a class. If a
version of aiortc names them otherwise, that is said at the first session.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aioice import Candidate
from aiortc import RTCPeerConnection, RTCRtpSender, RTCRtpTransceiver
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from livehead.media.rtp.clock import MediaClock
from livehead.media.rtp.receiver import OnPacket, Receiver
from livehead.media.rtp.sender import Sender
from livehead.media.rtp.track import PacedTrack

GATHER_TIMEOUT = 2
"""Seconds that a STUN or TURN server may take; without it the answer goes out with what there is."""


def use_sender(
    transceiver: RTCRtpTransceiver, track: PacedTrack, clock: MediaClock, on_feedback: Callable[[], None]
) -> None:
    """Send ``track`` by our own sender. ``on_feedback`` is called for every report of the receiver."""
    stock = transceiver.sender
    sender = Sender(track, stock.transport, clock, on_feedback)
    sender._stream_id = stock._stream_id
    _replace(transceiver, "_RTCRtpTransceiver__sender", sender)


def use_receiver(transceiver: RTCRtpTransceiver, on_packet: OnPacket) -> None:
    """Receive by our own receiver. To be called after :func:`use_sender`, whose source the reports name."""
    receiver = Receiver(transceiver.kind, transceiver.receiver.transport, on_packet)
    receiver._set_rtcp_ssrc(transceiver.sender._ssrc)
    _replace(transceiver, "_RTCRtpTransceiver__receiver", receiver)


def prefer(transceiver: RTCRtpTransceiver, names: Sequence[str]) -> None:
    """Take codecs in this order (lower case), H264 in its constrained baseline form first, and no others. Only
    what is preferred before the remote description is set counts."""

    def rank(codec: RTCRtpCodecCapability) -> tuple[int, bool]:
        profile = str(codec.parameters.get("profile-level-id", ""))
        return names.index(codec.name.lower()), profile.lower() != "42e01f"

    codecs = RTCRtpSender.getCapabilities(transceiver.kind).codecs
    chosen = sorted((c for c in codecs if c.name.lower() in names), key=rank)
    transceiver.setCodecPreferences(chosen + [c for c in codecs if c.name.lower() == "rtx"])


def reach_loopback(pc: RTCPeerConnection) -> None:
    """Without any network the loopback is the only way to a client on the same machine, and aioice leaves it out.
    To be called before candidates are gathered."""
    for gatherer in {t.receiver.transport.transport.iceGatherer for t in pc.getTransceivers()}:
        connection = gatherer._connection
        _replace(connection, "get_component_candidates", partial(_gather, connection.get_component_candidates))


async def _gather(
    original: Callable[[int, list[str], int], Awaitable[list[Candidate]]], component: int, addresses: list[str]
) -> list[Candidate]:
    return await original(component, addresses or ["127.0.0.1"], GATHER_TIMEOUT)


def _replace(owner: object, name: str, value: object) -> None:
    if not hasattr(owner, name):
        raise RuntimeError(f"this version of aiortc has no {name}; Livehead needs to be adapted to it")
    setattr(owner, name, value)
