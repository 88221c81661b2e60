"""What a stream goes on from in another worker."""

from __future__ import annotations

import numpy as np

import fakes
from livehead.core.frame import Frame
from livehead.engine.delivered_frames import HEARD, DeliveredFrames

INFO = fakes.FakeGenerator(motion_frames=3, window=8).info


def frame(k: int) -> Frame:
    return Frame(np.full((96, 64), k % 256, np.uint8))


def deliver(past: DeliveredFrames, k: int, hop: int = 1, lookahead: int = 1) -> None:
    pcm = np.repeat(np.arange(k, k + hop + lookahead, dtype=np.float32), 640)
    past.keep(k, [frame(each) for each in range(k, k + hop)], pcm)


def test_before_anything_was_delivered_there_is_the_portrait() -> None:
    assert DeliveredFrames(INFO).point() is None


def test_the_last_frames_and_their_own_audio() -> None:
    past = DeliveredFrames(INFO)
    for k in range(0, 12, 4):
        deliver(past, k, hop=4)
    point = past.point()
    assert point is not None
    assert (point.k, point.ks, point.made) == (11, (9, 10, 11), 12)
    assert [int(each[0, 0]) for each in point.frames] == [9, 10, 11]
    assert point.heard.dtype == np.float32
    assert list(point.heard[::640]) == list(range(12))  # nothing that was only looked ahead to


def test_frames_are_the_sessions_own() -> None:
    past, shown = DeliveredFrames(INFO), frame(0)
    past.keep(0, [shown], np.zeros(640, np.float32))
    point = past.point()
    assert point is not None
    assert point.frames[0] is shown.i420


def test_what_is_taken_back_was_never_made() -> None:
    past = DeliveredFrames(INFO)
    deliver(past, 0, hop=8)
    past.rewind(4)
    deliver(past, 20, hop=2)  # the timeline may jump
    point = past.point()
    assert point is not None
    assert (point.k, point.ks, point.made) == (21, (4, 20, 21), 7)
    assert list(point.heard[::640]) == [0, 1, 2, 3, 4, 20, 21]
    past.rewind(-1)
    assert past.point() is None
    assert past.made == 0


def test_it_is_bounded_and_a_rewind_within_a_window_loses_nothing() -> None:
    past = DeliveredFrames(INFO)
    for k in range(1000):
        deliver(past, k)
    past.rewind(999 - INFO.window)
    point = past.point()
    assert point is not None
    assert (len(point.frames), len(point.heard), point.made) == (3, HEARD * 640, 1000 - INFO.window)
    assert len(past._frames) <= INFO.window + INFO.motion_frames
    assert len(past._heard) <= HEARD + 2 * INFO.window


def test_frames_that_were_shown_stay_shown_where_the_generator_began_anew() -> None:
    past = DeliveredFrames(INFO)
    deliver(past, 0, hop=4)
    past.begin_anew()
    deliver(past, 4)
    point = past.point()
    assert point is not None
    assert (point.ks, point.made) == ((2, 3, 4), 1)
