import contextlib
import queue
import random
import sys
import threading
from collections import Counter, defaultdict

import numpy as np
import pytest

import fakes
from livehead.engine.base import EngineSpec
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import Close, Open, Resume, Rewind, Start, Stop, Submit, ToWorker


def window(stream: int, k: int, epoch: int = 0) -> Submit:
    return Submit(stream, epoch, k, 1, np.empty(0, np.float32), 0.0, 0.0)


def opening(stream: int) -> Open:
    return Open(stream, fakes.portrait(1), 0)


def drain(messages: MessageQueue) -> list[ToWorker | None]:
    got = []
    while True:
        try:
            got.append(messages.get(block=False))
        except queue.Empty:
            return got


def put(messages: MessageQueue, *these: ToWorker) -> list[Submit | None]:
    return [messages.put(message) for message in these]


def test_messages_of_a_stream_come_in_order():
    messages = MessageQueue(4)
    sent = [opening(1), Rewind(1, 1, 5), window(1, 6), window(1, 7)]
    put(messages, *sent)
    assert len(messages) == 4
    assert drain(messages) == sent
    assert len(messages) == 0


def test_oldest_window_of_the_same_stream_makes_room():
    messages = MessageQueue(2)
    calm, busy = window(1, 0), [window(2, k) for k in range(5)]
    assert put(messages, calm, *busy) == [None, None, None, *busy[:3]]
    assert drain(messages) == [calm, *busy[3:]]


def test_streams_take_turns():
    messages = MessageQueue(8)
    put(messages, *[window(1, k) for k in range(5)], window(2, 0), window(2, 1), Rewind(3, 1, 0))
    assert [(got.stream, getattr(got, "k", None)) for got in drain(messages)] == [
        (1, 0),
        (2, 0),
        (3, None),
        (1, 1),
        (2, 1),
        (1, 2),
        (1, 3),
        (1, 4),
    ]


def test_a_newer_rewind_takes_the_place_of_one_that_waits_and_drops_the_windows_before_it():
    messages = MessageQueue(8)
    other = window(2, 0)
    for epoch in range(1000):
        put(messages, Rewind(1, epoch, epoch), *[window(1, k, epoch) for k in range(20)])
        assert len(messages) <= 1 + 8 + 1
        put(messages, other) if epoch == 500 else None
    last = window(1, 5, 1000)
    put(messages, Rewind(1, 1000, 77), last)
    assert drain(messages) == [Rewind(1, 1000, 77), other, last]


def test_windows_after_a_rewind_do_not_overtake_it():
    messages = MessageQueue(2)
    after = window(1, 2, 1)
    put(messages, window(1, 1), Rewind(1, 1, 0), after)
    assert drain(messages) == [Rewind(1, 1, 0), after]


def test_a_stream_closed_before_its_opening_was_got_leaves_nothing():
    messages = MessageQueue(8)
    for stream in range(1000):
        put(messages, opening(stream), Rewind(stream, 1, 0), window(stream, 0), Close(stream))
        assert len(messages) == 0
    assert drain(messages) == []


def test_a_close_drops_what_waits_and_is_told_once():
    messages = MessageQueue(8)
    put(messages, window(1, 0), Rewind(1, 1, 0), window(1, 1), Close(1), Close(1))
    assert drain(messages) == [Close(1)]


def test_an_opening_begins_anew():
    messages = MessageQueue(8)
    again = opening(1)
    put(messages, opening(1), Rewind(1, 1, 0), window(1, 0), again)
    assert drain(messages) == [again]


def test_a_stop_comes_before_what_waits_of_the_streams():
    messages = MessageQueue(8)
    start = Start(EngineSpec("fakes:create"), 1.0, 8, 0, False)
    put(messages, start, window(1, 0), Stop(), Stop())
    assert [type(got) for got in drain(messages)] == [Start, Stop, Submit]


def test_close_lets_the_rest_through():
    messages = MessageQueue(8)
    messages.put(Stop())
    messages.close()
    assert messages.get() == Stop()
    assert messages.get() is None
    with pytest.raises(queue.Empty):
        messages.get(block=False)


BACKLOG = 3


def follow(waits: list[ToWorker], message: ToWorker) -> list[ToWorker]:
    """What waits of a stream after ``message``, by the same rules, in a plain list."""
    match message:
        case Rewind():
            return [each for each in waits if isinstance(each, Open)] + [message]
        case Submit():
            windows = [each for each in waits if isinstance(each, Submit)]
            kept = [each for each in waits if len(windows) < BACKLOG or each is not windows[0]]
            return [*kept, message]
        case Close():
            return [] if any(isinstance(each, Open) for each in waits) else [message]
    return [message]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_put_the_queue_is_bounded_and_each_stream_gets_what_still_counts(seed: int):
    chance = random.Random(seed)
    messages = MessageQueue(BACKLOG)
    ids, unused = [0, 1, 2, 3], iter(range(4, 100_000))
    expected: defaultdict[int, list[ToWorker]] = defaultdict(list)
    got = 0
    for number in range(4000):
        if chance.random() < 0.2:
            with contextlib.suppress(queue.Empty):
                message = messages.get(block=False)
                assert expected[message.stream].pop(0) is message  # type: ignore[union-attr]
                got += 1
            continue
        place = chance.choice([0, 0, 0, 0, 0, 1, 2, 3])
        stream = ids[place]
        message = chance.choices(
            [Rewind(stream, number, number), window(stream, number), opening(stream), Close(stream)], [30, 40, 4, 4]
        )[0]
        if isinstance(message, Close):
            ids[place] = next(unused)
        expected[stream] = follow(expected[stream], message)
        messages.put(message)
        assert len(messages) == sum(map(len, expected.values()))
        assert all(len(waits) <= BACKLOG + 2 for waits in expected.values())
    assert got > 500
    for message in drain(messages):
        assert expected[message.stream].pop(0) is message  # type: ignore[union-attr]
    assert not any(expected.values())


@pytest.fixture
def threads_alternate():
    """Threads take turns every microsecond where they can, so that each gets between any two steps of the other."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.parametrize("bound", [1, 3])
@pytest.mark.usefixtures("threads_alternate")
def test_every_window_is_got_or_dropped_exactly_once_between_threads(bound: int):
    messages, got = MessageQueue(bound), []

    def get() -> None:
        while (message := messages.get()) is not None:
            got.append(message)

    getter = threading.Thread(target=get)
    getter.start()
    dropped = []
    for k in range(30_000):
        out = messages.put(window(k % 4, k))
        if out is not None:
            dropped.append(out)
    messages.close()
    getter.join()
    assert got
    assert dropped
    times = Counter(each.k for each in got + dropped)
    assert {k for k in range(30_000) if times[k] != 1} == set()
    for stream in range(4):
        mine = [each.k for each in got if each.stream == stream]
        assert mine == sorted(mine)


def test_a_stream_that_goes_on_begins_anew_and_can_be_closed():
    messages = MessageQueue(4)
    resume = Resume(1, None)
    put(messages, window(1, 0), resume, window(1, 1), Close(1))
    assert drain(messages) == [Close(1)]  # it is open at the other end, unlike one that is to be opened
    put(messages, resume, window(1, 1), Rewind(1, 1, 0), window(1, 2))
    assert [type(got) for got in drain(messages)] == [Resume, Rewind, Submit]
