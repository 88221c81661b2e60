"""A session's stream by itself: messages of a worker are told to it by hand."""

import asyncio
from collections import Counter
from typing import Any, ClassVar

import numpy as np

import fakes
from livehead.core.frame import Frame
from livehead.core.windows import Window
from livehead.engine.host.stream import EngineStream, StreamObserver, WindowTiming
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import FramesReady


def opened(seen: list[int], dropped: list[int]) -> EngineStream:
    stream = EngineStream(
        1,
        fakes.portrait(1),
        0,
        on_frames=lambda k, *_: seen.append(k),
        on_state=None,
        on_dropped=lambda k, _: dropped.append(k),
        dropped=Counter(),
        on_closed=lambda _: None,
    )
    stream.attach(MessageQueue(8))
    stream.confirm()
    return stream


def frames_of(k: int, epoch: int) -> FramesReady:
    return FramesReady(1, epoch, k, 1, 0, 0.0, 0.0, 0.0, 1)


async def test_frames_that_came_just_before_a_rewind_are_not_delivered_after_it():
    seen: list[int] = []
    dropped: list[int] = []
    stream = opened(seen, dropped)
    for k in range(3):
        stream.submit(Window(k, 1, 0, fakes.audio()), 9.0)
    stream.deliver(frames_of(0, 0), [])
    await asyncio.sleep(0)
    stream.deliver(frames_of(1, 0), [])
    stream.rewind(0)
    stream.submit(Window(1, 1, 0, fakes.audio()), 9.0)
    stream.deliver(frames_of(2, 0), [])
    stream.deliver(frames_of(1, 1), [])
    await asyncio.sleep(0)
    assert seen == [0, 1]
    assert dropped == [1, 2]


async def test_frames_that_were_made_as_one_answer_each_window() -> None:
    seen: list[tuple[int, list[str]]] = []
    timings: list[WindowTiming] = []
    dropped: list[int] = []
    stream = opened([], dropped)

    def on_frames(k: int, frames: list[Any], timing: WindowTiming) -> None:
        seen.append((k, frames))
        timings.append(timing)

    class Watching(StreamObserver):
        stepped: ClassVar[list[tuple[int, int]]] = []

        def on_stepped(self, k: int, hop: int, batch: int, place: int) -> None:
            self.stepped.append((k, hop))

    stream._on_frames = on_frames
    stream.observer = Watching()
    for k, hop in ((0, 1), (1, 2), (3, 1), (4, 2)):
        stream.submit(Window(k, hop, 0, fakes.audio(blocks=hop)), 9.0)
    frames: list[Any] = ["a", "b", "c", "d"]
    stream.deliver(FramesReady(1, 0, 0, 4, 0, 0.0, 5.0, 6.0, 1), frames)
    await asyncio.sleep(0)
    assert seen == [(0, ["a"]), (1, ["b", "c"]), (3, ["d"])]
    assert [timing.started for timing in timings] == [5.0] * 3
    assert timings[0].submitted < timings[2].submitted
    stream.submit(Window(6, 1, 0, fakes.audio()), 9.0)
    stream.drop(0, 4, 3, "fault")
    stream.drop(0, 4, 3, "fault")
    await asyncio.sleep(0)
    assert dropped == [4, 6]
    assert stream._dropped["fault"] == 2
    assert Watching.stepped == [(0, 4)]


async def test_nothing_is_called_back_once_it_is_closed():
    seen: list[int] = []
    dropped: list[int] = []
    stream = opened(seen, dropped)
    for k in range(2):
        stream.submit(Window(k, 1, 0, fakes.audio()), 9.0)
    stream.deliver(frames_of(0, 0), [])
    stream.drop(0, 1, 1, "late")
    await stream.close()
    await asyncio.sleep(0)
    assert seen == dropped == []


def keeping(seen: list[int], dropped: list[int]) -> tuple[EngineStream, MessageQueue]:
    """A stream that can go on in another worker, and what the first one gets."""
    stream = EngineStream(
        1,
        fakes.portrait(1),
        0,
        info=fakes.FakeGenerator(motion_frames=2).info,
        on_frames=lambda k, *_: seen.append(k),
        on_state=None,
        on_dropped=lambda k, _: dropped.append(k),
        dropped=Counter(),
        on_closed=lambda _: None,
    )
    first = MessageQueue(8)
    stream.attach(first)
    stream.confirm()
    return stream, first


def taken(queue: MessageQueue) -> list[Any]:
    return [queue.get(block=False) for _ in range(len(queue))]


def frame() -> Frame:
    return Frame(np.zeros((96, 64), np.uint8))


async def test_another_worker_gets_the_point_to_go_on_from_and_what_is_not_answered() -> None:
    seen: list[int] = []
    dropped: list[int] = []
    stream, _ = keeping(seen, dropped)
    for k in range(4):
        stream.submit(Window(k, 1, 0, fakes.audio()), 9.0 + k)
    stream.deliver(frames_of(0, 0), [frame()])
    stream.deliver(frames_of(1, 0), [frame()])
    await asyncio.sleep(0)
    assert stream.due == 11.0
    following = MessageQueue(8)
    stream.go_on(following, opened=True)
    stream.submit_again(None)
    stream.submit(Window(4, 1, 0, fakes.audio()), 13.0)
    resume, *windows = taken(following)
    assert (resume.point.k, resume.point.ks, resume.point.made) == (1, (0, 1), 2)
    assert [window.k for window in windows] == [2, 3, 4]
    assert stream.state == "ready"
    third = MessageQueue(8)
    stream.go_on(third, opened=True)
    stream.submit_again(None)
    assert [window.k for window in taken(third)[1:]] == [4]  # the others were tried twice
    await asyncio.sleep(0)
    assert dropped == [2, 3]


async def test_a_worker_that_is_still_opening_it_is_told_afterwards_where_to_go_on() -> None:
    seen: list[int] = []
    dropped: list[int] = []
    stream, _ = keeping(seen, dropped)
    for k in range(2):
        stream.submit(Window(k, 1, 0, fakes.audio()), 9.0)
    stream.deliver(frames_of(0, 0), [frame()])
    await asyncio.sleep(0)
    following = MessageQueue(8)
    stream.go_on(following, opened=False)
    stream.submit_again(None)
    assert (stream.state, taken(following)) == ("down", [])
    stream.confirm()  # it is open
    [resume] = taken(following)
    assert (resume.point.k, stream.state) == (0, "down")
    stream.confirm(0)
    assert stream.state == "ready"
    await asyncio.sleep(0)
    assert dropped == [1]


async def test_a_rewind_behind_what_the_worker_has_made_carries_what_was_shown() -> None:
    seen: list[int] = []
    stream, _ = keeping(seen, [])
    for k in range(6):
        stream.submit(Window(k, 1, 0, fakes.audio()), 9.0)
        stream.deliver(frames_of(k, 0), [frame()])
    await asyncio.sleep(0)
    following = MessageQueue(8)
    stream.go_on(following, opened=True)
    stream.confirm(5)
    taken(following)
    stream.submit(Window(6, 1, 0, fakes.audio()), 9.0)
    stream.deliver(frames_of(6, 0), [frame()])
    await asyncio.sleep(0)
    taken(following)
    stream.rewind(6)
    stream.rewind(2)
    [rewind] = taken(following)
    assert (rewind.shown_k, rewind.point.k, rewind.point.ks, rewind.point.made) == (2, 2, (1, 2), 3)
    stream.submit(Window(7, 1, 0, fakes.audio()), 9.0)
    stream.rewind(6)  # nothing was shown since
    assert taken(following)[-1].point is None
