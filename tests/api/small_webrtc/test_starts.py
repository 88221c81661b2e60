from __future__ import annotations

import pytest

from livehead.api.small_webrtc.bodies import Wanted
from livehead.api.small_webrtc.starts import MAX_STARTS, START_S, Starts
from livehead.errors import NotFoundError


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def test_a_start_is_kept_for_its_offer() -> None:
    starts = Starts(Clock())
    first, second = starts.add(Wanted(avatar="maya")), starts.add(Wanted())
    assert first != second
    assert starts.find(first).avatar == "maya"
    assert starts.find(first).avatar == "maya", "the offer may come again, with another peer connection"
    assert starts.find(second).avatar is None


def test_a_start_is_forgotten_in_time() -> None:
    clock = Clock()
    starts = Starts(clock)
    start_id = starts.add(Wanted())
    clock.now += START_S - 1
    starts.find(start_id)
    clock.now += 1
    with pytest.raises(NotFoundError, match="Start again"):
        starts.find(start_id)


def test_what_nobody_came_for_takes_no_more_room() -> None:
    clock = Clock()
    starts = Starts(clock)
    ids = [starts.add(Wanted()) for _ in range(MAX_STARTS + 1)]
    with pytest.raises(NotFoundError):
        starts.find(ids[0])
    starts.find(ids[1])
    clock.now += START_S
    starts.add(Wanted())
    assert len(starts._starts) == 1


def test_no_such_start() -> None:
    with pytest.raises(NotFoundError):
        Starts().find("nobody")
