"""Turns on the event loop: one in each of its iterations, in the order of coming."""

from __future__ import annotations

import asyncio

from livehead.turns import MEDIA_AT_ONCE, Turns, media_turns, turns


async def iterations(count: list[int]) -> None:
    while True:
        await asyncio.sleep(0)
        count[0] += 1


async def test_of_many_that_come_at_once_one_goes_on_in_each_iteration_and_in_order() -> None:
    count = [0]
    counting = asyncio.create_task(iterations(count))
    seen: list[tuple[int, int]] = []

    async def one(number: int) -> None:
        await turns().take()
        seen.append((count[0], number))

    await asyncio.gather(*(one(number) for number in range(20)))
    counting.cancel()
    assert [number for _, number in seen] == list(range(20))
    assert len({at for at, _ in seen}) >= 19, "two had their turn in the same iteration"


async def test_alone_nobody_waits() -> None:
    called: list[str] = []
    turns().call(lambda: called.append("at once"))
    assert called == ["at once"]
    turns().call(lambda: called.append("later"))
    assert called == ["at once"]
    for _ in range(3):
        await asyncio.sleep(0)
    assert called == ["at once", "later"]
    await asyncio.wait_for(turns().take(), 1)


async def test_what_is_to_come_first_comes_before_all_who_wait() -> None:
    called: list[str] = []
    for name in ("at once", "second", "third"):
        turns().call(lambda name=name: called.append(name))  # type: ignore[misc]
    turns().call(lambda: called.append("first"), first=True)
    for _ in range(5):
        await asyncio.sleep(0)
    assert called == ["at once", "first", "second", "third"]


async def test_one_that_is_cancelled_while_it_waits_holds_nobody_up() -> None:
    mine = Turns(asyncio.get_running_loop())
    waiting = [asyncio.create_task(mine.take()) for _ in range(4)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    waiting[2].cancel()
    await asyncio.wait_for(waiting[3], 1)
    assert waiting[1].cancelled()
    assert waiting[2].cancelled()


async def test_packets_take_some_turns_in_each_iteration_and_wait_for_no_request() -> None:
    count = [0]
    counting = asyncio.create_task(iterations(count))
    requests, packets = [asyncio.create_task(turns().take()) for _ in range(100)], 0

    async def one() -> None:
        nonlocal packets
        await media_turns().take()
        packets += 1

    await asyncio.gather(*(one() for _ in range(10 * MEDIA_AT_ONCE)))
    counting.cancel()
    assert 5 <= count[0] <= 15
    assert not requests[-1].done()
    await asyncio.gather(*requests)
