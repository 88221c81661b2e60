"""The seam to aiortc's private parts: a missing name is said, and no SCTP parameter is read for ever."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import decode_params
from hypothesis import given
from hypothesis import strategies as st

from livehead.media.peer.aiortc_parts import PARAMETERS_AT, check_private_names, has_whole_parameters


async def test_the_installed_versions_have_every_name() -> None:
    check_private_names.__wrapped__()


async def test_a_name_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RTCDtlsTransport, "_handle_rtcp_data")
    with pytest.raises(RuntimeError, match=r"RTCDtlsTransport\._handle_rtcp_data.*Install"):
        check_private_names.__wrapped__()


def _packet(kind: int, *sizes: int) -> bytes:
    parameters = b"".join(struct.pack("!HH", 7, size) + bytes(max(0, size - 4)) + bytes(-size % 4) for size in sizes)
    body = bytes(PARAMETERS_AT[kind] - 4) + parameters
    return bytes(12) + struct.pack("!BBH", kind, 0, len(body) + 4) + body


@pytest.mark.parametrize("kind", PARAMETERS_AT)
@pytest.mark.parametrize("bad", [0, 1, 3])
def test_a_parameter_shorter_than_its_header_is_found(kind: int, bad: int) -> None:
    good = _packet(kind, 4, 9, 24)
    assert has_whole_parameters(good)
    assert not has_whole_parameters(_packet(kind, 4, 9, bad))
    assert not has_whole_parameters(good + _packet(kind, bad)[12:])


@given(st.sampled_from(sorted(PARAMETERS_AT)), st.binary(max_size=200))
def test_the_library_comes_to_an_end_with_all_that_is_let_through(kind: int, body: bytes) -> None:
    packet = bytes(12) + struct.pack("!BBH", kind, 0, len(body) + 4) + body
    if has_whole_parameters(packet):
        decode_params(body[PARAMETERS_AT[kind] - 4 :])
    assert has_whole_parameters(packet + bytes(3)) == has_whole_parameters(packet)
