"""The scheduler under the loads that admission lets in, and under more, with measured step times in virtual time."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from statistics import mean

import pytest
from simulation import Outcome, Session, simulate
from steptables import LITE, LITE_FASTER, LITE_RECORDED, PREVIEW, Device

from livehead.core.block import BLOCK_S

DEVICES = pytest.mark.parametrize(
    "device", [PREVIEW, LITE, LITE_FASTER, LITE_RECORDED], ids=["preview", "lite", "lite-faster", "lite-recorded"]
)


def session(device: Device, stream: int, preset: str, start: float, end: float) -> Session:
    """One at a preset: a window may take what is left of the bound when its audio is there."""
    it = device.presets[preset]
    slack = it.max_delay_ms / 1000 - (it.hop + it.lookahead) * BLOCK_S
    return Session(stream, start, end, it.hop, slack)


def run(device: Device, sessions: list[Session], **options: object) -> Outcome:
    return simulate(
        sessions,
        device.cost(seed=3),
        max_batch=device.capacity().max_batch or 1,
        mixed_hops=device.mixed_hops,
        **options,  # type: ignore[arg-type]
    )


def crowd(device: Device, preset: str, count: int, start: float, end: float, first: int = 0) -> list[Session]:
    chance = random.Random(count + first)
    hop_s = device.presets[preset].hop * BLOCK_S
    return [session(device, first + n, preset, start + chance.random() * hop_s, end) for n in range(count)]


@DEVICES
def test_thousands_of_sessions_that_were_admitted_meet_their_deadlines(device: Device) -> None:
    """They come at random, four times as many as fit, with presets mixed, and stay for a while."""
    chance, held = random.Random(5), device.capacity()
    presets = list(device.presets)
    longest = max(preset.hop for preset in device.presets.values()) * BLOCK_S
    rate = 4 * max(held.streams.values()) / (8 * longest)
    admitted: list[Session] = []
    taken: Counter[str] = Counter()
    leaving: list[tuple[float, str]] = []
    now, refused = 0.0, 0
    for _ in range(4000):
        now += chance.expovariate(rate)
        while leaving and leaving[0][0] <= now:
            taken[heapq.heappop(leaving)[1]] -= 1
        preset = chance.choice(presets)
        if not held.room(taken, preset):
            refused += 1
            continue
        end = now + longest * chance.uniform(2, 14)
        taken[preset] += 1
        heapq.heappush(leaving, (end, preset))
        admitted.append(session(device, len(admitted), preset, now, end))
    assert refused > 1000
    outcome = run(device, admitted)
    assert len(outcome.first) == len(admitted) > 500
    assert outcome.total > 0.9995
    assert min(outcome.share(each.stream) for each in admitted) > 0.9
    hops = {each.stream: each for each in admitted}
    assert all(waited <= hops[stream].slack for stream, waited in outcome.first.items())  # no first window is lost


@DEVICES
def test_what_fits_at_a_preset_meets_every_deadline(device: Device) -> None:
    for preset, count in device.capacity().streams.items():
        seconds = 60 * device.presets[preset].hop * BLOCK_S
        assert run(device, crowd(device, preset, count, 0.0, seconds)).total == 1.0, preset


@DEVICES
def test_capacity_is_not_given_away(device: Device) -> None:
    """Twice as many lose a good part, on the CPU in the slow hour that was reckoned with: the figure is of the right
    size."""
    preset = "throughput"
    count = 2 * device.capacity().streams[preset] + 2
    there = crowd(device, preset, count, 0.0, 60 * device.presets[preset].hop * BLOCK_S)
    assert run(device, there, slowness=lambda now: device.slow_hour).total < 0.97


@DEVICES
def test_first_windows_come_first_in_a_crowd(device: Device) -> None:
    """Twice as many as fit are there; one after the other joins and has its first frames in time."""
    preset = "balanced"
    hop_s = device.presets[preset].hop * BLOCK_S
    there = crowd(device, preset, 2 * device.capacity().streams[preset] + 2, 0.0, 120 * hop_s)
    joining = [
        session(device, 1000 + n, preset, at, at + 6 * hop_s)
        for n, at in enumerate((20 + 8.37 * n) * hop_s for n in range(10))
    ]
    outcome = run(device, there + joining, slowness=lambda now: device.slow_hour)
    assert outcome.total < 0.95
    assert all(outcome.first[each.stream] <= each.slack + hop_s for each in joining)


@DEVICES
def test_a_slow_phase_is_shared_and_ends_by_itself(device: Device) -> None:
    """Full house, and for a while every step takes three times as long."""
    preset = "throughput"
    hop_s = device.presets[preset].hop * BLOCK_S
    begin, end = 40 * hop_s, 90 * hop_s
    count = max(2, device.capacity().streams[preset])
    sessions = crowd(device, preset, count, 0.0, 150 * hop_s)
    outcome = run(device, sessions, slowness=lambda now: 3.0 if begin <= now < end else 1.0)
    lost = Counter(job.stream for at, job in outcome.missed)
    # With a tenth to spare it takes a while to catch up.
    assert all(begin <= at <= end + 12 * hop_s for at, _ in outcome.missed)
    assert min(lost[each.stream] for each in sessions) > 0.5 * mean(lost.values())
    assert max(lost.values()) < 1.5 * mean(lost.values())
    assert max(outcome.longest_gap.values()) < 12 * hop_s


@DEVICES
def test_more_than_fits_at_every_preset_starves_nobody(device: Device) -> None:
    """Without admission: at every preset as many as fit there alone, so three times too much."""
    longest = max(preset.hop for preset in device.presets.values()) * BLOCK_S
    sessions: list[Session] = []
    for preset, count in device.capacity().streams.items():
        sessions += crowd(device, preset, max(2, count), 0.0, 80 * longest, first=len(sessions))
    outcome = run(device, sessions)
    shares = [outcome.share(each.stream) for each in sessions]
    assert outcome.total < 0.95
    assert min(shares) > 0.75 * outcome.total
    assert max(outcome.longest_gap[each.stream] for each in sessions) < 10 * longest
