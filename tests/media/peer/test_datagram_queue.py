"""The queue between the ports and DTLS: bounded, in order, fair."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

from livehead.media.peer.datagram_queue import MAX_DATAGRAMS, MAX_OCTETS, DatagramQueue
from livehead.turns import MEDIA_AT_ONCE


async def test_when_it_is_full_the_newest_goes() -> None:
    queue = DatagramQueue()
    kept = [queue.put_nowait((bytes([n % 256]), 1)) for n in range(MAX_DATAGRAMS + 50)]
    assert sum(kept) == MAX_DATAGRAMS == len(queue)
    assert [await queue.get() for _ in range(3)] == [(bytes([n]), 1) for n in range(3)]
    assert queue.put_nowait((b"again", 1))


async def test_octets_are_bounded_too() -> None:
    queue = DatagramQueue()
    while queue.put_nowait((bytes(1500), 1)):
        pass
    assert MAX_OCTETS - 1500 < queue.octets <= MAX_OCTETS
    while len(queue):
        await queue.get()
    assert queue.octets == 0


async def test_the_end_always_fits() -> None:
    queue = DatagramQueue()
    for n in range(MAX_DATAGRAMS):
        queue.put_nowait((bytes([n % 256]), 1))
    assert queue.put_nowait(None)
    for _ in range(MAX_DATAGRAMS):
        assert await queue.get() is not None
    assert await queue.get() is None


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    queue = DatagramQueue()
    reader = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.put_nowait((b"kept", 1))
    reader.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reader
    assert await queue.get() == (b"kept", 1)


async def test_others_get_their_turn_while_there_is_more() -> None:
    queue, taken, turns = DatagramQueue(), 0, []
    for _ in range(MAX_DATAGRAMS):
        queue.put_nowait((b"x", 1))

    async def read() -> None:
        nonlocal taken
        for _ in range(MAX_DATAGRAMS):
            await queue.get()
            taken += 1

    reader = asyncio.create_task(read())
    while not reader.done():
        turns.append(taken)
        await asyncio.sleep(0)
    assert max(b - a for a, b in itertools.pairwise(turns)) <= 2 * MEDIA_AT_ONCE
