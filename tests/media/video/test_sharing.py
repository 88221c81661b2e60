"""How viewers of one encoding come to terms: its bitrate, its keyframes, and what a narrow line is sent."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.media.rtp.rate_control import FLOOR, BitratePolicy, shared_rate
from livehead.media.video.keyframe_requests import OWN_BURST, OWN_INTERVAL, KeyframeRequests
from livehead.media.video.narrow_line import LONGEST_S, QUEUED_S, SPARED_S, NarrowLine


@pytest.mark.parametrize(
    ("rates", "agreed"),
    [
        ([900], 900),
        ([900, 800], 800),
        ([900, 301], 301),
        ([900, 299], 900),
        ([900, 900, 460], 460),
        ([900, 900, 440], 900),
        ([2500, 2400, 900, 150], 900),
        ([2500, 2400, 2300, 1300, 150, 150, 2500, 2500], 1300),
        ([150, 150, 2500], 150),
    ],
)
def test_the_lowest_rate_counts_but_not_one_far_below_the_others(rates: list[int], agreed: int) -> None:
    assert shared_rate(rates) == agreed


@given(st.lists(st.integers(FLOOR, 10_000_000), min_size=1, max_size=8))
def test_the_agreed_rate_is_somebody_s_and_suits_at_least_half(rates: list[int]) -> None:
    agreed = shared_rate(rates)
    assert agreed in rates
    assert sum(rate >= agreed for rate in rates) * 2 >= len(rates)


def test_a_new_policy_begins_with_the_rate_of_the_others() -> None:
    assert BitratePolicy(512, 512, start=2_000_000).bitrate == 2_000_000
    assert BitratePolicy(512, 512, start=200_000).bitrate == BitratePolicy(512, 512).bitrate
    assert BitratePolicy(512, 512, start=9_000_000).bitrate == BitratePolicy(512, 512).ceiling


def test_a_line_that_was_full_at_a_lower_rate_is_not_credited_with_more() -> None:
    policy = BitratePolicy(512, 512, start=2_000_000)
    policy.sent = 600_000.0
    policy.report(0.5, None, 1.0)
    assert policy.bitrate == 450_000
    assert policy.full_at == 1.0


def test_a_client_alone_gets_every_keyframe_and_one_among_others_its_share() -> None:
    requests = KeyframeRequests(100.0)
    assert not requests.grant(100.0, alone=True)
    granted = []
    for tick in range(1000):
        now = 100 + tick * 0.04
        requests.want(now)
        if requests.grant(now, alone=False):
            granted.append(now)
            requests.got(now)
    assert len(granted) == pytest.approx(OWN_BURST + 40 / OWN_INTERVAL, abs=1)
    requests.want(200.0)
    assert [requests.grant(200.0 + n, alone=True) for n in range(5)] == [True] * 5, "nobody is disturbed"


def test_a_loss_from_before_the_last_keyframe_asks_for_nothing() -> None:
    requests = KeyframeRequests(0.0)
    requests.got(10.0)
    requests.want(9.0)
    assert not requests.wanted
    requests.want(11.0)
    assert requests.wanted


def _policy(bitrate: int, sent: float) -> BitratePolicy:
    policy = BitratePolicy(512, 512)
    policy.bitrate, policy.sent = bitrate, sent
    return policy


def test_a_line_that_was_full_is_spared_and_tried_again_less_and_less_often() -> None:
    line, policy = NarrowLine(), _policy(300_000, 2_000_000)
    tried, spared = [], False
    for tick in range(round(300 / 0.04)):
        now = 10 + tick * 0.04
        before, spared = spared, line.is_spared(policy, now)
        if before and not spared:
            tried.append(now)
        if not spared and now > 20 and tick % 25 == 0:
            policy.full_at = now  # a report that packets were lost
    gaps = [b - a for a, b in itertools.pairwise(tried)]
    assert gaps[0] == pytest.approx(2 * SPARED_S, abs=1.1)
    assert gaps[-1] == pytest.approx(LONGEST_S, abs=1.1)


def test_a_line_that_takes_what_the_others_are_sent_is_not_spared() -> None:
    line, policy = NarrowLine(), _policy(1_000_000, 1_000_000)
    policy.full_at = 10.0
    assert not line.is_spared(policy, 10.5)
    policy.bitrate = 900_000
    assert line.is_spared(policy, 11.0)
    assert not line.is_spared(policy, 10.5 + SPARED_S)


def test_a_narrow_line_is_sent_what_it_takes() -> None:
    line, bits, now = NarrowLine(), 0, 50.0
    for _ in range(250):
        now += 0.04
        if line.take(10_000, 300_000, now):
            bits += 80_000
    assert bits <= 300_000 * (10 + QUEUED_S) + 80_000
    assert bits >= 300_000 * 9
    assert not line.is_free(now)
    assert line.is_free(now + QUEUED_S + 0.3)
