"""What is behind a portrait is chosen with the session and changed in it, as its avatar is."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from livehead.core.look import KEEP, Look
from livehead.errors import NotFoundError, RateLimitError, UnprocessableError
from livehead.sessions.portrait.appearance import Appearance
from livehead.sessions.portrait.backdrops import MAX_SIDE, find_backdrop
from livehead.sessions.session import Session
from sessions.stubs import StubAvatars, StubHost, StubPeer, session
from waiting import patient, until


async def run(one: Session) -> None:
    await one.open("offer")
    async with patient(10):
        await one.run()


async def test_what_a_look_puts_behind_a_portrait() -> None:
    avatars: Any = StubAvatars()
    assert await find_backdrop(KEEP, avatars, "") is None
    colour = await find_backdrop(Look("#102030"), avatars, "")
    assert colour is not None
    assert (colour.kind, colour.rgb) == ("colour", (16, 32, 48))
    picture = await find_backdrop(Look("ben"), avatars, "")
    assert picture is not None
    assert picture.kind == "picture"
    assert picture.picture is not None
    assert picture.picture.shape == (8, 8, 3)


async def test_a_large_picture_is_made_smaller_before_the_engine_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    avatars: Any = StubAvatars()

    async def portrait(avatar: str, owner: str = "") -> np.ndarray:
        return np.full((1000, 4000, 3), 77, np.uint8)

    monkeypatch.setattr(avatars, "portrait", portrait)
    found = await find_backdrop(Look("ben"), avatars, "")
    assert found is not None
    assert found.picture is not None
    assert found.picture.shape == (MAX_SIDE // 4, MAX_SIDE, 3)
    assert (found.picture == 77).all()


async def test_look_and_avatar_change_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    host = StubHost()
    one = session(monkeypatch, StubPeer().connect(), host, look=Look("#000000"))
    errors: list[Exception] = []
    running = asyncio.create_task(run(one))
    await until(lambda: host.live == 1, 5)
    one.steering.choose_look(Look("#ffffff"), errors.append)
    one.steering.choose_avatar("ben", errors.append)
    await until(lambda: one.describe()["avatar"] == "ben", 5)
    assert one.describe()["look"] == {"background": "#ffffff"}
    one.steering.choose_look(KEEP, errors.append)
    await until(lambda: one.describe()["look"] == {"background": "keep"}, 5)
    assert one.describe()["avatar"] == "ben"
    one.end("bye")
    await running
    assert errors == []
    assert [backdrop and backdrop.rgb for backdrop in host.backdrops] == [(0, 0, 0), (255, 255, 255), None]


async def test_a_look_that_cannot_be_shown_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def opening(n: int) -> None:
        if n == 1:
            raise RuntimeError("no memory")

    host = StubHost(opening)
    one = session(monkeypatch, StubPeer().connect(), host)
    errors: list[Exception] = []
    running = asyncio.create_task(run(one))
    await until(lambda: host.live == 1, 5)
    one.steering.choose_look(Look("#ffffff"), errors.append)
    await until(lambda: len(errors) == 1, 5)
    one.steering.choose_avatar("chen", errors.append)
    await until(lambda: one.describe()["avatar"] == "chen", 5)
    assert one.describe()["look"] == {"background": "keep"}
    one.end("bye")
    await running


@pytest.mark.parametrize(
    ("before", "after", "error", "words"),
    [
        (KEEP, Look("transparent"), UnprocessableError, "Open a new session"),
        (Look("transparent"), Look("#ffffff"), UnprocessableError, "Open a new session"),
        (KEEP, Look("blur"), UnprocessableError, "it can: keep, colour, picture, transparent"),
        (KEEP, Look("nobody"), NotFoundError, "There is no avatar nobody"),
    ],
)
async def test_what_a_session_cannot_change_to(
    monkeypatch: pytest.MonkeyPatch, before: Look, after: Look, error: type[Exception], words: str
) -> None:
    host = StubHost()
    one = session(monkeypatch, StubPeer().connect(), host, look=before)
    with pytest.raises(error, match=words):
        one.steering.choose_look(after, lambda error: None)
    one.end("bye")
    await run(one)


async def test_changes_of_look_count_as_changes_of_avatar(monkeypatch: pytest.MonkeyPatch) -> None:
    one = session(monkeypatch, StubPeer(), StubHost())

    def choose_all() -> None:
        for i in range(30):
            one.steering.choose_look(Look(f"#0000{i:02x}"), lambda error: None)

    with pytest.raises(RateLimitError, match="look"):
        choose_all()
    one.end("bye")
    await run(one)


def test_an_appearance_in_the_log() -> None:
    assert str(Appearance("amara")) == "avatar amara"
    assert str(Appearance("amara", Look("blur"))) == "avatar amara before blur"
