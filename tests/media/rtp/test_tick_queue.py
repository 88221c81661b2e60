"""The queue between the playout and an outgoing track."""

from __future__ import annotations

import pytest
from aiortc.mediastreams import MediaStreamError

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
