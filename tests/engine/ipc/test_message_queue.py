import queue
import sys
import threading
from collections import Counter

import pytest

from livehead.engine.ipc.message_queue import Lane, Mailbox


def drain(mailbox: Mailbox) -> list:
    got = []
    while True:
        try:
            got.append(mailbox.get(block=False))
        except queue.Empty:
            return got


def test_messages_and_windows_come_in_order():
    mailbox, lane = Mailbox(), Lane(4)
    mailbox.put("open")
    mailbox.submit(lane, 1)
    mailbox.submit(lane, 2)
    mailbox.put("close")
    assert drain(mailbox) == ["open", 1, 2, "close"]


def test_oldest_window_of_the_same_stream_makes_room():
    mailbox, busy, calm = Mailbox(), Lane(2), Lane(2)
    assert mailbox.submit(calm, "calm") is None
    dropped = [mailbox.submit(busy, k) for k in range(5)]
    assert dropped == [None, None, 0, 1, 2]
    assert drain(mailbox) == ["calm", 3, 4]


def test_windows_of_a_new_lane_do_not_overtake():
    mailbox, before, after = Mailbox(), Lane(2), Lane(2)
    mailbox.submit(before, 1)
    before.clear()
    mailbox.put("rewind")
    mailbox.submit(after, 2)
    assert drain(mailbox) == ["rewind", 2]


def test_close_lets_the_rest_through():
    mailbox = Mailbox()
    mailbox.put("last words")
    mailbox.close()
    assert mailbox.get() == "last words"
    assert mailbox.get() is None
    with pytest.raises(queue.Empty):
        mailbox.get(block=False)


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
    mailbox, lanes, got = Mailbox(), [Lane(bound) for _ in range(4)], []

    def get() -> None:
        while (window := mailbox.get()) is not None:
            got.append(window)

    getter = threading.Thread(target=get)
    getter.start()
    dropped = []
    for k in range(60_000):
        lane = k % 4
        out = mailbox.submit(lanes[lane], (lane, k))
        if out is not None:
            dropped.append(out)
    mailbox.close()
    getter.join()
    assert got
    assert dropped
    times = Counter(k for _, k in got + dropped)
    assert {k for k in range(60_000) if times[k] != 1} == set()
    for lane in range(4):
        mine = [k for owner, k in got if owner == lane]
        assert mine == sorted(mine)
