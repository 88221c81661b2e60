"""How far behind a reader is."""

from __future__ import annotations

import pytest

from livehead.integrations.livekit.backlog import Backlog


def test_a_reader_that_waits_for_each_block_is_not_behind() -> None:
    backlog = Backlog()
    assert [backlog.took(k * 0.04, k * 0.04 + 0.035) for k in range(50)] == [0] * 50


def test_a_reader_that_was_held_up_is_behind_until_it_has_caught_up() -> None:
    backlog = Backlog()
    for k in range(10):
        backlog.took(k * 0.04, k * 0.04 + 0.035)
    now = 10 * 0.04 + 0.035 + 1.0
    behind = [backlog.took(now + n * 0.005, now + n * 0.005 + 0.004) for n in range(25)]
    assert behind[0] == pytest.approx(1.004)
    assert behind[20] == pytest.approx(1.004 - 20 * 0.035)
    live = now + 25 * 0.005
    assert backlog.took(live, live + 0.03) == 0


def test_blocks_that_were_lost_are_not_waited_for_for_ever() -> None:
    backlog = Backlog()
    backlog.took(0, 0.03)
    assert backlog.took(5.0, 5.001) == pytest.approx(4.931)
    assert backlog.took(5.001, 5.04) == 0
    assert backlog.took(5.05, 5.08) == 0
