"""SCTP packets that would make the library work or keep without end are found before it reads them."""

from __future__ import annotations

import contextlib
import struct

import pytest
from aiortc.rtcsctptransport import decode_params, parse_packet, serialize_packet
from hypothesis import given
from hypothesis import strategies as st

from livehead.media.peer.sctp import (
    HALF,
    MAX_AHEAD,
    MAX_FRAGMENTS,
    MAX_STREAMS,
    PARAMETERS_AT,
    BadPacketError,
    count_parts,
    has_room,
)


def _chunk(kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", kind, 0, len(body) + 4) + body + bytes(-len(body) % 4)


def _packet(kind: int, *sizes: int) -> bytes:
    parameters = b"".join(struct.pack("!HH", 7, size) + bytes(max(0, size - 4)) + bytes(-size % 4) for size in sizes)
    return bytes(12) + _chunk(kind, bytes(PARAMETERS_AT[kind] - 4) + parameters)


def _acknowledgement(*gaps: tuple[int, int], duplicates: int = 0, announced: int | None = None) -> bytes:
    body = struct.pack("!LLHH", 7, 1 << 20, len(gaps) if announced is None else announced, duplicates)
    return bytes(12) + _chunk(3, body + b"".join(struct.pack("!HH", *gap) for gap in gaps) + bytes(4 * duplicates))


def test_chunks_and_parameters_are_counted() -> None:
    assert count_parts(_packet(1, 4, 9, 24)) == 4
    assert count_parts(bytes(12) + _chunk(4, struct.pack("!HH", 1, 4)) * 60) == 120
    assert count_parts(bytes(12) + _chunk(0, bytes(13)) * 3) == 3
    assert count_parts(b"") == count_parts(bytes(12)) == 0


@pytest.mark.parametrize("kind", PARAMETERS_AT)
@pytest.mark.parametrize("bad", [0, 1, 3])
def test_a_parameter_shorter_than_its_header_is_found(kind: int, bad: int) -> None:
    good = _packet(kind, 4, 9, 24)
    count_parts(good)
    for packet in (_packet(kind, 4, 9, bad), good + _packet(kind, bad)[12:]):
        with pytest.raises(BadPacketError, match="parameter"):
            count_parts(packet)


@given(st.sampled_from(sorted(PARAMETERS_AT)), st.binary(max_size=200))
def test_the_library_comes_to_an_end_with_all_that_is_let_through(kind: int, body: bytes) -> None:
    try:
        count_parts(bytes(12) + _chunk(kind, body))
    except BadPacketError:
        return
    decode_params(body[PARAMETERS_AT[kind] - 4 :])


def test_an_acknowledgement_of_more_than_was_sent_is_refused() -> None:
    """Each range may name 65,536 chunks, and one packet holds 290 of them."""
    count_parts(_acknowledgement((2, 100), (200, 400), duplicates=9))
    for bad in (_acknowledgement(*[(0, 65535)] * 290), _acknowledgement((1, MAX_AHEAD + 1))):
        with pytest.raises(BadPacketError, match="acknowledgement"):
            count_parts(bad)


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535)), max_size=20), st.integers(0, 65535))
def test_what_is_let_through_is_quickly_gone_through(gaps: list[tuple[int, int]], announced: int) -> None:
    packet = _acknowledgement(*gaps, announced=announced)

    class Raw:
        def __bytes__(self) -> bytes:
            return packet[12:]

    try:
        count_parts(packet)
        chunks = parse_packet(serialize_packet(1, 1, 1, Raw()))[3]
    except (BadPacketError, struct.error):
        return
    assert sum(max(0, last - first + 1) for first, last in chunks[0].gaps) <= MAX_AHEAD


@given(st.binary(max_size=300))
def test_any_bytes_are_counted_or_refused(packet: bytes) -> None:
    with contextlib.suppress(BadPacketError):
        assert 0 <= count_parts(packet) <= len(packet)


ROOM = {"ahead": 1, "size": 100, "misordered": 0, "streams": 1, "fragments": 0, "window": 1 << 20}


@pytest.mark.parametrize(
    "full",
    [
        {"ahead": MAX_AHEAD + 1},
        {"ahead": 2, "misordered": MAX_AHEAD},
        {"fragments": MAX_FRAGMENTS},
        {"fragments": None, "streams": MAX_STREAMS},
        {"window": 99},
    ],
    ids=str,
)
def test_there_is_a_bound_to_all_that_is_kept(full: dict[str, int]) -> None:
    assert has_room(**ROOM)
    assert not has_room(**{**ROOM, **full})


def test_the_chunk_that_all_others_wait_for_is_let_in() -> None:
    assert has_room(**{**ROOM, "misordered": MAX_AHEAD})
    assert has_room(**{**ROOM, "ahead": 1 - 2 * HALF}), "numbers wrap"


def test_a_duplicate_is_only_acknowledged_so_there_is_always_room() -> None:
    full = {**ROOM, "misordered": MAX_AHEAD, "fragments": MAX_FRAGMENTS, "window": 0}
    for ahead in (0, -1, -1000, HALF):
        assert has_room(**{**full, "ahead": ahead})
