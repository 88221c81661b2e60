"""The threads that encode: what comes back from them, and what does not harm them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import weakref

import pytest

from livehead.media import encoding_pool as module
from livehead.media.encoding_pool import encode, encoding_pool, max_threads


def fail() -> None:
    raise ValueError("on purpose")


async def test_work_is_done_in_threads_and_its_result_comes_back() -> None:
    names = await asyncio.gather(*(encode(lambda: threading.current_thread().name) for _ in range(20)))
    assert {name.rpartition("_")[0] for name in names} == {"encode"}
    assert await encode(divmod, 7, 2) == (3, 1)


async def test_what_it_raises_comes_back_too_and_the_pool_goes_on() -> None:
    for _ in range(100):
        with pytest.raises(ValueError, match="on purpose"):
            await encode(fail)
    assert await encode(len, "ab") == 2


async def test_no_more_threads_than_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the machine's, nor those of the affinity: a container's quota counts too."""
    for usable, threads in ((0.5, 2), (3.0, 3), (3.2, 4)):
        monkeypatch.setattr(module, "usable_cores", lambda usable=usable: usable)
        assert max_threads() == threads


async def test_nothing_is_kept_of_what_was_done() -> None:
    class Frame:
        pass

    frame = Frame()
    gone = weakref.ref(frame)
    await encode(id, frame)
    del frame
    await encode(len, "")
    assert gone() is None


async def test_there_is_one_pool_for_the_process() -> None:
    assert encoding_pool() is encoding_pool()


def test_the_interpreter_exits_though_nobody_waits_for_the_work_any_more() -> None:
    """Work that has begun is finished, what has not is dropped with its event loop; nothing hangs."""
    script = """
import asyncio, time
from livehead.media.encoding_pool import encode

async def leave():
    for _ in range(20):
        asyncio.create_task(encode(time.sleep, 0.1))
    await asyncio.sleep(0.01)

asyncio.run(leave())
print("left")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["left"]
    assert not done.stderr
