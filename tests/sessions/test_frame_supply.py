"""A session is degraded while its picture stands still, whoever has noticed."""

from __future__ import annotations

from livehead.core.lifecycle import Event
from livehead.sessions.frame_supply import MOST_STILL, FrameSupply


def sent(supply: FrameSupply, *frames: int | None) -> None:
    for frame in frames:
        supply.block_sent(frame)


def test_a_picture_that_stands_still_is_told_until_it_moves() -> None:
    told: list[Event] = []
    supply = FrameSupply(told.append)
    sent(supply, *range(10), *[9] * (MOST_STILL - 1))
    assert told == []
    sent(supply, 9)
    assert told == [Event.ENGINE_DOWN]
    sent(supply, *[9] * 100)
    assert told == [Event.ENGINE_DOWN]
    sent(supply, 120)
    assert told == [Event.ENGINE_DOWN, Event.ENGINE_UP]


def test_no_picture_yet_is_no_fault() -> None:
    told: list[Event] = []
    sent(FrameSupply(told.append), *[None] * (3 * MOST_STILL), 0, 1)
    assert told == []


def test_what_the_engine_says_is_told_at_once_and_once() -> None:
    told: list[Event] = []
    supply = FrameSupply(told.append)
    supply.engine(up=True)
    assert told == []
    supply.engine(up=False)
    supply.engine(up=False)
    assert told == [Event.ENGINE_DOWN]
    supply.engine(up=True)
    assert told == [Event.ENGINE_DOWN, Event.ENGINE_UP]


def test_an_engine_that_is_up_again_is_told_when_the_picture_moves() -> None:
    told: list[Event] = []
    supply = FrameSupply(told.append)
    sent(supply, 0, *[0] * MOST_STILL)
    supply.engine(up=False)
    supply.engine(up=True)
    assert told == [Event.ENGINE_DOWN]
    sent(supply, 1)
    assert told == [Event.ENGINE_DOWN, Event.ENGINE_UP]


def test_a_picture_that_moves_does_not_mend_an_engine_that_is_down() -> None:
    """Frames that were made before it went down are still shown."""
    told: list[Event] = []
    supply = FrameSupply(told.append)
    supply.engine(up=False)
    sent(supply, 0, 1, 2)
    assert told == [Event.ENGINE_DOWN]
