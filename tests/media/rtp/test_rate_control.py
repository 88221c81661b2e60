"""The bitrate policy and the media clock: plain arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.media.rtp.clock import NTP_EPOCH, MediaClock
from livehead.media.rtp.rate_control import FLOOR, NEAR, BitratePolicy


def test_a_face_starts_at_a_rate_that_suits_it() -> None:
    assert 1_200_000 <= BitratePolicy(512, 512).bitrate <= 1_500_000
    assert BitratePolicy(64, 64).bitrate == FLOOR


def test_down_at_once_and_up_by_and_by() -> None:
    policy = BitratePolicy(512, 512)
    policy.estimate(400_000, 1.0)
    assert policy.bitrate == 380_000
    policy.estimate(5_000_000, 1.1)
    assert policy.bitrate < 390_000
    for second in range(2, 40):
        policy.estimate(5_000_000, float(second))
    assert policy.bitrate == policy.ceiling


def test_heavy_loss_takes_it_down_and_light_loss_does_not() -> None:
    policy = BitratePolicy(512, 512)
    start = policy.bitrate
    policy.report(0.05, None, 1.0)
    assert policy.bitrate == start
    policy.report(0.4, None, 2.0)
    policy.report(0.4, None, 2.1)  # the same trouble, reported twice
    assert policy.bitrate == pytest.approx(start * 0.8, rel=0.01)


def test_after_heavy_loss_it_climbs_only_while_little_is_lost() -> None:
    policy = BitratePolicy(512, 512)
    policy.report(0.5, None, 1.0)
    low = policy.bitrate
    for second in range(2, 10):
        policy.report(0.05, None, float(second))
        policy.estimate(5_000_000, float(second))
    assert policy.bitrate == low
    for second in range(10, 14):
        policy.report(0.01, None, float(second))
        policy.estimate(5_000_000, float(second))
    assert low * 1.2 < policy.bitrate < low * 1.5


def test_a_line_that_always_loses_some_is_used_as_far_as_the_estimate_goes() -> None:
    policy = BitratePolicy(512, 512)
    policy.estimate(500_000, 0.0)
    for second in range(1, 40):
        policy.report(0.05, 0.05, float(second))
        policy.estimate(2_000_000, float(second))
    assert policy.bitrate == 1_900_000


def test_a_queue_that_stays_full_takes_it_down_whatever_the_estimate_says() -> None:
    policy = BitratePolicy(512, 512)
    start = policy.bitrate
    policy.report(0.0, 0.03, 1.0)
    policy.report(0.05, 0.1, 2.0)
    assert policy.bitrate == start, "losses on a line without a queue"
    policy.report(0.0, 0.4, 3.0)
    assert policy.bitrate == start, "a queue that loses nothing: the estimate sees it grow"
    policy.report(0.05, 0.4, 4.0)
    policy.estimate(5_000_000, 4.5)
    assert policy.bitrate == pytest.approx(NEAR * start, rel=0.01)
    for second in range(5, 10):
        policy.report(0.0, 0.03, float(second))
        policy.estimate(5_000_000, float(second))
    assert NEAR * start < policy.bitrate < 0.95 * start, "it comes back slowly to where the line was full"
    for second in range(10, 40):
        policy.report(0.0, 0.03, float(second))
        policy.estimate(5_000_000, float(second))
    assert policy.bitrate == policy.ceiling, "the line is wider than it was"


def test_a_longer_way_is_not_a_queue_for_ever() -> None:
    policy = BitratePolicy(512, 512)
    policy.report(0.0, 0.03, 0.0)
    for second in range(1, 100):
        policy.report(0.0, 0.4, float(second))
    before = policy.bitrate
    policy.report(0.05, 0.4, 100.0)
    assert policy.bitrate == before


@given(st.lists(st.tuples(st.sampled_from(["estimate", "report"]), st.floats(0, 1e9), st.floats(0, 5)), max_size=60))
def test_it_stays_within_its_bounds(events: list[tuple[str, float, float]]) -> None:
    policy, now = BitratePolicy(512, 512), 0.0
    for kind, value, pause in events:
        now += pause
        before = policy.bitrate
        if kind == "estimate":
            policy.estimate(value, now)
            assert policy.bitrate <= max(FLOOR, value)
        else:
            policy.report(value / 1e9, pause / 5, now)
        assert FLOOR <= policy.bitrate <= policy.ceiling
        assert policy.bitrate <= before * 1.17  # two seconds' growth at most, however long nothing was heard


def test_the_clock_is_steady_and_follows_a_jump() -> None:
    now = 5000.0
    clock = MediaClock(lambda: now)
    assert clock.now() is None
    for index in range(100):
        now = 5000.0 + index * 0.04 + (0.005 if index % 2 else 0.0)
        clock.tick(index)
    moment = clock.now()
    assert moment is not None
    ntp, media = moment
    assert ntp / 2**32 - NTP_EPOCH == pytest.approx(now, abs=1e-6)
    assert media == pytest.approx(99 * 0.04, abs=0.006)
    now += 3.0  # nothing was sent for a while, and the ticks were not counted on
    clock.tick(100)
    moment = clock.now()
    assert moment is not None
    assert moment[1] == pytest.approx(4.0, abs=0.001)
