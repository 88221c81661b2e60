"""The jitter buffer on simulated networks. No clock but the simulation's."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from livehead.media.audio.jitter_buffer import HIGH, LOW, Gap, JitterBuffer, Taken

RATE = 48_000


@dataclass
class Result:
    """What came out: for each packet its number, its place in the output and how long it was held; and the gaps."""

    places: list[tuple[int, int, float]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    skews: list[tuple[float, float]] = field(default_factory=list)  # (time, output minus time, in seconds)
    samples: int = 0
    targets: list[tuple[float, float]] = field(default_factory=list)


def run(
    arrivals: list[tuple[float, int]],
    *,
    duration: int = 960,
    sequence: int = 0,
    timestamp: int = 0,
    numbers: dict[int, int] | None = None,
    until: float | None = None,
) -> tuple[JitterBuffer, Result]:
    """Feed packets: (time of arrival, index on the sender's clock). ``numbers`` maps an index to the sequence number,
    where pauses make them differ."""
    buffer = JitterBuffer(RATE)
    result = Result()
    arrivals = sorted(arrivals)
    start = arrivals[0][0]

    def pop(now: float) -> None:
        while (item := buffer.pop(now)) is not None:
            if isinstance(item, Taken):
                index = int.from_bytes(item.payload, "big")
                result.places.append((index, result.samples - item.skip, now - item.arrived))
                result.samples += item.duration - item.skip + item.stretch
            else:
                result.gaps.append(item)
                result.samples += item.duration
        result.skews.append((now, result.samples / RATE - (now - start)))
        result.targets.append((now, buffer.target))

    def wait(until: float) -> None:
        while buffer.due is not None and buffer.due < until:
            pop(buffer.due + 1e-9)

    for now, index in arrivals:
        wait(now)
        number = numbers[index] if numbers else index
        buffer.push((sequence + number) % 65536, (timestamp + index * duration) % 2**32, duration, _name(index), now)
        pop(now)
    if until is not None:
        wait(until)
    return buffer, result


def _name(index: int) -> bytes:
    return index.to_bytes(4, "big")


networks = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "count": st.integers(5, 250),
        "loss": st.sampled_from([0.0, 0.02, 0.05, 0.3]),
        "jitter": st.sampled_from([0.0, 0.005, 0.030, 0.055]),
        "twice": st.sampled_from([0.0, 0.1]),
        "sequence": st.sampled_from([0, 17, 65_530, 65_535, 32_768]),
        "timestamp": st.sampled_from([0, 2**32 - 1, 2**32 - 5000, 2**31 - 960]),
    }
)


TWO_SLOW_IN_A_ROW = {
    "seed": 668, "count": 19, "loss": 0.3, "jitter": 0.055, "twice": 0.0, "sequence": 0, "timestamp": 0
}  # fmt: skip
"""What comes between them is lost: it looks as if the way had become longer."""


def send(network: dict, *, ppm: float = 0.0) -> list[tuple[float, int]]:
    chance = random.Random(network["seed"])
    arrivals = []
    for index in range(network["count"]):
        sent = 100.0 + index * 0.02 * (1 + ppm * 1e-6)
        if index and chance.random() < network["loss"]:
            continue
        # The first goes the fastest way, so that the places of all others are known.
        arrivals.append((sent + (chance.random() * network["jitter"] if index else 0.0), index))
        if chance.random() < network["twice"]:
            arrivals.append((sent + 0.001 + chance.random() * 0.1, index))
    return arrivals


@settings(max_examples=150, deadline=None)
@given(networks)
@example(TWO_SLOW_IN_A_ROW)
def test_packets_come_out_once_in_order_and_in_their_places(network: dict) -> None:
    buffer, result = run(send(network), sequence=network["sequence"], timestamp=network["timestamp"])
    indices = [index for index, _, _ in result.places]
    assert indices == sorted(set(indices))
    assert buffer.resets == 0
    for index, place, _ in result.places:
        assert abs(place - index * 960) <= 96  # the clocks agree; jitter in the first second may move it by 2 ms


@settings(max_examples=150, deadline=None)
@given(networks)
def test_a_packet_waits_only_for_another_and_never_past_the_limit(network: dict) -> None:
    network = {**network, "loss": 0.05}
    _, result = run(send(network), sequence=network["sequence"], timestamp=network["timestamp"])
    assert all(held <= HIGH + 1e-6 for _, _, held in result.places)
    _, clean = run(send({**network, "loss": 0.0, "jitter": 0.0, "twice": 0.0}))
    assert all(held == 0 for _, _, held in clean.places)
    assert not clean.gaps


@settings(max_examples=150, deadline=None)
@given(networks)
@example(TWO_SLOW_IN_A_ROW)
def test_output_keeps_step_with_time(network: dict) -> None:
    _, result = run(send(network), sequence=network["sequence"], timestamp=network["timestamp"])
    # Never ahead of what was captured (a packet is 20 ms), never further behind than a wait and a packet.
    assert all(-(HIGH + 0.021) <= skew <= 0.0221 for _, skew in result.skews)


@settings(max_examples=100, deadline=None)
@given(networks)
def test_what_is_in_time_is_not_given_up(network: dict) -> None:
    network = {**network, "jitter": 0.015}
    arrivals = send(network)
    buffer, result = run(arrivals)
    assert {index for index, _, _ in result.places} == {index for _, index in arrivals}
    assert buffer.late == 0


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.tuples(st.integers(1, 40), st.integers(1, 100)), min_size=1, max_size=8))
def test_pauses_are_silence_of_the_right_length(seed: int, talk: list[tuple[int, int]]) -> None:
    """Discontinuous transmission: the timestamps go on, the sequence numbers do not."""
    arrivals, numbers, index = [], {}, 0
    for spurt, pause in talk:
        for _ in range(spurt):
            numbers[index] = len(numbers)
            arrivals.append((5.0 + index * 0.02, index))
            index += 1
        index += pause
    _, result = run(arrivals, numbers=numbers, sequence=seed % 65536, timestamp=seed)
    assert [place for _, place, _ in result.places] == [i * 960 for i in numbers]
    assert not any(gap.lost for gap in result.gaps)


def test_silence_goes_on_in_real_time_without_packets() -> None:
    _, result = run([(1.0, 0), (1.02, 1)], until=11.0)
    assert result.samples / RATE == pytest.approx(10.0, abs=0.05)


def test_the_wait_grows_with_jitter_and_comes_back_to_low() -> None:
    chance = random.Random(3)
    arrivals = []
    for index in range(1500):
        rough = 250 <= index < 400
        arrivals.append((index * 0.02 + (chance.random() * 0.05 if rough else 0.0), index))
    _, result = run(arrivals)
    wait = {round(t, 2): target for t, target in result.targets}
    at = sorted(wait)
    assert wait[min(at, key=lambda t: abs(t - 4.9))] == LOW
    assert max(wait.values()) <= HIGH
    assert wait[min(at, key=lambda t: abs(t - 7.9))] > 0.045
    assert wait[min(at, key=lambda t: abs(t - 19.0))] == LOW


def test_a_burst_of_loss_leaves_no_delay_behind() -> None:
    arrivals = [(index * 0.02, index) for index in range(500) if not 100 <= index < 110]
    buffer, result = run(arrivals)
    assert buffer.target == LOW
    assert all(held == 0 for index, _, held in result.places if index > 120)
    assert sum(gap.duration for gap in result.gaps) == 10 * 960


def test_a_burst_that_was_held_up_is_dropped_and_the_clock_kept() -> None:
    """Two seconds that come all at once are two seconds late; what follows is in time."""
    arrivals = [(i * 0.02 if not 100 <= i < 200 else 4.0 + (i - 100) * 1e-4, i) for i in range(400)]
    _, result = run(arrivals)
    assert result.skews[-1][1] == pytest.approx(0.02, abs=0.003)
    assert {i for i, _, _ in result.places} >= set(range(100)) | set(range(205, 400))


def test_a_way_that_becomes_longer_is_accepted_soon() -> None:
    arrivals = [(i * 0.02 + (0.3 if i >= 100 else 0.0), i) for i in range(600)]
    buffer, result = run(arrivals)
    assert buffer.resets == 1
    assert {i for i, _, _ in result.places} >= set(range(107, 600))
    assert all(held <= HIGH for _, _, held in result.places)


def test_a_new_stream_goes_on_at_the_present_time() -> None:
    buffer = JitterBuffer(RATE)
    total = 0
    for i in range(50):
        buffer.push(i, i * 960, 960, b"", i * 0.02)
        while (item := buffer.pop(i * 0.02)) is not None:
            total += item.duration
    buffer.restart()
    buffer.push(40_000, 123_456_789, 960, b"", 1.5)
    while (item := buffer.pop(1.5)) is not None:
        total += item.duration
    assert total == pytest.approx(1.52 * RATE, abs=100)


def test_time_stamps_that_jump_do_not_stop_the_audio() -> None:
    arrivals = [(i * 0.02, i if i < 100 else i + 1_000_000) for i in range(300)]
    numbers = {i if i < 100 else i + 1_000_000: i for i in range(300)}
    _, result = run(arrivals, numbers=numbers)
    assert len(result.places) == 300
    assert result.skews[-1][1] == pytest.approx(0.02, abs=0.003)


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_drifting_audio_card_is_absorbed_for_ever(ppm: int) -> None:
    """Eight hours of packets of 240 ms: the output stays with this machine's clock within 20 ms."""
    chance = random.Random(ppm)
    packet = 0.24
    arrivals = [(i * packet * (1 - ppm * 1e-6) + chance.random() * 0.004, i) for i in range(round(8 * 3600 / packet))]
    buffer, result = run(arrivals, duration=round(packet * RATE))
    assert buffer.resets == 0
    assert buffer.late == 0
    assert not result.gaps
    skews = [skew for _, skew in result.skews]
    assert max(skews) - min(skews) < packet + 0.020  # between two packets the output falls behind by one


@pytest.mark.parametrize("ppm", [-200, 200])
def test_drift_with_jitter_and_loss_at_twenty_milliseconds(ppm: int) -> None:
    chance = random.Random(ppm)
    arrivals = [
        (i * 0.02 * (1 - ppm * 1e-6) + chance.random() * 0.02, i) for i in range(30_000) if chance.random() > 0.02
    ]
    buffer, result = run(arrivals)
    assert buffer.resets == 0
    late = [skew for t, skew in result.skews if t > 5]
    assert max(late) < 0.035
    assert min(late) > -(HIGH + 0.035)


@pytest.mark.parametrize("stall", [0.010, 0.060, 0.150])
def test_a_slow_first_packet_does_not_shift_the_timeline_later(stall: float) -> None:
    """While a call is set up the first packets wait. Once they are through, nothing is wrong with anybody's clock."""
    buffer, result = run([(n * 0.02 + max(0.001, stall - n * 0.02), n) for n in range(3000)])
    first = next(place - index * 960 for index, place, _ in result.places if index > 50)
    index, place, _ = result.places[-1]
    assert abs(place - index * 960 - first) <= 0.003 * RATE
    assert buffer.resets == 0
