from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from livehead.core.media import BLOCK_SAMPLES
from livehead.sessions.hearing import IDLE_BLOCK, PAUSE_S, Hearing

PACKET = 320
SOUND = np.full(PACKET, 0.1, np.float32)


def test_the_portrait_idles_in_real_time_before_the_first_sound() -> None:
    hearing = Hearing()
    blocks = []
    for i in range(100):
        piece = hearing.idle(10 + i * 0.04)
        if piece is not None:
            assert not piece.pcm.any()
            blocks += range(piece.start // BLOCK_SAMPLES, (piece.start + len(piece.pcm)) // BLOCK_SAMPLES)
    assert blocks == list(range(IDLE_BLOCK, IDLE_BLOCK + len(blocks)))
    assert abs(len(blocks) - 100) <= 1


def test_the_first_sample_is_sample_0() -> None:
    hearing = Hearing()
    hearing.idle(0)
    first = hearing.hear(0, SOUND, 1)
    assert (first.start, first.jump) == (0, True)
    second = hearing.hear(PACKET, SOUND, 1.02)
    assert (second.start, second.jump) == (PACKET, False)
    assert hearing.idle(1.04) is None


def test_silence_fills_the_time_without_packets() -> None:
    hearing = Hearing()
    hearing.hear(0, SOUND, 0)
    assert hearing.idle(PAUSE_S) is None
    piece = hearing.idle(1.0)
    assert piece is not None
    assert piece.start == PACKET
    assert piece.start + len(piece.pcm) <= PACKET + 16_000
    assert hearing.idle(1.0) is None
    back = hearing.hear(16_000 + 2 * PACKET, SOUND, 1.04)
    assert back.start == 16_000 + 2 * PACKET


def test_a_client_whose_clock_stood_still_is_heard_again() -> None:
    hearing = Hearing()
    hearing.hear(0, SOUND, 0)
    filled = hearing.idle(5.0)
    assert filled is not None
    end = filled.start + len(filled.pcm)
    assert hearing.hear(PACKET, SOUND, 5.1).start == end
    assert hearing.hear(2 * PACKET, SOUND, 5.12).start == end + PACKET


@given(st.lists(st.tuples(st.floats(0.001, 3), st.booleans()), max_size=200))
def test_what_comes_out_never_goes_back(steps: list[tuple[float, bool]]) -> None:
    """Whatever pauses there are, silence never overlaps, and sound after silence is never behind it."""
    hearing, now, sent, end, idled = Hearing(), 0.0, 0, IDLE_BLOCK * BLOCK_SAMPLES, False
    for pause, speaks in steps:
        now += pause
        piece = hearing.hear(sent, SOUND, now) if speaks else hearing.idle(now)
        sent += PACKET * speaks
        if piece is None:
            continue
        if idled or not speaks:
            assert piece.start >= end
        end = max(end, piece.start + len(piece.pcm))
        idled = not speaks
