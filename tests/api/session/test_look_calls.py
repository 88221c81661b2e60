"""What is behind the portrait, from a call's offer to its pictures."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from api.offers import SDP
from caller import Caller
from line import Line
from livehead.engine.base import EngineSpec
from serving import Served, serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZE = 128
WHITE = {"background": "#ffffff"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def previewed() -> AsyncIterator[Served]:
    async with serving(EngineSpec("livehead.engine.preview.generator:create", {"size": SIZE})) as found:
        yield found


def corner(caller: Caller) -> float:
    """How bright the upper left corner of the newest frame is."""
    return float(caller.frames[-1].luma[:6, :10].mean())


async def test_a_transparent_call_has_alpha_below_the_picture(previewed: Served) -> None:
    async with Caller(keep=1) as caller, Line(previewed.url) as line:
        session = await line.call(caller, probe=True, look={"background": "transparent"})
        await line.state("live")
        await caller.seen(lambda frames: len(frames) > 8)
        luma = caller.frames[-1].luma
        assert luma.shape == (2 * SIZE, SIZE)
        assert caller.frames[-1].code is not None, "the test pattern is in the bottom rows of the whole frame"
        assert luma[SIZE : SIZE + 12, :12].mean() == pytest.approx(16, abs=2), "nothing in the corner"
        assert luma[SIZE + 56 : SIZE + 72, 56:72].mean() == pytest.approx(235, abs=2), "a face in the middle"
        await line.send(type="interrupt")
        await line.send(type="look", look=WHITE)
        error = (await line.next("error"))["error"]
        assert (error["status"], error["type"]) == (422, "urn:livehead:look")
        assert "new session" in error["detail"]
        assert previewed.session(session).describe()["look"] == {"background": "transparent"}
        await line.send(type="avatar", id="juno")
        await until(lambda: previewed.session(session).describe()["avatar"] == "juno", 10)
        before = len(caller.frames)
        await caller.seen(lambda frames: len(frames) > before + 5)
        assert caller.frames[-1].luma.shape == (2 * SIZE, SIZE)
        await line.send(type="bye")
        await line.state("closed")


async def test_the_background_changes_in_a_call_with_no_gap_in_sound(previewed: Served) -> None:
    async with Caller(lambda _: 0.3, keep=1) as caller, Line(previewed.url) as line:
        await line.call(caller, voice="on", avatar="daniel")
        await line.state("live")
        await until(lambda: len(caller.levels) > 40, 10)
        asked = time.monotonic()
        await line.send(type="look", look=WHITE)
        await until(lambda: corner(caller) > 220, 10)
        print(f"white after {1000 * (time.monotonic() - asked):.0f} ms")
        await line.send(type="look", look={"background": "amara"})
        await until(lambda: 40 < corner(caller) < 200, 10)
        await line.send(type="look", look={"background": "nobody"})
        assert (await line.next("error"))["error"]["status"] == 404
        await line.next("stats")
        silent = sum(level < 0.02 for at, level in caller.levels if at > asked)
        assert silent <= 5 + 2 * caller.late, "beyond what was concealed, nothing is missing"
        await line.send(type="bye")
        await line.state("closed")


@pytest.mark.parametrize(
    ("look", "status", "words"),
    [
        ({"background": "transparent"}, 422, "it can: keep, colour, blur, picture"),
        ({"background": "nobody"}, 404, "no avatar"),
        ({"background": "#12345"}, 400, "#rrggbb"),
        ({"background": 7}, 400, "background"),
    ],
)
async def test_a_session_is_not_opened_with_a_look_that_cannot_be(
    served: Served, look: dict[str, object], status: int, words: str
) -> None:
    async with Caller() as caller, httpx.AsyncClient(base_url=served.url) as client:
        offer = await caller.offer()
        answers = [
            await client.post("/v1/sessions", params={"look": json.dumps(look)}, content=offer, headers=SDP),
            await client.post("/v1/sessions", json={"source": "push", "look": look}),
        ]
        for answer in answers:
            assert answer.status_code == status
            assert words in answer.json()["detail"]
    await served.idle()


async def test_an_engine_that_knows_nothing_of_looks_serves_those_that_are_composed(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url) as client:
        assert (await client.get("/v1/info")).json()["looks"] == ["keep", "colour", "blur", "picture"]
        for background in ("#336699", "blur", "juno"):
            made = await client.post("/v1/sessions", json={"source": "push", "look": {"background": background}})
            assert made.status_code == 201
            where = made.headers["location"]
            assert (await client.get(where)).json()["look"] == {"background": background}
            await client.delete(where)
