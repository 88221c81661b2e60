"""What a recorder does with its ticks, its limits and its end; the films themselves are tested in media/film."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from films import play
from livehead.core.block import BLOCK_SAMPLES
from livehead.core.frame import Frame
from livehead.core.identity import Identity
from livehead.core.look import Look
from livehead.core.playout.tick import Kind, Tick
from livehead.errors import ConflictError, DiskFullError
from livehead.media.film import process
from livehead.metrics import Metrics
from livehead.sessions.recording.base import RecordingStatus
from livehead.sessions.recording.film import FilmRecorder
from livehead.sessions.recording.recorders import SessionRecorders
from livehead.sessions.request import SessionRequest
from livehead.settings import StoreSettings
from livehead.store.recordings.store import RecordingStore
from waiting import until

WHO = Identity("127.0.0.1", "alice")
INFO: Any = SimpleNamespace(name="preview", variant=None)


class Studio:
    """A store, and recorders of it. ``settings`` are by name."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = StoreSettings(**{"min_free_mb": 0} | settings)
        self.store = RecordingStore(folder, self.settings)
        self.metrics = Metrics()
        self.recorders = SessionRecorders(self.store, self.settings, self.metrics)

    def recorder(self, **request: Any) -> FilmRecorder:
        made = self.recorders.make(
            "s1", SessionRequest("amara", "low", record="film", probe=True, **request), WHO, INFO
        )
        assert isinstance(made, FilmRecorder)
        return made

    def ended(self, kind: str, state: str) -> float:
        return self.metrics.recordings.labels(kind, state)._value.get()


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def tick(index: int, *, height: int = 64) -> Tick:
    i420 = np.full((height * 3 // 2, 64), 128, np.uint8)
    pcm = np.zeros(BLOCK_SAMPLES, np.float32)
    return Tick(index, Kind.FRESH, index, pcm, Frame(i420), index, 0, 40.0)


async def test_a_session_becomes_a_film(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    recorder = studio.recorder()
    assert recorder.status == RecordingStatus(recorder.id, "waiting", on=True)
    assert studio.store.list(WHO) == []
    for index in range(5, 80):
        recorder.sent(tick(index))
    assert recorder.status == RecordingStatus(recorder.id, "recording", on=True)
    [listed] = studio.store.list(WHO)
    assert (listed.id, listed.session, listed.avatar, listed.kind) == (recorder.id, "s1", "amara", "film")
    with caplog.at_level(logging.INFO):
        await recorder.close()
        await recorder.close()
    assert recorder.status == RecordingStatus(recorder.id, "done", on=False)
    [listed] = studio.store.list(WHO)
    assert (listed.state, listed.seconds) == ("done", 3.0)
    assert [code.k for _, code in play(studio.store.file(listed)).codes if code] == list(range(5, 80))
    assert f"session s1: film {recorder.id}: done, 3.0 s, 0 pictures repeated" in caplog.text
    assert studio.ended("film", "done") == 1
    recorder.sent(tick(81))  # what comes too late is nobody's


async def test_nobody_came_and_there_is_no_film(studio: Studio) -> None:
    recorder = studio.recorder()
    await recorder.close()
    assert studio.store.list(WHO) == []
    assert not recorder.status.on


async def test_a_film_is_so_long_and_the_session_goes_on(tmp_path: Path) -> None:
    studio = await asyncio.to_thread(Studio, tmp_path, max_film_seconds=2.0)
    recorder = studio.recorder()
    for index in range(200):
        recorder.sent(tick(index))
    await until(lambda: recorder.status.state == "cut-short")
    assert not recorder.status.on
    await recorder.close()
    [listed] = studio.store.list(WHO)
    assert (listed.state, listed.seconds) == ("cut-short", 2.0)


async def test_a_full_disk_ends_the_film_and_it_plays(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "CHECK_S", 0.0)
    recorder = studio.recorder()
    for index in range(50):
        recorder.sent(tick(index))
    assert recorder.process is not None
    await until(lambda: recorder.process is not None and recorder.process.waiting == 0)

    def full(folder: Path, min_free_mb: int) -> None:
        raise DiskFullError("The disk is full.")

    monkeypatch.setattr("livehead.store.recordings.store.check_room", full)
    recorder.sent(tick(50))
    await until(lambda: recorder.status.state == "cut-short")
    await recorder.close()
    [listed] = studio.store.list(WHO)
    assert (listed.state, listed.seconds) == ("cut-short", 51 / 25)
    with pytest.raises(DiskFullError):
        studio.recorder()


async def test_no_room_at_the_start_is_told(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = studio.recorder()

    def full(folder: Path, min_free_mb: int) -> None:
        raise DiskFullError("The disk is full.")

    monkeypatch.setattr("livehead.store.recordings.store.check_room", full)
    recorder.sent(tick(0))
    await until(lambda: recorder.status.state == "failed")
    await recorder.close()
    [listed] = studio.store.list(WHO)
    assert (listed.state, listed.bytes) == ("failed", 0)


async def test_two_that_are_one_too_many(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    studio = await asyncio.to_thread(Studio, tmp_path, max_films=1)
    first, second = studio.recorder(), studio.recorder()
    first.sent(tick(0))
    second.sent(tick(0))
    assert second.status == RecordingStatus(second.id, "failed", on=False)
    assert "no film is made: 1 recordings are kept" in caplog.text
    with pytest.raises(ConflictError):
        studio.recorder()
    await first.close()
    await second.close()


async def test_a_transparent_session_is_filmed_on_grey(studio: Studio) -> None:
    recorder = studio.recorder(look=Look("transparent"))
    for index in range(3):
        recorder.sent(tick(index, height=128))
    await recorder.close()
    [listed] = studio.store.list(WHO)
    assert play(studio.store.file(listed)).last.shape == (96, 64)


async def test_the_servers_end_waits_for_films(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    async with studio.recorders:
        recorder = studio.recorder()
        for index in range(60):
            recorder.sent(tick(index))
    [listed] = studio.store.list(WHO)
    assert (listed.state, listed.seconds) == ("done", 2.4)
    await asyncio.sleep(0)
