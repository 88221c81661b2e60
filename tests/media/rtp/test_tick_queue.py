"""The queue between the playout and an outgoing track."""

from __future__ import annotations

import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError

from livehead.errors import MediaError
from livehead.media.rtp.tick_queue import TickQueue


async def test_ticks_that_are_old_or_too_many_are_not_sent() -> None:
    ticks: TickQueue[int] = TickQueue(3)
    for index in (1, 2):
        ticks.put(index, index)  # nobody is there yet: the newest stands
    ticks.open()
    assert [ticks.put(index, index) for index in (5, 5, 3, 6, 7, 8)] == [True, False, False, True, True, True]
    assert [(await ticks.get())[0] for _ in range(3)] == [6, 7, 8]
    assert ticks.dropped == 2
    ticks.end()
    assert not ticks.put(9, 9)
    with pytest.raises(MediaStreamError):
        await ticks.get()


async def test_a_queue_that_was_closed_keeps_the_newest_alone() -> None:
    ticks: TickQueue[int] = TickQueue(3)
    ticks.open()
    for index in range(3):
        assert ticks.full is False
        ticks.put(index, index)
    assert ticks.full
    ticks.close()
    assert not len(ticks)
    for index in range(3, 6):
        ticks.put(index, index)
    assert ticks.dropped == 0
    ticks.open()
    assert await ticks.get() == (5, 5)


async def test_what_is_dropped_counts_and_what_is_cleared_does_not() -> None:
    ticks: TickQueue[int] = TickQueue(3)
    ticks.open()
    for index in range(3):
        ticks.put(index, index)
    ticks.drop_all()
    ticks.put(3, 3)
    ticks.clear()
    assert (len(ticks), ticks.dropped) == (0, 3)


async def test_the_error_of_the_end_is_raised_to_whoever_waits() -> None:
    ticks: TickQueue[int] = TickQueue(3)
    waiting = asyncio.create_task(ticks.get())
    await asyncio.sleep(0)
    ticks.end(MediaError("broken"))
    ticks.end()
    with pytest.raises(MediaError, match="broken"):
        await waiting
