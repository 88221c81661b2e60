"""The threads that encode: what comes back from them, and what does not harm them."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref

import pytest

from livehead.media.threads import Threads, encoding_threads


def fail() -> None:
    raise ValueError("on purpose")


async def test_work_is_done_in_threads_and_its_result_comes_back() -> None:
    threads = Threads(2, "test")
    names = await asyncio.gather(*(threads.run(lambda: threading.current_thread().name) for _ in range(20)))
    assert {name.rpartition("-")[0] for name in names} == {"test"}
    assert await threads.run(divmod, 7, 2) == (3, 1)


async def test_as_long_as_one_is_enough_it_is_always_the_same() -> None:
    """Not all in turn: each would find its caches cold. One that is slow to become idle may let another in."""
    threads, used = Threads(8, "test"), set[int]()
    for _ in range(24):
        await asyncio.sleep(0.01)
        used.add(await threads.run(threading.get_ident))
    assert len(used) <= 3


async def test_what_it_raises_comes_back_too_and_the_thread_goes_on() -> None:
    threads = Threads(1, "test")
    for _ in range(3):
        with pytest.raises(ValueError, match="on purpose"):
            await threads.run(fail)
    assert await threads.run(len, "ab") == 2


async def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    threads, done = Threads(1, "test"), list[int]()
    begun = threading.Event()
    running = threads.run(lambda: (begun.set(), time.sleep(0.1), done.append(1)))
    dropped = threads.run(done.append, 2)
    await asyncio.sleep(0.02)
    assert begun.is_set()
    running.cancel()
    dropped.cancel()
    await threads.run(done.append, 3)
    assert done == [1, 3]


def test_a_loop_that_was_closed_meanwhile_does_no_harm() -> None:
    threads, done = Threads(1, "test"), threading.Event()

    async def leave() -> None:
        threads.run(time.sleep, 0.1)
        threads.run(done.set)

    asyncio.run(leave())
    assert done.wait(5)

    async def come_back() -> int:
        return await threads.run(len, "ab")

    assert asyncio.run(come_back()) == 2


async def test_nothing_is_kept_of_what_was_done() -> None:
    class Frame:
        pass

    threads, frame = Threads(1, "test"), Frame()
    gone = weakref.ref(frame)
    await threads.run(id, frame)
    del frame
    await threads.run(len, "")
    assert gone() is None


def test_there_is_one_set_of_them_for_the_process() -> None:
    assert encoding_threads() is encoding_threads()
    assert 2 <= encoding_threads().count <= 1024
