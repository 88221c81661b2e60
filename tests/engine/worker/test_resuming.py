"""Streams that another worker made until now go on in this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fakes
from livehead.core.block import Pcm
from livehead.engine.ipc.messages import Fault, Open, Opened, Refused, Resume, Rewind, Submit
from livehead.engine.resume_point import ResumePoint
from livehead.engine.worker.open_streams import OpenStreams


class Endpoint:
    """Keeps what the host is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    @contextmanager
    def busy(self) -> Iterator[float]:
        yield 0.0

    def send(self, message: Any) -> None:
        self.told.append(message)


class Remembering(fakes.FakeGenerator):
    """One that has more to go on from than frames."""

    def resume(self, stream: fakes.FakeStream, shown: NDArray[np.uint8], heard: Pcm, made: int) -> None:
        if made == 13:
            raise RuntimeError("told to fail")
        stream.made = made
        stream.level = int(shown[-1].mean().round())


def grey(level: int) -> NDArray[np.uint8]:
    """An I420 frame of this grey in RGB."""
    frame = np.full((96, 64), 128, np.uint8)
    frame[:64] = round(16 + level * 219 / 255)
    return frame


def point(k: int = 41, made: int = 42) -> ResumePoint:
    return ResumePoint(k, (k - 1, k), (grey(50), grey(90)), fakes.audio(0.1, 8), made)


def streams(generator: fakes.FakeGenerator) -> tuple[OpenStreams, list[Any]]:
    endpoint: Any = Endpoint()
    return OpenStreams(generator, endpoint), endpoint.told


def step(open_streams: OpenStreams, k: int) -> fakes.Seen:
    [frames], _ = open_streams.step([Submit(1, 0, k, 1, fakes.audio(), 0.0, 0.0)])
    return fakes.read(fakes.Frame(frames[0]))


def test_a_stream_is_opened_and_shown_what_was_shown() -> None:
    opened, told = streams(fakes.FakeGenerator(motion_frames=2))
    assert opened.open(Open(1, fakes.portrait(7), 0, resume=point()))
    assert told == [Opened(1, 41)]
    assert opened[1].opening.resume is None  # two megabytes that nobody needs any more
    seen = step(opened, 42)
    assert (seen.tag, seen.rewinds, seen.unshown) == (7, 1, 0)
    assert abs(seen.level - 90) <= 2


def test_a_stream_that_waits_in_reserve_goes_on() -> None:
    opened, told = streams(Remembering(motion_frames=2))
    opened.open(Open(1, fakes.portrait(7), 0))
    assert opened.resume(Resume(1, point()))
    assert told == [Opened(1), Opened(1, 41)]
    seen = step(opened, 42)
    assert (seen.made, seen.rewinds) == (42, 0)  # it was told how many there were, and not just to go back
    assert abs(seen.level - 90) <= 2


def test_one_that_has_shown_nothing_yet_begins_with_its_portrait() -> None:
    opened, told = streams(fakes.FakeGenerator(motion_frames=2))
    opened.open(Open(1, fakes.portrait(7), 0))
    assert opened.resume(Resume(1, None))
    assert told == [Opened(1), Opened(1)]
    assert step(opened, 0).rewinds == 0


def test_what_this_worker_has_made_is_taken_back_to_what_the_one_before_has() -> None:
    opened, _ = streams(fakes.FakeGenerator(motion_frames=2))
    opened.open(Open(1, fakes.portrait(7), 0, resume=point()))
    for k in (42, 43):
        step(opened, k)
    assert opened.rewind(Rewind(1, 1, 41))  # of the two that were told
    assert step(opened, 42).unshown == 2
    assert opened.rewind(Rewind(1, 2, 30, point(30, 31)))  # and before them
    seen = step(opened, 31)
    assert (seen.rewinds, seen.unshown) == (3, 0)


def test_a_generator_that_cannot_go_on_begins_with_the_portrait() -> None:
    opened, told = streams(Remembering(motion_frames=2))
    opened.open(Open(1, fakes.portrait(7), 0))
    assert opened.resume(Resume(1, point(made=13)))
    assert isinstance(told[1], Fault)
    assert told[2:] == [Opened(1)]
    assert step(opened, 42).made == 0


def test_a_stream_that_is_not_open_is_refused() -> None:
    opened, told = streams(fakes.FakeGenerator())
    assert not opened.resume(Resume(9, point()))
    assert isinstance(told[0], Refused)


def test_a_generator_without_motion_frames_is_told_where_it_goes_on() -> None:
    opened, told = streams(fakes.FakeGenerator(motion_frames=0))
    bare = ResumePoint(41, (), (), fakes.audio(0.1), 42)
    assert opened.open(Open(1, fakes.portrait(7), 0, resume=bare))
    assert told == [Opened(1, 41)]
