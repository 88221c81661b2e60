"""Pictures and sound in step, whatever is lost, late or moved."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from livehead.client.call.pairing import PAIR, Pairing, Sound
from livehead.client.call.sender_clock import SenderClock, Timestamps

WRAP = 1 << 32
PACKET = 960


@dataclass
class Sender:
    """Tick ``k`` is the picture ``k`` and 1920 samples of the value ``k``, both stamped from origins of their own."""

    audio_origin: int = 4_000_000_000
    video_origin: int = 123
    wall: float = 3_900_000_000.0
    pairing: Pairing[int] = field(default_factory=Pairing)

    def report(self, k: float = 0.0, drift: float = 0.0) -> None:
        """Both streams' reports at tick ``k``; ``drift`` seconds is the error of the second."""
        wall = self.wall + k * 0.04
        self.pairing.audio.report(wall, round(self.audio_origin + k * PAIR) % WRAP)
        self.pairing.video.report(wall + drift, round(self.video_origin + k * 3600) % WRAP)

    def sound(self, k: int, halves: tuple[int, ...] = (0, 1)) -> None:
        for half in halves:
            stamp = self.pairing.audio.timestamps.map((self.audio_origin + k * PAIR + half * PACKET) % WRAP)
            self.pairing.add_sound(stamp, np.full(PACKET, k, np.int16))

    def picture(self, k: int) -> None:
        stamp = self.pairing.video.timestamps.map((self.video_origin + k * 3600) % WRAP)
        self.pairing.add_picture(stamp, k)

    def taken(self) -> list[tuple[int, Sound]]:
        found = []
        while (pair := self.pairing.take()) is not None:
            found.append(pair)
        return found


def values(pairs: list[tuple[int, Sound]]) -> list[tuple[int, int]]:
    """Picture and sound of each pair; the sound must be of one tick."""
    assert all(len(sound) == PAIR and len(set(sound.tolist())) == 1 for _, sound in pairs)
    return [(picture, int(sound[0])) for picture, sound in pairs]


@pytest.mark.parametrize("audio_origin", [0, 960, 4_000_000_000, WRAP - 5 * PAIR])
@pytest.mark.parametrize("video_origin", [0, 77, WRAP - 5 * 3600])
def test_each_picture_comes_with_its_own_sound(audio_origin: int, video_origin: int) -> None:
    """Also where a timestamp wraps."""
    sender = Sender(audio_origin, video_origin)
    sender.report()
    pairs = []
    for k in range(1, 50):
        sender.sound(k)
        sender.picture(k)
        pairs += values(sender.taken())
    assert pairs == [(k, k) for k in range(1, 50)]


def test_nothing_comes_before_both_reports() -> None:
    sender = Sender()
    for k in range(5):
        sender.sound(k)
        sender.picture(k)
    assert sender.taken() == []
    sender.pairing.audio.report(sender.wall, sender.audio_origin)
    assert sender.taken() == []
    sender.report()
    assert values(sender.taken()) == [(k, k) for k in range(5)]


def test_it_begins_with_the_first_picture_that_has_its_sound() -> None:
    sender = Sender()
    sender.report()
    for k in range(4):
        sender.picture(k)
    sender.sound(2, halves=(1,))
    sender.sound(3)
    assert values(sender.taken()) == [(3, 3)]


def test_sound_that_was_lost_is_silence() -> None:
    sender = Sender()
    sender.report()
    for k in range(1, 30):
        sender.picture(k)
        sender.sound(k, {10: (), 11: (1,)}.get(k, (0, 1)))
    pairs = sender.taken()
    assert [picture for picture, _ in pairs] == list(range(1, 30))
    assert pairs[9][1].tolist() == [0] * PAIR
    assert pairs[10][1].tolist() == [0] * PACKET + [11] * PACKET
    assert pairs[11][1].tolist() == [12] * PAIR


def test_a_picture_that_was_lost_is_the_one_before_again() -> None:
    sender = Sender()
    sender.report()
    for k in range(1, 10):
        sender.sound(k)
        if k not in (4, 5):
            sender.picture(k)
    assert values(sender.taken()) == [(k if k not in (4, 5) else 3, k) for k in range(1, 10)]


def test_when_no_picture_comes_the_sound_goes_on() -> None:
    sender = Sender()
    sender.report()
    sender.sound(1)
    sender.picture(1)
    assert len(sender.taken()) == 1
    for k in range(2, 50):
        sender.sound(k)
    pairs = values(sender.taken())
    assert pairs == [(1, k) for k in range(2, 2 + len(pairs))]
    assert len(pairs) >= 40
    sender.picture(20)  # too late to be shown in its place, and newer than what was
    sender.sound(50)
    sender.picture(50)
    assert values(sender.taken())[-1] == (50, 50)


def test_when_no_sound_comes_the_pictures_go_on_in_silence() -> None:
    sender = Sender()
    sender.report()
    sender.sound(1)
    for k in range(1, 50):
        sender.picture(k)
    pairs = values(sender.taken())
    assert pairs[0] == (1, 1)
    assert len(pairs) >= 40
    assert pairs[1:] == [(k, 0) for k in range(2, len(pairs) + 1)]


def test_after_a_long_gap_it_goes_on_with_what_there_is_now() -> None:
    sender = Sender()
    sender.report()
    for k in (1, 2, 3, 500, 501, 502):
        sender.sound(k)
        sender.picture(k)
        pairs = values(sender.taken())
    assert pairs == [(502, 502)]


def test_after_a_long_gap_pictures_may_come_before_any_sound() -> None:
    sender = Sender()
    sender.report()
    for k in range(10):
        sender.sound(k)
        sender.picture(k)
    sender.taken()
    sender.picture(200)
    assert sender.taken() == []
    for k in range(201, 210):
        sender.sound(k)
        sender.picture(k)
    assert values(sender.taken())[-1] == (209, 209)


def test_a_reader_that_paused_goes_on_with_what_there_is_now() -> None:
    sender = Sender()
    sender.report()
    for k in range(2000):
        sender.sound(k)
        sender.picture(k)
    pairs = values(sender.taken())
    assert pairs[-1] == (1999, 1999)
    assert len(pairs) < 60


def test_reports_that_waver_by_a_few_milliseconds_move_nothing() -> None:
    sender, chance = Sender(), random.Random(1)
    sender.report()
    pairs = []
    for k in range(1, 500):
        sender.sound(k)
        sender.picture(k)
        if k % 25 == 0:
            sender.report(k, drift=chance.uniform(-0.008, 0.008))
        pairs += values(sender.taken())
    assert pairs == [(k, k) for k in range(1, 500)]


def test_pictures_that_move_against_the_sound_are_followed() -> None:
    """The sender says that what it sends as picture k from now on belongs to tick k + 5."""
    sender = Sender()
    sender.report()
    for k in range(1, 20):
        sender.sound(k)
        sender.picture(k)
        sender.taken()
    sender.report(20, drift=0.2)
    pairs = []
    for k in range(20, 60):
        sender.sound(k)
        sender.picture(k)
        pairs += values(sender.taken())
    assert [sound - picture for picture, sound in pairs[-20:]] == [5] * 20


def test_packets_may_come_in_any_order_within_reason() -> None:
    sender, chance = Sender(), random.Random(2)
    sender.report()
    pairs = []
    for k in range(1, 200):
        sender.sound(k)
        if k > 2:
            sender.picture(k - chance.randrange(2) - 1) if k % 7 == 0 else sender.picture(k - 2)
        pairs += values(sender.taken())
    assert [sound for _, sound in pairs] == list(range(pairs[0][1], pairs[-1][1] + 1))
    assert all(abs(picture - sound) <= 1 for picture, sound in pairs)


def test_timestamps_unwrap_both_ways() -> None:
    stamps = Timestamps()
    assert [stamps.map(value) for value in (WRAP - 2, 1, WRAP - 1, 5)] == [WRAP - 2, WRAP + 1, WRAP - 1, WRAP + 5]


def test_a_clock_without_a_report_does_not_know() -> None:
    clock = SenderClock(48_000)
    assert clock.wall(5) is None
    clock.report(10.0, 48_000)
    assert clock.wall(clock.timestamps.map(96_000)) == 11.0
