"""A session's windows keep clear of the others', and no block waits longer for it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Block
from livehead.core.governor.phases import Phases
from livehead.core.playout.playout import Playout
from livehead.core.windows import Window, Windows
from livehead.sessions.window_phase import WindowPhase

HOPS = (4, 8, 16, 24)
PRESETS = {4: 1, 8: 1, 24: 0}


class Talker:
    """Speaks from ``start`` on, without a pause."""

    def __init__(self, phases: Phases, name: str, hop: int, start: float) -> None:
        self.now = self.start = start
        self.windows = Windows(hop, PRESETS[hop], kept=32)
        self.playout = Playout(hop=hop, lookahead=PRESETS[hop], max_delay_ms=3000)
        self.phase = WindowPhase(phases, name, HOPS, self.windows, self.playout, lambda: self.now)
        self.whole: list[tuple[float, Window]] = []
        self.block = 0

    def hear(self) -> None:
        self.now = self.start + (self.block + 1) * BLOCK_S
        self.playout.push_audio(Block(self.block, np.ones(BLOCK_SAMPLES, np.float32)), self.now)
        cut = self.windows.push(self.block * BLOCK_SAMPLES, np.ones(BLOCK_SAMPLES, np.float32))
        self.block += 1
        for window in cut.windows:
            self.phase.made(window)
            self.whole.append((self.now, window))
        if self.block == 1:
            self.phase.begin()


sessions = st.lists(st.tuples(st.sampled_from(list(PRESETS)), st.floats(0, 3)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(sessions=sessions, change=st.sampled_from(list(PRESETS)))
def test_no_block_ever_waits_for_more_than_its_hop(sessions: list[tuple[int, float]], change: int) -> None:
    phases = Phases()
    talkers = [Talker(phases, str(number), *each) for number, each in enumerate(sessions)]
    for _ in range(60):
        for talker in talkers:
            talker.hear()
    longest = [talker.windows.hop for talker in talkers]
    for talker in talkers:
        talker.windows.set_hop(change, PRESETS[change])
        talker.phase.begin()
    for _ in range(60):
        for talker in talkers:
            talker.hear()
    for talker, hop in zip(talkers, longest, strict=True):
        expected = 0
        for at, window in talker.whole:
            assert window.k == expected, "every block once, in order"
            expected += window.hop
            captured = talker.start + window.k * BLOCK_S
            assert window.hop in HOPS
            assert at - captured <= (max(hop, change) + window.lookahead) * BLOCK_S + 1e-6
        assert any(window.hop == change for _, window in talker.whole[-3:])
    for talker in talkers:
        talker.phase.free()
    assert not len(phases)


def test_those_who_come_together_are_soon_not_whole_together() -> None:
    """Six begin at once at a hop of 24: there are six ways to begin, and one of them takes another one every half
    second."""
    phases = Phases()
    talkers = [Talker(phases, str(number), 24, 5.0) for number in range(6)]
    for _ in range(400):
        for talker in talkers:
            talker.hear()
    phase = sorted(round(talker.whole[-1][0] / BLOCK_S) % 24 for talker in talkers)
    assert [after - before for before, after in pairwise(phase)] == [4] * 5
    assert all(sum(window.hop < 24 for _, window in talker.whole) <= 4 for talker in talkers)


def test_windows_begin_earlier_where_they_may() -> None:
    phases = Phases()
    for number in range(3):
        phases.note(str(number), 4, 10.0 + number * BLOCK_S)
    talker = Talker(phases, "new", 4, 10.0)
    for _ in range(12):
        talker.hear()
    assert talker.windows.first == 8
    assert talker.phase.begin([8, 7, 6]) == 6
    assert talker.windows.whole == 11  # which is 3 blocks past a period of the others


def test_one_alone_and_one_with_short_windows_begin_as_ever() -> None:
    alone = Talker(Phases(), "alone", 24, 1.0)
    for _ in range(50):
        alone.hear()
    assert [window.hop for _, window in alone.whole] == [24, 24]
    phases = Phases()
    windows = Windows(2, 0)
    playout = Playout(hop=2, lookahead=0, max_delay_ms=600)
    phase = WindowPhase(phases, "short", (1, 2), windows, playout, lambda: 0.0)
    assert phase.begin() == 0
    assert not len(phases)
