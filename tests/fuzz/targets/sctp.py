"""SCTP packets: those that are let through are read to their end by the library."""

from __future__ import annotations

import struct
from struct import pack
from typing import Any

from aiortc import rtcsctptransport
from aiortc.rtcsctptransport import InitChunk, crc32c, parse_packet

from fuzz.mutators import packet_mutator
from fuzz.target import Target
from livehead.media.peer.sctp import MAX_AHEAD, BadPacketError, count_parts

_decode_params = rtcsctptransport.decode_params


def run(data: bytes) -> None:
    """The checksum is made right first: no other packet gets further than that."""
    try:
        parts = count_parts(data)
    except BadPacketError:
        return
    assert parts <= len(data)
    if len(data) < 12:
        return
    packet = data[:8] + pack("<L", crc32c(data[:8] + bytes(4) + data[12:])) + data[12:]
    assert count_parts(packet) == parts
    rtcsctptransport.decode_params = _checked
    try:
        *_, chunks = parse_packet(packet)
    except (ValueError, struct.error, IndexError):
        return  # caught where it is called
    finally:
        rtcsctptransport.decode_params = _decode_params
    acknowledged = sum(max(0, last - first + 1) for each in chunks for first, last in getattr(each, "gaps", ()))
    assert acknowledged <= MAX_AHEAD * len(chunks)


def _checked(body: bytes) -> Any:
    """The library's own, as long as it comes to an end."""
    at = 0
    while at <= len(body) - 4:
        length = struct.unpack_from("!H", body, at + 2)[0]
        assert length >= 4, "a parameter without a header was let through"
        at += length + -length % 4
    return _decode_params(body)


def _chunk(kind: int, body: bytes) -> bytes:
    return pack("!BBH", kind, 0, len(body) + 4) + body + bytes(-len(body) % 4)


_HEADER = pack("!HHLL", 5000, 5000, 0, 0)
_INIT = pack("!LLHHL", 1, 131072, 1, 1, 1)
_CHUNKS = (
    _chunk(InitChunk.type, _INIT + pack("!HH", 0xC000, 4) + pack("!HHHH", 0x8008, 6, 0x8201, 0)),
    _chunk(InitChunk.type, _INIT + pack("!HH", 0xC000, 0)),
    _chunk(2, _INIT + pack("!HH4s", 7, 8, b"cook")),
    _chunk(3, pack("!LLHHHHL", 1, 131072, 1, 1, 1, 2, 9)),
    _chunk(4, pack("!HH4s", 1, 8, b"beat")),
    _chunk(6, pack("!HH", 3, 8) + bytes(4)),
    _chunk(0, pack("!LHHL", 1, 1, 1, 51) + b"text"),
    _chunk(130, pack("!HHLLLH", 13, 18, 1, 1, 1, 0)),
    _chunk(192, pack("!LHH", 9, 1, 1)),
    _chunk(14, b""),
)

TARGET = Target(
    "sctp",
    run,
    (*(_HEADER + chunk for chunk in _CHUNKS), _HEADER + b"".join(_CHUNKS)),
    packet_mutator(*_CHUNKS),
    1500,
    (800, 4.0),
)
