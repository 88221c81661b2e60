"""What Livehead reaches of aiortc and aioice behind their public interface, and their names.

aiortc makes its own senders and receivers and has no place to say otherwise, so in every new transceiver the two
private fields that hold them are replaced. What a client sends goes through :mod:`~livehead.media.peer.aiortc_inputs`.
Nothing is ever changed in a class.

:func:`check_private_names` says at the first peer which name is missing in another version.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import aioice
import aiortc
from aioice import Candidate
from aioice.ice import StunProtocol
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCRtpTransceiver
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.rtcsctptransport import InboundStream

from livehead.media.rtp.clock import MediaClock
from livehead.media.rtp.link_figures import LinkFigures
from livehead.media.rtp.receiver import OnPacket, Receiver
from livehead.media.rtp.sender import Sender
from livehead.media.rtp.track import PacedTrack
from livehead.media.watched_task import OnFailure

GATHER_TIMEOUT = 2
"""Seconds that a STUN or TURN server may take; without it the answer goes out with what there is."""

CERTIFICATE = "_RTCDtlsTransport__local_certificate"

_SENDER, _RECEIVER = "_RTCRtpTransceiver__sender", "_RTCRtpTransceiver__receiver"
_ESTIMATOR = "_RTCRtpReceiver__remote_bitrate_estimator"


def use_sender(
    transceiver: RTCRtpTransceiver,
    track: PacedTrack,
    clock: MediaClock,
    on_feedback: Callable[[], None],
    on_failure: OnFailure | None = None,
    link: LinkFigures | None = None,
) -> Sender:
    """Send ``track`` by our own sender, which is returned. ``on_feedback`` is called for every report of the receiver,
    ``on_failure`` with the error that ended the sending; ``link`` counts what goes out."""
    stock = transceiver.sender
    sender = Sender(track, stock.transport, clock, on_feedback, on_failure, link)
    sender._stream_id = stock._stream_id
    replace(transceiver, _SENDER, sender)
    return sender


def use_receiver(
    transceiver: RTCRtpTransceiver,
    on_packet: OnPacket,
    on_failure: OnFailure | None = None,
    link: LinkFigures | None = None,
) -> None:
    """Receive by our own receiver. To be called after :func:`use_sender`, whose source the reports name."""
    receiver = Receiver(transceiver.kind, transceiver.receiver.transport, on_packet, on_failure, link)
    receiver._set_rtcp_ssrc(transceiver.sender._ssrc)
    replace(transceiver, _RECEIVER, receiver)


def send_only(transceiver: RTCRtpTransceiver) -> None:
    """Video that is never received needs no estimate of its bit rate: a thousand objects, half of what a connection
    leaves to the garbage collector."""
    replace(transceiver.receiver, _ESTIMATOR, None)


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
    for gatherer in {dtls.transport.iceGatherer for dtls in transports(pc)}:
        connection = gatherer._connection
        replace(connection, "get_component_candidates", partial(_gather, connection.get_component_candidates))


def closing_steps(pc: RTCPeerConnection) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """What ``pc.close()`` does, by name and step by step, for when it failed on the way. Each may be done twice."""
    for transceiver in pc.getTransceivers():
        yield f"{transceiver.kind} receiver", transceiver.receiver.stop
        yield f"{transceiver.kind} sender", transceiver.sender.stop
    if pc.sctp is not None:
        yield "data channels", pc.sctp.stop
    for dtls in transports(pc):
        yield "DTLS transport", dtls.stop
        yield "ICE transport", dtls.transport.stop


@cache
def check_private_names() -> None:
    """Look for every private name that Livehead uses in an unconnected peer connection; once per process, a few
    milliseconds, on a running event loop. Raises RuntimeError with the name of the first that is missing."""
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    pc.createDataChannel("check")
    transceiver = pc.addTransceiver("audio")
    dtls = transceiver.receiver.transport
    ice = dtls.transport.iceGatherer._connection
    used: list[tuple[Any, str]] = [
        (transceiver, f"{_SENDER} {_RECEIVER}"),
        (transceiver.sender, "_ssrc _rtx_ssrc _stream_id _handle_rtcp_packet"),
        (transceiver.receiver, "_enabled _set_rtcp_ssrc _handle_rtp_packet _handle_rtcp_packet _handle_disconnect"),
        (dtls, "_register_rtp_sender _unregister_rtp_sender _register_rtp_receiver _unregister_rtp_receiver"),
        (dtls, f"_send_rtp _send_data _handle_rtp_data _handle_rtcp_data {CERTIFICATE}"),
        (getattr(dtls, CERTIFICATE, None), "_create_ssl_context"),
        (dtls.transport.iceGatherer, "_connection"),
        (
            ice,
            "get_component_candidates stun_server _protocols _queue _nominated _remote_candidates _check_list _closing",
        ),
        (ice, "data_received check_incoming check_state respond_error"),
        (StunProtocol(ice), "datagram_received transactions send_stun"),
        (pc.sctp, "_handle_data _receive_data_chunk _receive_forward_tsn_chunk _update_rto"),
        (pc.sctp, "_last_received_tsn _inbound_streams _sack_misordered _advertised_rwnd"),
        (InboundStream(), "reassembly"),
    ]
    for owner, names in used:
        for name in names.split():
            if not hasattr(owner, name):
                raise RuntimeError(
                    f"aiortc {aiortc.__version__} with aioice {aioice.__version__} has no "
                    f"{type(owner).__name__}.{name}, which Livehead needs. Install versions that Livehead allows."
                )


def transports(pc: RTCPeerConnection) -> set[RTCDtlsTransport]:
    """Of all media and data of a connection; one where they are bundled."""
    owners = [each.receiver for each in pc.getTransceivers()]
    return {each.transport for each in (*owners, pc.sctp) if each is not None}


def client_candidate(pc: RTCPeerConnection) -> str | None:
    """The type of the client's candidate that its media come from, None before there is one."""
    for dtls in transports(pc):
        for pair in dtls.transport.iceGatherer._connection._nominated.values():
            return str(pair.remote_candidate.type)
    return None


def replace(owner: object, name: str, value: object) -> None:
    """Set a private attribute of one object. Raises RuntimeError where it has none of that name."""
    if not hasattr(owner, name):
        raise RuntimeError(f"aiortc {aiortc.__version__} has no {type(owner).__name__}.{name}, which Livehead replaces")
    setattr(owner, name, value)


async def _gather(
    original: Callable[[int, list[str], int], Awaitable[list[Candidate]]], component: int, addresses: list[str]
) -> list[Candidate]:
    return await original(component, addresses or ["127.0.0.1"], GATHER_TIMEOUT)
