"""Everything of aiortc and aioice that Livehead reaches behind their public interface.

aiortc makes its own senders and receivers and has no place to say otherwise, so in every new transceiver the two
private fields that hold them are replaced. It lets malformed bytes of a client end the task that reads all of a call's
packets, so the handlers of that one connection are wrapped. Nothing is ever changed in a class.

:func:`check_private_names` says at the first peer which name is missing in another version.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import aioice
import aiortc
from aioice import Candidate
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCRtpTransceiver
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from livehead.media.rtp.clock import MediaClock
from livehead.media.rtp.receiver import OnPacket, Receiver
from livehead.media.rtp.sender import Sender
from livehead.media.rtp.track import PacedTrack
from livehead.media.watched_task import OnFailure

GATHER_TIMEOUT = 2
"""Seconds that a STUN or TURN server may take; without it the answer goes out with what there is."""

MAX_DATAGRAM = 1500
"""Longest datagram in bytes that is read. libsrtp's buffer has this size, and everything above an Ethernet frame's
payload would have been fragmented on its way."""

SCTP_HEADER = 12
PARAMETERS_AT = {1: 20, 2: 20, 4: 4, 5: 4, 6: 4, 9: 4, 130: 4}
"""Where the parameters begin in SCTP chunks that have some, by chunk type (RFC 9260 section 3.3, RFC 6525)."""

OnMalformed = Callable[[str, Exception | None], None]

_SENDER, _RECEIVER = "_RTCRtpTransceiver__sender", "_RTCRtpTransceiver__receiver"


def use_sender(
    transceiver: RTCRtpTransceiver,
    track: PacedTrack,
    clock: MediaClock,
    on_feedback: Callable[[], None],
    on_failure: OnFailure | None = None,
) -> None:
    """Send ``track`` by our own sender. ``on_feedback`` is called for every report of the receiver, ``on_failure``
    with the error that ended the sending."""
    stock = transceiver.sender
    sender = Sender(track, stock.transport, clock, on_feedback, on_failure)
    sender._stream_id = stock._stream_id
    _replace(transceiver, _SENDER, sender)


def use_receiver(transceiver: RTCRtpTransceiver, on_packet: OnPacket, on_failure: OnFailure | None = None) -> None:
    """Receive by our own receiver. To be called after :func:`use_sender`, whose source the reports name."""
    receiver = Receiver(transceiver.kind, transceiver.receiver.transport, on_packet, on_failure)
    receiver._set_rtcp_ssrc(transceiver.sender._ssrc)
    _replace(transceiver, _RECEIVER, receiver)


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
    for gatherer in {dtls.transport.iceGatherer for dtls in _transports(pc)}:
        connection = gatherer._connection
        _replace(connection, "get_component_candidates", partial(_gather, connection.get_component_candidates))


def refuse_malformed(pc: RTCPeerConnection, on_malformed: OnMalformed) -> None:
    """Keep a client's malformed bytes from ending the call: they are dropped before the library reads them, or what
    it raises at them is caught. ``on_malformed`` gets what it was, and the error if there was one.

    To be called when the remote description is set and nothing was received yet.
    """
    for dtls in _transports(pc):
        _replace(dtls.transport, "_recv", partial(_receive, dtls.transport._recv, on_malformed))
        for name, kind in (("_handle_rtp_data", "RTP"), ("_handle_rtcp_data", "RTCP")):
            _replace(dtls, name, partial(_survive, getattr(dtls, name), kind, on_malformed))
    if pc.sctp is not None:
        _replace(pc.sctp, "_handle_data", partial(_handle_sctp, pc.sctp._handle_data, on_malformed))


def watch_checks(pc: RTCPeerConnection, on_check: Callable[[], None]) -> None:
    """Call ``on_check`` for every connectivity check that bears the client's credentials. To be called as
    :func:`refuse_malformed`."""

    def incoming(original: Callable[..., None], *check: Any) -> None:
        on_check()
        original(*check)

    for dtls in _transports(pc):
        connection = dtls.transport.iceGatherer._connection
        _replace(connection, "check_incoming", partial(incoming, connection.check_incoming))


def closing_steps(pc: RTCPeerConnection) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """What ``pc.close()`` does, by name and step by step, for when it failed on the way. Each may be done twice."""
    for transceiver in pc.getTransceivers():
        yield f"{transceiver.kind} receiver", transceiver.receiver.stop
        yield f"{transceiver.kind} sender", transceiver.sender.stop
    if pc.sctp is not None:
        yield "data channels", pc.sctp.stop
    for dtls in _transports(pc):
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
    used: list[tuple[Any, str]] = [
        (transceiver, f"{_SENDER} {_RECEIVER}"),
        (transceiver.sender, "_ssrc _rtx_ssrc _stream_id _handle_rtcp_packet"),
        (transceiver.receiver, "_enabled _set_rtcp_ssrc _handle_rtp_packet _handle_rtcp_packet _handle_disconnect"),
        (dtls, "_register_rtp_sender _unregister_rtp_sender _register_rtp_receiver _unregister_rtp_receiver"),
        (dtls, "_send_rtp _handle_rtp_data _handle_rtcp_data"),
        (dtls.transport, "_recv"),
        (dtls.transport.iceGatherer, "_connection"),
        (dtls.transport.iceGatherer._connection, "get_component_candidates check_incoming"),
        (pc.sctp, "_handle_data"),
    ]
    for owner, names in used:
        for name in names.split():
            if not hasattr(owner, name):
                raise RuntimeError(
                    f"aiortc {aiortc.__version__} with aioice {aioice.__version__} has no "
                    f"{type(owner).__name__}.{name}, which Livehead needs. Install versions that Livehead allows."
                )


def _transports(pc: RTCPeerConnection) -> set[RTCDtlsTransport]:
    owners = [each.receiver for each in pc.getTransceivers()]
    return {each.transport for each in (*owners, pc.sctp) if each is not None}


def _replace(owner: object, name: str, value: object) -> None:
    if not hasattr(owner, name):
        raise RuntimeError(f"aiortc {aiortc.__version__} has no {type(owner).__name__}.{name}, which Livehead replaces")
    setattr(owner, name, value)


async def _gather(
    original: Callable[[int, list[str], int], Awaitable[list[Candidate]]], component: int, addresses: list[str]
) -> list[Candidate]:
    return await original(component, addresses or ["127.0.0.1"], GATHER_TIMEOUT)


async def _receive(original: Callable[[], Awaitable[bytes]], on_malformed: OnMalformed) -> bytes:
    """The next datagram that is neither empty nor too long; the library stumbles over both."""
    while True:
        data = await original()
        if 0 < len(data) <= MAX_DATAGRAM:
            return data
        on_malformed(f"a datagram of {len(data)} bytes", None)
        await asyncio.sleep(0)  # taking the next one from the queue gives nobody else a turn


async def _survive(
    original: Callable[..., Awaitable[None]], kind: str, on_malformed: OnMalformed, *args: Any, **options: Any
) -> None:
    try:
        await original(*args, **options)
    except ConnectionError:
        raise  # the end of the connection, and handled as such
    except Exception as error:  # noqa: BLE001 - whatever the client's bytes bring about
        on_malformed(f"{kind} that could not be handled", error)


async def _handle_sctp(original: Callable[[bytes], Awaitable[None]], on_malformed: OnMalformed, data: bytes) -> None:
    if not has_whole_parameters(data):
        on_malformed("an SCTP parameter shorter than its header", None)
        return
    await _survive(original, "SCTP", on_malformed, data)


def has_whole_parameters(packet: bytes) -> bool:
    """Whether every parameter of an SCTP packet is at least as long as its header of four bytes (RFC 9260 section
    3.2.1). The library would read one of length 0 again and again for ever."""
    at = SCTP_HEADER
    while at + 4 <= len(packet):
        kind, _, length = struct.unpack_from("!BBH", packet, at)
        if length < 4:
            return True  # the library refuses such a chunk itself
        parameter = at + PARAMETERS_AT.get(kind, length)
        end = min(at + length, len(packet))
        while parameter + 4 <= end:
            size = struct.unpack_from("!H", packet, parameter + 2)[0]
            if size < 4:
                return False
            parameter += size + -size % 4
        at += length + -length % 4
    return True
