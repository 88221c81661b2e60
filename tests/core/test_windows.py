"""Samples in, blocks and windows out: nothing is lost, nothing slips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehead.core.block import BLOCK_SAMPLES
from livehead.core.windows import MAX_GAP_S, Cut, Window, Windows


def ramp(start: int, count: int) -> np.ndarray:
    """Samples that say where they belong; none of them is silence."""
    return (np.arange(start, start + count) % 8191 + 1).astype(np.float32) / 8192


def test_blocks_and_windows_of_a_steady_stream() -> None:
    windows = Windows(2, 1)
    cuts = [windows.push(i * 320, ramp(i * 320, 320)) for i in range(14)]
    assert [block.k for cut in cuts for block in cut.blocks] == list(range(7))
    made = [window for cut in cuts for window in cut.windows]
    assert [(w.k, w.hop, w.lookahead) for w in made] == [(0, 2, 1), (2, 2, 1), (4, 2, 1)]
    for window in made:
        assert np.array_equal(window.pcm, ramp(window.k * 640, 3 * 640))
        assert window.pcm.dtype == np.float32


def test_a_gap_becomes_silence_of_the_same_length() -> None:
    windows = Windows(1, 0)
    windows.push(0, ramp(0, 100))
    cut = windows.push(1000, ramp(1000, 280))
    pcm = np.concatenate([block.pcm for block in cut.blocks])
    assert np.array_equal(pcm[:100], ramp(0, 100))
    assert not pcm[100:1000].any()
    assert np.array_equal(pcm[1000:], ramp(1000, 280))


def test_a_long_gap_is_jumped_over_and_the_place_in_time_stays() -> None:
    windows = Windows(1, 0)
    windows.push(0, ramp(0, 100))
    start = 100 + round((MAX_GAP_S + 3600) * 16000) + 17
    cut = windows.push(start, ramp(start, 1280))
    assert len(cut.blocks) == 2
    assert cut.blocks[0].k == start // BLOCK_SAMPLES
    head = start % BLOCK_SAMPLES
    assert not cut.blocks[0].pcm[:head].any()
    assert np.array_equal(cut.blocks[0].pcm[head:], ramp(start, BLOCK_SAMPLES - head))


def test_late_and_double_samples_are_ignored() -> None:
    windows = Windows(1, 0)
    windows.push(0, ramp(0, 640))
    assert windows.push(0, np.ones(640, np.float32)) == Cut()
    cut = windows.push(320, np.concatenate([np.ones(320, np.float32), ramp(640, 640)]))
    assert [block.k for block in cut.blocks] == [1]
    assert np.array_equal(cut.blocks[0].pcm, ramp(640, 640))


def test_a_hop_changes_with_the_next_window() -> None:
    windows = Windows(4, 0)
    windows.push(0, ramp(0, 3 * 640))
    windows.set_hop(1, 0)
    cut = windows.push(3 * 640, ramp(3 * 640, 640))
    assert [(w.k, w.hop) for w in cut.windows] == [(0, 1), (1, 1), (2, 1), (3, 1)]
    windows.set_hop(2, 1)
    cut = windows.push(4 * 640, ramp(4 * 640, 3 * 640))
    assert [(w.k, w.hop, w.lookahead) for w in cut.windows] == [(4, 2, 1)]


def test_the_first_windows_may_be_shorter_and_nobody_waits_longer_for_it() -> None:
    windows = Windows(8, 1)
    windows.begin_with([4, 2])
    assert windows.whole == 5
    made = [(w.k, w.hop) for i in range(24) for w in windows.push(i * 640, ramp(i * 640, 640)).windows]
    assert made == [(0, 4), (4, 2), (6, 8), (14, 8)]
    windows.begin_with([4])
    windows.move_to(30)
    assert windows.whole == 39  # they begin elsewhere
    windows.begin_with([4])
    windows.set_hop(6, 0)
    assert windows.whole == 36
    with pytest.raises(ValueError, match="hops of 1 to 6"):
        windows.begin_with([7])
    with pytest.raises(ValueError, match="hops of 1 to 6"):
        windows.begin_with([0])


def test_a_jump_drops_the_incomplete_rest() -> None:
    windows = Windows(2, 0, start_block=-100)
    windows.push(-100 * 640, ramp(0, 3 * 640 + 17))
    windows.seek(0)
    assert windows.next_block == 0
    assert windows.push(-50, ramp(0, 40)) == Cut()
    cut = windows.push(0, ramp(0, 1280))
    assert [(w.k, w.hop) for w in cut.windows] == [(0, 2)]
    assert np.array_equal(cut.windows[0].pcm, ramp(0, 1280))
    with pytest.raises(ValueError, match="forward"):
        windows.seek(1)


def test_blocks_that_a_jump_leaves_behind_can_still_be_shown() -> None:
    windows = Windows(4, 2)
    cut = windows.push(0, ramp(0, 9 * 640 + 17))
    assert [w.k for w in cut.windows] == [0]
    left = windows.seek(100)
    assert [(w.k, w.hop, w.lookahead) for w in left] == [(4, 4, 2), (8, 4, 2)]
    assert np.array_equal(left[0].pcm[: 5 * 640], ramp(4 * 640, 5 * 640))
    assert np.array_equal(left[1].pcm[:640], ramp(8 * 640, 640))
    assert not left[1].pcm[640:].any()
    assert len(left[1].pcm) == 6 * 640
    assert windows.seek(200) == ()
    assert windows.whole == 206


def test_blocks_that_a_jump_leaves_behind_take_the_shortest_window_that_holds_them() -> None:
    windows = Windows(24, 0, hops=(4, 8, 16, 24))
    windows.push(0, ramp(0, 6 * 640))
    assert [(window.k, window.hop) for window in windows.seek(100)] == [(0, 8)]
    windows.push(100 * 640, ramp(0, 20 * 640))
    assert [(window.k, window.hop) for window in windows.seek(200)] == [(100, 24)]


def test_what_is_cut_does_not_change_with_the_callers_buffer() -> None:
    windows = Windows(1, 0)
    buffer = ramp(0, 640).copy()
    block = windows.push(0, buffer).blocks[0]
    buffer[:] = 0
    assert np.array_equal(block.pcm, ramp(0, 640))


def test_what_is_no_speech_is_silence_in_windows_and_itself_in_blocks() -> None:
    spoken: set[int] = {1}
    windows = Windows(2, 1, is_speech=lambda k: k in spoken)
    cut = windows.push(0, ramp(0, 2 * 640))
    assert [block.silent for block in cut.blocks] == [True, False]
    spoken.add(0)  # the detector looks back
    made = windows.push(2 * 640, ramp(2 * 640, 640))
    assert np.array_equal(made.blocks[0].pcm, ramp(2 * 640, 640))
    assert np.array_equal(made.windows[0].pcm[: 2 * 640], ramp(0, 2 * 640))
    assert not made.windows[0].pcm[2 * 640 :].any()


def test_blocks_come_and_no_windows_while_silence_is_made_otherwise() -> None:
    windows = Windows(2, 1, kept=8)
    windows.paused = True
    assert windows.push(0, ramp(0, 4 * 640)).windows == ()
    assert not windows.quiet
    windows.move_to(10)
    assert windows.quiet
    assert windows.push(4 * 640, ramp(4 * 640, 3 * 640)).windows == ()
    windows.move_to(3)
    made = windows.resume()
    assert [window.k for window in made] == [3]
    assert np.array_equal(made[0].pcm, ramp(3 * 640, 3 * 640))
    assert [window.k for window in windows.push(7 * 640, ramp(7 * 640, 640)).windows] == [5]


def test_blocks_that_were_let_go_are_in_no_window_again() -> None:
    windows = Windows(1, 0, kept=4)
    windows.push(0, ramp(0, 100 * 640))
    windows.move_to(10)
    assert windows.oldest == windows.first == 96


@pytest.mark.parametrize(("hop", "lookahead"), [(0, 0), (-1, 2), (1, -1)])
def test_impossible_shapes_are_refused(hop: int, lookahead: int) -> None:
    with pytest.raises(ValueError, match="hop"):
        Windows(hop, lookahead)
    with pytest.raises(ValueError, match="hop"):
        Windows(1, 0).set_hop(hop, lookahead)


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match="mono"):
        Windows(1, 0).push(0, np.zeros((2, 640), np.float32))


pieces = st.lists(st.tuples(st.integers(-700, 2500), st.integers(0, 3000)), max_size=40)
shapes = st.tuples(st.integers(1, 6), st.integers(0, 4))


@settings(max_examples=200, deadline=None)
@given(pieces=pieces, shape=shapes, changes=st.dictionaries(st.integers(0, 40), shapes, max_size=4))
def test_every_sample_is_in_its_place_and_every_block_in_one_hop(
    pieces: list[tuple[int, int]], shape: tuple[int, int], changes: dict[int, tuple[int, int]]
) -> None:
    """Against the simplest model: one long array of silence into which what comes first is written."""
    windows = Windows(*shape)
    truth = np.zeros(200_000, np.float32)
    end = 0
    blocks = {}
    made: list[Window] = []
    for i, (step, count) in enumerate([*pieces, (0, BLOCK_SAMPLES)]):
        if i in changes:
            windows.set_hop(*changes[i])
        start = max(0, end + step)
        new = max(start, end)
        if count and start + count > end:
            truth[new : start + count] = ramp(new, start + count - new)
            end = start + count
        cut = windows.push(start, ramp(start, count))
        for block in cut.blocks:
            assert block.k == len(blocks), "blocks come once and in order"
            blocks[block.k] = block
        made += cut.windows
    assert len(blocks) == end // BLOCK_SAMPLES
    for k, block in blocks.items():
        assert np.array_equal(block.pcm, truth[k * BLOCK_SAMPLES : (k + 1) * BLOCK_SAMPLES])
    k = 0
    for window in made:
        assert window.k == k, "hops follow one another"
        span = window.hop + window.lookahead
        assert np.array_equal(window.pcm, truth[k * BLOCK_SAMPLES : (k + span) * BLOCK_SAMPLES])
        k += window.hop
    assert len(blocks) - k < windows.hop + windows.lookahead, "a window that is full goes at once"
