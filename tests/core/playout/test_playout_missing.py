"""Windows that the engine gives up as too late: the delay must learn from them as from late frames."""

from __future__ import annotations

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Block
from livehead.core.frame import Frame
from livehead.core.playout.playout import Playout

TAKES = 0.030
FRAME = Frame(np.zeros((48, 32), np.uint8))


def stats_with_an_engine_that_gives_up(max_delay_ms: int) -> tuple[Playout, int]:
    """Ten seconds of blocks for an engine that takes 30 ms, and does not begin what it cannot bring in time."""
    playout = Playout(hop=1, lookahead=0, max_delay_ms=max_delay_ms)
    done: dict[int, float] = {}
    given_up = 0
    for step in range(10_000):
        now = 1000 + step / 1000
        if step % 40 == 0:
            k = step // 40
            playout.push_audio(Block(k, np.full(BLOCK_SAMPLES, 0.1, np.float32)), now)
            if playout.deadline(k) < now + TAKES:
                given_up += 1
                playout.push_missing(k, TAKES, now)
            else:
                done[k] = now + TAKES
        for k in [k for k, at in done.items() if at <= now]:
            del done[k]
            playout.push_frames(k, [FRAME], now)
        playout.tick(now)
    return playout, given_up


def test_the_delay_grows_until_the_engine_can_be_in_time() -> None:
    playout, given_up = stats_with_an_engine_that_gives_up(200)
    assert given_up <= 2
    assert playout.stats.fps == 25
    assert playout.stats.delay_ms <= (BLOCK_S + TAKES) * 1000 + 10


def test_but_never_past_the_bound() -> None:
    playout, given_up = stats_with_an_engine_that_gives_up(60)
    assert given_up > 200
    assert playout.stats.delay_ms <= 60


def test_nothing_is_learnt_from_blocks_that_are_not_known_or_interrupted() -> None:
    playout = Playout(hop=1, lookahead=0, max_delay_ms=200)
    playout.push_missing(0, 1.0, 1000.0)
    playout.push_audio(Block(0, np.zeros(BLOCK_SAMPLES, np.float32)), 1000.0)
    due = playout.due
    playout.interrupt()
    playout.push_missing(0, 0.1, 1000.0)
    playout.push_missing(7, 0.1, 1000.0)
    assert playout.due == due
