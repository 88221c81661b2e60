from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.bench.latency.recorders import Unwrapped
from livehead.core.block import BLOCK_SAMPLES
from livehead.sessions.sources.mic import IDLE_BLOCK, PAUSE_S, Hearing, Piece

PACKET = 320
AUDIO = np.full(PACKET, 0.1, np.float32)


def blocks_of(piece: Piece | None) -> range:
    assert piece is not None
    assert not piece.pcm.any()
    first, rest = divmod(piece.start, BLOCK_SAMPLES)
    assert rest == len(piece.pcm) % BLOCK_SAMPLES == 0
    return range(first, first + len(piece.pcm) // BLOCK_SAMPLES)


def test_idle_frames_are_told_from_the_first_ones_by_their_code_too() -> None:
    """For 20 minutes of idling the 16 bits of k lie in the upper half, and the leap to block 0 leads forward."""
    unwrap = Unwrapped(16)
    idle = [unwrap(k % (1 << 16)) for k in range(IDLE_BLOCK, IDLE_BLOCK + 20 * 60 * 25, 100)]
    assert all((k % (1 << 16)) >= 1 << 15 for k in idle)
    assert unwrap(0) > idle[-1] == max(idle)


@pytest.mark.parametrize(("hop", "lookahead"), [(1, 0), (8, 1), (24, 0)])
def test_before_the_first_audio_a_lead_of_silence_is_there_and_then_it_comes_in_real_time(
    hop: int, lookahead: int
) -> None:
    hearing = Hearing(hop, lookahead)
    assert hearing.due is None
    lead = blocks_of(hearing.idle(10.0))
    assert lead == range(IDLE_BLOCK, IDLE_BLOCK + hop + lookahead)
    assert hearing.idle(10.03) is None
    for i in range(1, 100):
        assert hearing.due == pytest.approx(10.0 + i * 0.04)
        assert blocks_of(hearing.idle(hearing.due)) == range(lead.stop + i - 1, lead.stop + i)


def test_before_the_first_audio_another_preset_begins_with_a_lead_of_its_own() -> None:
    hearing = Hearing(1, 0)
    assert hearing.set_preset(2, 0, 9.0) is None, "nothing was handed over yet"
    before = blocks_of(hearing.idle(10.0))
    assert len(before) == 2
    leap = hearing.set_preset(24, 0, 10.1)
    assert leap is not None
    assert leap.jump
    assert blocks_of(leap) == range(before.stop, before.stop + 24)
    assert hearing.idle(10.12) is None
    assert hearing.due == pytest.approx(10.14)
    assert len(blocks_of(hearing.idle(10.14))) == 1
    hearing.hear(0, AUDIO, 10.2)
    assert hearing.set_preset(1, 0, 10.3) is None, "the client's audio comes when it comes"


def test_the_first_sample_is_sample_0() -> None:
    hearing = Hearing(1, 0)
    hearing.idle(0)
    first = hearing.hear(0, AUDIO, 1)
    assert (first.start, first.jump) == (0, True)
    second = hearing.hear(PACKET, AUDIO, 1.02)
    assert (second.start, second.jump) == (PACKET, False)
    assert hearing.idle(1.04) is None


def test_silence_fills_the_time_without_packets() -> None:
    hearing = Hearing(1, 0)
    hearing.hear(0, AUDIO, 0)
    assert hearing.idle(PAUSE_S) is None
    piece = hearing.idle(1.0)
    assert piece is not None
    assert piece.start == PACKET
    assert piece.start + len(piece.pcm) <= PACKET + 16_000
    assert hearing.idle(1.0) is None
    back = hearing.hear(16_000 + 2 * PACKET, AUDIO, 1.04)
    assert back.start == 16_000 + 2 * PACKET


def test_a_client_whose_clock_stood_still_is_heard_again() -> None:
    hearing = Hearing(1, 0)
    hearing.hear(0, AUDIO, 0)
    filled = hearing.idle(5.0)
    assert filled is not None
    end = filled.start + len(filled.pcm)
    assert hearing.hear(PACKET, AUDIO, 5.1).start == end
    assert hearing.hear(2 * PACKET, AUDIO, 5.12).start == end + PACKET


@given(st.lists(st.tuples(st.floats(0.001, 3), st.booleans()), max_size=200))
def test_what_comes_out_never_goes_back(steps: list[tuple[float, bool]]) -> None:
    """Whatever pauses there are, silence never overlaps, and audio after silence is never behind it."""
    hearing, now, sent, end, idled = Hearing(1, 0), 0.0, 0, IDLE_BLOCK * BLOCK_SAMPLES, False
    for pause, speaks in steps:
        now += pause
        piece = hearing.hear(sent, AUDIO, now) if speaks else hearing.idle(now)
        sent += PACKET * speaks
        if piece is None:
            continue
        if idled or not speaks:
            assert piece.start >= end
        end = max(end, piece.start + len(piece.pcm))
        idled = not speaks
