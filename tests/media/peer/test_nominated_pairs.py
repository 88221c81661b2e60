"""A client that nominates more than one pair sends from whichever it likes, whatever this side has checked by then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from aiortc import RTCPeerConnection

from livehead.media.peer.aiortc_inputs import guard_inputs
from livehead.media.peer.aiortc_parts import transports
from livehead.media.peer.client_traffic import ClientTraffic

CLIENT, STRANGER = ("198.51.100.7", 50_000), ("198.51.100.8", 50_000)
DTLS = bytes([22]) + bytes(60)


class Port:
    transactions: ClassVar[dict[bytes, Any]] = {}
    local_candidate = SimpleNamespace(component=1)

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        raise AssertionError("no STUN")


async def test_what_comes_from_where_the_clients_own_checks_come_from_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    pc = RTCPeerConnection()
    try:
        pc.addTransceiver("audio")
        connection: Any = next(iter(transports(pc))).transport.iceGatherer._connection
        monkeypatch.setattr(connection, "check_incoming", lambda *args: None)
        guard_inputs(pc, ClientTraffic(500.0, lambda kind: None), lambda *args: None, lambda: None)
        taken: list[tuple[bytes, int]] = []
        monkeypatch.setattr(connection._queue, "put_nowait", lambda item: taken.append(item) or True)
        port: Any = Port()
        connection._protocols.append(port)
        connection._nominated[1] = SimpleNamespace(protocol=None, remote_addr=None)
        connection.check_incoming(None, CLIENT, port)
        port.datagram_received(DTLS, STRANGER)
        assert taken == []
        port.datagram_received(DTLS, CLIENT)
        assert taken == [(DTLS, 1)]
    finally:
        connection._protocols.clear()
        connection._nominated.clear()
        await pc.close()
