"""The recorder of a session: bounded, out of the session's way, and complete or said not to be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

import fakes
from livehead.core.identity import Identity
from livehead.core.look import KEEP, Look
from livehead.core.playout.tick import Kind, Tick
from livehead.core.windows import Window
from livehead.engine.base import Backdrop
from livehead.errors import ConflictError, DiskFullError
from livehead.metrics import Metrics
from livehead.replay.events import Opened, Sent
from livehead.replay.reader import ReplayFile
from livehead.sessions.recording import replay_thread
from livehead.sessions.recording.base import OpenedStream
from livehead.sessions.recording.replay_recorder import ReplayRecorder
from livehead.sessions.recording.replay_thread import ReplayThread
from livehead.sessions.recording.subject import Subject
from livehead.sessions.request import SessionRequest
from livehead.settings import StoreSettings
from livehead.store.recordings.store import RecordingStore
from replay.headers import header
from waiting import until

BY = Identity("192.0.2.1")


class Made:
    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = StoreSettings(**{"min_free_mb": 0} | settings)
        self.store = RecordingStore(folder, self.settings)
        self.metrics = Metrics()
        request = SessionRequest("one", "low", record="replay")
        info = fakes.FakeGenerator().info
        self.recorder = ReplayRecorder(Subject("session", request, BY, info, self.store, self.settings, self.metrics))

    @property
    def file(self) -> ReplayFile:
        [recording] = self.store.list(BY)
        return ReplayFile(self.store.file(recording))

    @property
    def state(self) -> str:
        [recording] = self.store.list(BY)
        return recording.state

    def open(self, look: Look = KEEP, backdrop: Backdrop | None = None) -> None:
        self.recorder.opened(OpenedStream(1, "one", fakes.portrait(1), 5, look, backdrop))

    def send(self, first: int, last: int) -> None:
        """Ticks, each with its window."""
        for index in range(first, last):
            pcm = fakes.audio(index / 1024)
            self.recorder.submitted(1, Window(index, 1, 0, pcm))
            self.recorder.made(1, index, 1, 1, 0)
            self.recorder.sent(Tick(index, Kind.FRESH, index, pcm, None, index, 0, 100.0))


@pytest.fixture
async def made(tmp_path: Path) -> Made:
    return await asyncio.to_thread(Made, tmp_path)


async def read(made: Made) -> tuple[int, str | None]:
    def look() -> tuple[int, str | None]:
        file = made.file
        return sum(isinstance(event, Sent) for event in file.events()), file.end

    return await asyncio.to_thread(look)


async def test_it_is_listed_and_whole(made: Made) -> None:
    assert made.recorder.status.state == "waiting"
    made.open()
    made.send(7, 107)
    assert (made.recorder.status.state, made.recorder.status.on) == ("recording", True)
    await made.recorder.close()
    await made.recorder.close()
    assert await read(made) == (100, "closed")
    [recording] = made.store.list(BY)
    assert (recording.kind, recording.state, recording.seconds) == ("replay", "done", 4.0)
    assert recording.bytes > 1000
    assert made.metrics.recordings.labels("replay", "done")._value.get() == 1
    assert (made.recorder.status.state, made.recorder.status.on) == ("done", False)


async def test_a_session_that_sends_nothing_leaves_nothing(made: Made, tmp_path: Path) -> None:
    made.open()
    for k in range(100_000):
        made.recorder.made(1, k, 1, 1, 0)
    assert len(made.recorder._calls) < 10_000
    await made.recorder.close()
    assert made.store.list(BY) == []
    assert made.recorder.status.state == "waiting"


async def test_what_was_written_so_far_can_be_read(made: Made) -> None:
    made.open()
    made.send(0, 200)
    thread = made.recorder.thread
    assert thread is not None
    await until(lambda: thread._queue.empty())
    count, end = await read(made)
    assert count >= 100
    assert end is None
    await made.recorder.close()


async def test_a_look_and_its_picture_are_kept(made: Made) -> None:
    picture = np.full((40, 60, 3), 77, np.uint8)
    made.open(Look("garden"), Backdrop("picture", picture=picture))
    made.send(0, 3)
    await made.recorder.close()

    def look() -> tuple[Opened, np.ndarray]:
        file = made.file
        opened = next(event for event in file.events() if isinstance(event, Opened))
        assert opened.picture is not None
        return opened, file.image(opened.picture)

    opened, kept = await asyncio.to_thread(look)
    assert opened.background == "garden"
    assert np.array_equal(kept, picture)


async def test_it_ends_where_it_is_as_long_as_it_may_be(tmp_path: Path) -> None:
    made = await asyncio.to_thread(Made, tmp_path, max_film_seconds=2)
    made.open()
    made.send(0, 200)
    assert not made.recorder.status.on
    await made.recorder.close()
    assert await read(made) == (50, "length")
    assert made.state == "cut-short"


@pytest.mark.parametrize("when", ["begin", "open"])
async def test_without_room_the_session_goes_on_without(
    when: str, made: Made, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise DiskFullError("There is no room left.")

    monkeypatch.setattr(made.store, "begin" if when == "begin" else "open_file", full)
    made.open()
    made.send(0, 100)
    await made.recorder.close()
    made.send(100, 200)
    assert made.recorder.status.state == "failed"
    assert not made.recorder.status.on
    assert "There is no room left." in caplog.text


async def test_too_many_recordings_are_refused_at_once(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def many(*_: object, **__: object) -> None:
        raise ConflictError("100 recordings are kept.")

    monkeypatch.setattr(made.store, "begin", many)
    made.open()
    made.send(0, 10)
    assert made.recorder.status.state == "failed"


async def test_a_disk_that_fills_up_ends_it_and_keeps_what_there_is(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __init__(self, file: BinaryIO) -> None:
            self.file, self.left = file, 4000

        def write(self, data: bytes) -> None:
            self.left -= len(data)
            if self.left < 0:
                raise OSError(28, "No space left on device")
            self.file.write(data)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    opened = made.store.open_file
    monkeypatch.setattr(made.store, "open_file", lambda recording: Full(opened(recording)))
    made.open()
    made.send(0, 2000)
    await made.recorder.close()
    assert made.state == "cut-short"
    count, end = await read(made)
    assert count > 0
    assert end is None


async def test_a_disk_that_stands_still_ends_it_and_holds_nobody_up(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_thread, "MAX_BATCHES", 4)
    gate, opened = threading.Event(), made.store.open_file

    def slowly(recording: Any) -> BinaryIO:
        gate.wait(10)
        return opened(recording)

    monkeypatch.setattr(made.store, "open_file", slowly)
    made.open()
    made.send(0, 500)
    assert made.recorder.thread is not None
    assert made.recorder.thread._queue.qsize() <= 5
    gate.set()
    await made.recorder.close()
    assert made.state == "cut-short"
    count, end = await read(made)
    assert 75 <= count <= 125
    assert end == "slow"


def run(check: Callable[[], None], failing: BaseException | None = None) -> tuple[ReplayThread, list[str | None]]:
    ends: list[str | None] = []

    def open_file() -> BinaryIO:
        raise failing or AssertionError

    thread = ReplayThread(open_file, header(), check=check, on_end=ends.append)
    thread.start()
    assert thread.join(5)
    return thread, ends


def test_a_fault_of_its_own_is_logged_and_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    thread, ends = run(lambda: None, RuntimeError("broken"))
    assert ends == ["RuntimeError"]
    assert thread.failed.is_set()
    assert "a replay file failed" in caplog.text
