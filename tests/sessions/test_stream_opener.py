"""The first stream of a session waits for an engine that is down, and is not why it goes down for ever."""

from __future__ import annotations

from typing import Any

import pytest

from livehead.errors import EngineDownError, EngineError, PortraitError
from livehead.sessions.portrait import stream_opener as module
from livehead.sessions.portrait.appearance import Appearance
from livehead.sessions.portrait.stream_opener import StreamOpener
from livehead.sessions.recording.base import NoRecorder
from sessions.stubs import StubAvatars, StubHost
from waiting import patient

AMARA = Appearance("amara")


def opener(host: Any) -> tuple[StreamOpener, list[str]]:
    told: list[str] = []
    anything: Any = None
    avatars: Any = StubAvatars()
    return StreamOpener(host, avatars, "", 1, anything, NoRecorder(), told.append), told


def failing(*errors: Exception) -> StubHost:
    left = list(errors)

    async def opening(n: int) -> None:
        if left:
            raise left.pop(0)

    return StubHost(opening)


async def test_an_engine_that_goes_down_meanwhile_is_asked_once_more() -> None:
    one, told = opener(failing(EngineDownError("killed")))
    assert (await one.open_first(AMARA)).stream is not None
    assert told == ["down", "ready"]


@pytest.mark.parametrize(
    "errors",
    [
        [EngineDownError("killed"), EngineDownError("killed")],
        [EngineError("no memory")],
        [PortraitError("no face")],
    ],
)
async def test_what_cannot_be_opened_is_not_tried_for_ever(errors: list[Exception]) -> None:
    host = failing(*errors)
    one, _ = opener(host)
    with pytest.raises(type(errors[-1])):
        await one.open_first(AMARA)
    assert host.streams == []
    assert host._tries == len(errors)


async def test_it_waits_for_an_engine_that_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    host = StubHost()
    tries = 0

    async def ready() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise EngineError("it does not start")

    monkeypatch.setattr(host, "ready", ready)
    one, told = opener(host)
    async with patient(5):
        await one.open_first(AMARA)
    assert told == ["down", "down", "ready"]
    assert len(host.streams) == 1
