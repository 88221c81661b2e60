"""SCTP packets of a client, before aiortc reads them: what would make it work or keep without end is refused. Pure.

aiortc keeps what is out of order or not complete without a bound but the window that it advertises, which it does not
enforce; and it trusts lengths and ranges.
"""

from __future__ import annotations

import struct

HEADER = 12
PARAMETERS_AT = {1: 20, 2: 20, 4: 4, 5: 4, 6: 4, 9: 4, 130: 4}
"""Where the parameters begin in chunks that have some, by chunk type (RFC 9260 section 3.3, RFC 6525)."""

SACK, GAPS_AT = 3, 16

MAX_AHEAD = 512
"""Chunks that may be there while an earlier one is missing, and the ranges of an acknowledgement together: with
full packets half a megabyte on its way."""

MAX_FRAGMENTS = 512
"""Chunks of messages on one stream that are not complete. The longest message that is read takes 220."""

MAX_STREAMS = 16
"""Streams that data came on and that were not reset."""

HALF = 1 << 31


class BadPacketError(ValueError):
    """The library must not see this packet."""


def count_parts(packet: bytes) -> int:
    """How many chunks and parameters an SCTP packet has.

    Raises :class:`BadPacketError` where a parameter is shorter than its header of four octets (RFC 9260 section
    3.2.1), which the library would read again and again for ever, and where an acknowledgement's ranges cover more
    than was ever on its way: the library goes through each of them one by one.
    """
    parts = 0
    at = HEADER
    while at + 4 <= len(packet):
        kind, _, length = struct.unpack_from("!BBH", packet, at)
        parts += 1
        if length < 4:
            return parts  # the library refuses such a chunk itself
        end = min(at + length, len(packet))
        if kind == SACK:
            _check_ranges(packet, at, end)
        parameter = at + PARAMETERS_AT.get(kind, length)
        while parameter + 4 <= end:
            size = struct.unpack_from("!H", packet, parameter + 2)[0]
            if size < 4:
                raise BadPacketError("an SCTP parameter shorter than its header")
            parts += 1
            parameter += size + -size % 4
        at += length + -length % 4
    return parts


def _check_ranges(packet: bytes, at: int, end: int) -> None:
    if at + GAPS_AT > end:
        return  # too short to be read
    count = struct.unpack_from("!H", packet, at + GAPS_AT - 4)[0]
    covered = 0
    for place in range(at + GAPS_AT, min(at + GAPS_AT + 4 * count, end - 3), 4):
        first, last = struct.unpack_from("!HH", packet, place)
        covered += max(0, last - first + 1)
    if covered > MAX_AHEAD:
        raise BadPacketError("an SCTP acknowledgement of more than was sent")


def has_room(*, ahead: int, size: int, misordered: int, streams: int, fragments: int | None, window: int) -> bool:
    """Whether there is room for a DATA chunk with ``size`` octets whose number is ``ahead`` of the last before which
    nothing is missing; a sender that keeps to the advertised ``window`` always finds some. ``misordered`` chunks came
    early, data of so many ``streams`` was seen, and ``fragments`` wait on that of the chunk, ``None`` where it is
    new."""
    ahead %= 2 * HALF
    if not 0 < ahead < HALF:
        return True  # a duplicate, which is only acknowledged
    if ahead > MAX_AHEAD or (ahead > 1 and misordered >= MAX_AHEAD):
        return False
    if (streams >= MAX_STREAMS) if fragments is None else (fragments >= MAX_FRAGMENTS):
        return False
    return window >= size
