"""The way of a client's bytes through aiortc and aioice, guarded: what is malformed, strange or too much is dropped
before they read it, and what they raise at the rest is caught.

They let one bad packet end the task that reads all of a call's packets, and keep what waits without a bound. So the
handlers of one connection's objects are wrapped. Nothing is ever changed in a class.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Self

from aioice.ice import CandidatePair, Connection, StunProtocol
from aiortc import RTCPeerConnection
from aiortc.rtcdtlstransport import RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcsctptransport import DataChunk, ForwardTsnChunk, RTCSctpTransport

from livehead.media.peer.aiortc_parts import CERTIFICATE, replace, transports
from livehead.media.peer.client_address import COMPONENT, ClientAddress
from livehead.media.peer.client_traffic import ClientTraffic
from livehead.media.peer.datagram_gate import Address, DatagramGate, OnMalformed
from livehead.media.peer.datagram_queue import DatagramQueue
from livehead.media.peer.sctp import BadPacketError, count_parts, has_room
from livehead.turns import turns

LONGEST_TRIP_S = 60.0
"""A message on a data channel that took longer was sent again meanwhile (RFC 9260 section 16)."""

CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
"""For clients with RSA certificates too, as GStreamer's are; aiortc knows ECDSA only, which is all that RFC 8827
section 6.5 requires."""


def guard_inputs(
    pc: RTCPeerConnection, traffic: ClientTraffic, on_malformed: OnMalformed, on_check: Callable[[], None]
) -> None:
    """Guard all that comes in. ``on_malformed`` gets what was malformed, and the error if there was one;
    ``on_check`` is called for every connectivity check that bears the client's credentials.

    To be called when the remote description is set and no candidates were gathered.
    """
    for dtls in transports(pc):
        _guard_ice(dtls.transport.iceGatherer._connection, traffic, on_malformed, on_check)
        _guard_dtls(dtls, on_malformed)
    if pc.sctp is not None:
        _guard_sctp(pc.sctp, traffic, on_malformed)


def _guard_ice(
    connection: Connection, traffic: ClientTraffic, on_malformed: OnMalformed, on_check: Callable[[], None]
) -> None:
    queue = DatagramQueue()
    gates: dict[StunProtocol, DatagramGate] = {}

    def add_gate(protocol: StunProtocol) -> None:
        gate = gates[protocol] = DatagramGate(
            traffic,
            on_malformed,
            username=f"{connection.local_username}:".encode(),
            transactions=protocol.transactions,
            read_stun=protocol.datagram_received,
            put=lambda data: queue.put_nowait((data, COMPONENT)),
            selected=lambda: bool(connection._nominated),
            came=lambda address: client.came(address, protocol),
        )
        replace(protocol, "datagram_received", gate.receive)

    def unreadable(data: bytes, component: int) -> None:
        on_malformed("a STUN message that cannot be read", None)

    def refuse(message: Any, address: tuple[str, int], protocol: StunProtocol, error: tuple[int, str]) -> None:
        """Requests that nobody signed are not answered: their sender may be somebody else."""
        if error[0] in (400, 401):
            on_malformed("a STUN request without this call's credentials", None)
        else:
            respond(message, address, protocol, error)

    def incoming(message: Any, address: tuple[str, int], protocol: StunProtocol) -> None:
        on_check()
        if client.checked_by(message, address, protocol):
            gates[protocol].check_succeeded(address[:2])  # the client may nominate it before our own check is answered

    def note(pair: CandidatePair, state: CandidatePair.State) -> None:
        gate = gates.get(pair.protocol)
        if gate is not None and state == CandidatePair.State.IN_PROGRESS:
            gate.check_began(pair.remote_addr)
        elif gate is not None and state == CandidatePair.State.SUCCEEDED:
            gate.check_succeeded(pair.remote_addr)
        set_state(pair, state)

    def forget(address: Address) -> None:
        for gate in gates.values():
            gate.forget(address)

    respond, set_state = connection.respond_error, connection.check_state
    client = ClientAddress(connection, connection.check_incoming, forget)
    replace(connection, "_protocols", _GatedPorts(add_gate))
    replace(connection, "_queue", queue)
    replace(connection, "data_received", unreadable)
    replace(connection, "respond_error", refuse)
    replace(connection, "check_incoming", incoming)
    replace(connection, "check_state", note)


class _GatedPorts(list[StunProtocol]):
    """A connection's list of its local ports; each gets its gate when it is entered. Until then no datagram of it is
    taken but STUN."""

    def __init__(self, add_gate: Callable[[StunProtocol], None]) -> None:
        super().__init__()
        self._add_gate = add_gate

    def append(self, port: StunProtocol) -> None:
        self._add_gate(port)
        super().append(port)

    def __iadd__(self, ports: Iterable[StunProtocol]) -> Self:  # type: ignore[override, misc]
        for port in ports:
            self.append(port)
        return self


def _guard_dtls(dtls: RTCDtlsTransport, on_malformed: OnMalformed) -> None:
    for name, kind in (("_handle_rtp_data", "RTP"), ("_handle_rtcp_data", "RTCP"), ("_send_data", "DTLS")):
        replace(dtls, name, partial(_survive, getattr(dtls, name), kind, on_malformed))

    def create(**options: Any) -> Any:
        """A second handshake would cost as much as the first, again and again. After one that was refused nothing can
        be encrypted any more, and :func:`_survive` is there for what the library makes of that."""
        context = create_context(**options)
        context.set_options(ssl.OP_NO_RENEGOTIATION)
        context.set_cipher_list(CIPHERS)
        return context

    async def start_in_turn(remote: RTCDtlsParameters) -> None:
        await turns().take()  # the context of a handshake is made, 2 ms
        await start(remote)

    start = dtls.start
    replace(dtls, "start", start_in_turn)
    certificate = getattr(dtls, CERTIFICATE)
    create_context = type(certificate)._create_ssl_context.__get__(certificate)
    replace(certificate, "_create_ssl_context", create)


def _guard_sctp(sctp: RTCSctpTransport, traffic: ClientTraffic, on_malformed: OnMalformed) -> None:
    async def handle(data: bytes) -> None:
        try:
            parts = count_parts(data)
        except BadPacketError as error:
            on_malformed(str(error), None)
            return
        if traffic.allows_chunks(parts):
            await _survive(handle_data, "SCTP", on_malformed, data)

    async def receive(chunk: DataChunk) -> None:
        last = sctp._last_received_tsn
        stream = sctp._inbound_streams.get(chunk.stream_id)
        if last is not None and has_room(
            ahead=chunk.tsn - last,
            size=len(chunk.user_data),
            misordered=len(sctp._sack_misordered),
            streams=len(sctp._inbound_streams),
            fragments=None if stream is None else len(stream.reassembly),
            window=sctp._advertised_rwnd,
        ):
            await receive_data(chunk)
        else:
            traffic.refused["chunks"] += 1

    async def skip(chunk: ForwardTsnChunk) -> None:
        """The library would make every stream that is named."""
        chunk.streams = [each for each in chunk.streams if each[0] in sctp._inbound_streams]
        await skip_data(chunk)

    def measured(seconds: float) -> None:
        """The library measures round trips by the wall clock. One that was set meanwhile says nothing of the way, and
        lost messages would be sent again after a minute for minutes to come."""
        if 0 <= seconds <= LONGEST_TRIP_S:
            update_rto(seconds)

    update_rto = sctp._update_rto
    handle_data, receive_data, skip_data = sctp._handle_data, sctp._receive_data_chunk, sctp._receive_forward_tsn_chunk
    replace(sctp, "_update_rto", measured)
    replace(sctp, "_handle_data", handle)
    replace(sctp, "_receive_data_chunk", receive)
    replace(sctp, "_receive_forward_tsn_chunk", skip)


async def _survive(
    original: Callable[..., Awaitable[None]], kind: str, on_malformed: OnMalformed, *args: Any, **options: Any
) -> None:
    try:
        await original(*args, **options)
    except ConnectionError:
        raise  # the end of the connection, and handled as such
    except Exception as error:  # noqa: BLE001 - whatever the client's bytes bring about
        on_malformed(f"{kind} that could not be handled", error)
