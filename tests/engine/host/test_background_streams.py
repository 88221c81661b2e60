"""Background streams at the real worker: they get what live streams leave, and share no step with them."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import fakes
from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.core.windows import Window
from livehead.engine.base import EngineSpec
from livehead.engine.host.host import EngineHost, EngineStream, WindowTiming
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEP_S = 0.01


class Film:
    """Always has two windows waiting, until it has ``length`` frames."""

    def __init__(self, tag: int, length: int) -> None:
        self.tag = tag
        self.length = length
        self.made: list[fakes.Seen] = []
        self.dropped: list[int] = []
        self.submitted = 0
        self.stream: EngineStream | None = None

    async def open(self, host: EngineHost) -> Film:
        portrait = fakes.portrait(self.tag)
        self.stream = await host.open(portrait, self.tag, self._on_frames, None, self._on_dropped, background=True)
        self._submit()
        self._submit()
        return self

    def _submit(self) -> None:
        assert self.stream is not None
        if self.submitted < self.length:
            window = Window(self.submitted, 1, 0, fakes.audio(0.001 * self.submitted))
            if self.stream.submit(window, math.inf):
                self.submitted += 1

    def _on_frames(self, k: int, frames: list[Frame], timing: WindowTiming) -> None:
        self.made += [fakes.read(frame) for frame in frames]
        self._submit()

    def _on_dropped(self, k: int, hop: int) -> None:
        self.dropped.append(k)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[EngineHost]:
    async with EngineHost(EngineSpec("fakes:create", {"step_seconds": STEP_S}), backoff=(0.0,)) as host:
        await host.ready()
        yield host


@pytest_asyncio.fixture(loop_scope="module")
async def host(engine: EngineHost) -> AsyncIterator[EngineHost]:
    """One worker for all tests; each leaves its streams to be closed here."""
    yield engine
    for stream in list(engine._streams):
        await stream.close()


async def test_films_share_steps_with_one_another_and_end_when_they_are_done(host: EngineHost) -> None:
    films = [await Film(tag, 20).open(host) for tag in (1, 2, 3)]
    await until(lambda: all(len(film.made) == 20 for film in films))
    for film in films:
        assert [seen.made for seen in film.made] == list(range(20))
        assert {seen.tag for seen in film.made} == {film.tag}
        assert max(seen.batch for seen in film.made) > 1


async def test_a_live_stream_has_its_steps_alone_and_in_time(host: EngineHost) -> None:
    films = [await Film(tag, 10_000).open(host) for tag in (1, 2)]
    live: list[fakes.Seen] = []
    late: list[int] = []

    def on_frames(k: int, frames: list[Frame], timing: WindowTiming) -> None:
        live.extend(fakes.read(frame) for frame in frames)
        if timing.done > began + k * BLOCK_S + 0.15:
            late.append(k)

    stream = await host.open(fakes.portrait(9), 9, on_frames, None, lambda k, hop: late.append(k))
    began = time.monotonic()
    for k in range(50):
        await asyncio.sleep(max(0.0, began + k * BLOCK_S - time.monotonic()))
        assert stream.submit(Window(k, 1, 0, fakes.audio()), began + k * BLOCK_S + 0.15)
    await until(lambda: len(live) + len(late) >= 50)
    assert {seen.batch for seen in live} == {1}
    assert len(late) <= 2  # by the machine's own moods
    assert sum(len(film.made) for film in films) > 25
    assert not any(film.dropped for film in films)


async def test_films_that_are_given_up_leave_nothing(host: EngineHost) -> None:
    film = await Film(1, 10_000).open(host)
    await until(lambda: film.made)
    assert film.stream is not None
    await film.stream.close()
    again = await Film(2, 5).open(host)
    await until(lambda: len(again.made) == 5)
    assert host.streams == 1


async def test_a_film_is_told_when_its_worker_is_lost(host: EngineHost) -> None:
    film = await Film(1, 10_000).open(host)
    await until(lambda: film.made)
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)
    await until(lambda: film.dropped)
    assert film.stream is not None
    await until(lambda: film.stream is not None and film.stream.state == "ready")
    made = len(film.made)
    film._submit()
    await until(lambda: len(film.made) > made)
    assert film.made[made].made == 0  # from the portrait again


async def test_a_film_that_fails_costs_the_others_nothing(host: EngineHost) -> None:
    good = [await Film(tag, 30).open(host) for tag in (1, 2)]
    bad = Film(3, 0)
    stream = await host.open(
        fakes.portrait(3), fakes.ALWAYS_RAISES, bad._on_frames, None, bad._on_dropped, background=True
    )
    for k in range(3):
        stream.submit(Window(k, 1, 0, fakes.audio()), math.inf)
    await until(lambda: bad.dropped == [0, 1, 2])
    await until(lambda: all(len(film.made) == 30 for film in good))
    assert not any(film.dropped for film in good)
