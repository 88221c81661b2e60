from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus

from caller import Caller
from line import Line
from livehead.engine.base import EngineSpec
from livehead.errors import PortraitError
from livehead.transport.websocket_protocol import SLICE
from serving import Served, serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_call_from_offer_to_bye(served: Served) -> None:
    async with Caller() as caller, Line(served.url) as line:
        session = await line.call(caller, avatar="default", latency="balanced", voice="off", source="mic", probe=True)
        assert (await line.next("candidate"))["candidate"] is None
        await line.state("live")
        await caller.seen(lambda frames: len(frames) > 5)
        stats = await line.next("stats")
        assert stats["bound_ms"] == 400
        await line.send(type="latency", preset="low")
        assert (await line.next("stats"))["bound_ms"] in (200, 400)
        assert (await line.next("stats"))["bound_ms"] == 200
        await line.send(type="interrupt")
        await line.send(type="avatar", id="default")
        assert served.session(session).describe()["state"] == "live"
        await line.send(type="bye")
        assert (await line.state("closed"))["reason"] == "bye"
        with pytest.raises(ConnectionClosed):
            await line.socket.recv()
        await served.idle()


async def test_candidates_may_be_trickled(served: Served) -> None:
    async with Caller() as caller, Line(served.url) as line:
        offer = await caller.offer()
        candidates = [x.removeprefix("a=") for x in offer.splitlines() if x.startswith("a=candidate:")]
        bare = "\r\n".join(x for x in offer.splitlines() if "candidate" not in x) + "\r\n"
        await line.send(type="offer", sdp=bare)
        for candidate in candidates:
            await line.send(type="candidate", candidate={"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0})
        await line.send(type="candidate", candidate=None)
        await caller.accept((await line.next("answer"))["sdp"])
        await line.state("live")


@pytest.mark.parametrize(
    ("text", "status", "name"),
    [
        ("{", 400, "malformed-json"),
        ("[]", 400, "malformed"),
        ('{"type":"dance"}', 400, "unknown-type"),
        ('{"type":"offer"}', 400, "malformed"),
        ('{"type":"offer","sdp":"noise"}', 400, "malformed"),
        ('{"type":"offer","sdp":"v=0"}', 422, "unprocessable"),
        ('{"type":"avatar","id":"default"}', 422, "unprocessable"),
        (b"\x00", 400, "malformed"),
        ('{"type":"offer","sdp":"' + "v=0" * 50_000 + '"}', 413, "too-large"),
    ],
)
async def test_bad_messages_are_told_and_the_socket_stays(
    served: Served, text: str | bytes, status: int, name: str
) -> None:
    async with Caller() as caller, Line(served.url) as line:
        await line.socket.send(text)
        error = (await line.next("error"))["error"]
        assert (error["status"], error["type"]) == (status, f"urn:livehead:{name}")
        assert error["detail"]
        await line.call(caller)
        await line.send(type="bye")
        await line.state("closed")
    await served.settled()


async def test_bad_choices_leave_the_call_alone(served: Served) -> None:
    async with Caller() as caller, Line(served.url) as line:
        for options, status in (({"avatar": "nobody"}, 404), ({"latency": "warp"}, 422)):
            await line.send(type="offer", sdp=await caller.offer(), **options)
            assert (await line.next("error"))["error"]["status"] == status
        await line.call(caller)
        await line.state("live")
        for message, status in (
            ({"type": "avatar", "id": "nobody"}, 404),
            ({"type": "latency", "preset": "warp"}, 422),
            ({"type": "offer", "sdp": "v=0"}, 409),
            ({"type": "candidate", "candidate": {"candidate": "candidate:junk"}}, 400),
        ):
            await line.send(**message)
            assert (await line.next("error"))["error"]["status"] == status
        await line.next("stats")
    await served.settled()


async def test_a_portrait_that_takes_long_holds_nothing_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    store = served.services.avatars
    default, second, third, fourth = [avatar.id for avatar in store.list()][:4]
    load, opened, may_load = store.portrait, list[str](), asyncio.Event()

    async def load_slowly(avatar: str, owner: str) -> Any:
        opened.append(avatar)
        await may_load.wait()
        return await load(avatar, owner)

    async with Caller() as caller, Line(served.url) as line:
        session = served.session(await line.call(caller, latency="low"))
        await line.state("live")
        monkeypatch.setattr(store, "portrait", load_slowly)
        await line.send(type="avatar", id=second)
        await until(lambda: opened)
        await line.send(type="avatar", id=third)
        await line.send(type="avatar", id="nobody")
        await line.send(type="avatar", id=fourth)
        await line.send(type="latency", preset="balanced")
        await line.send(type="interrupt")
        assert (await line.next("error"))["error"]["status"] == 404
        while (await line.next("stats"))["bound_ms"] != 400:
            pass
        assert session.describe()["avatar"] == default
        may_load.set()
        await until(lambda: session.describe()["avatar"] == fourth)
        assert opened == [second, fourth], "only the newest choice waits"
    await caller.close()
    await served.settled()


async def test_a_portrait_that_cannot_be_shown_is_told(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    store = served.services.avatars

    async def refuse(avatar: str, owner: str) -> Any:
        raise PortraitError("there is no face in this image")

    async with Caller() as caller, Line(served.url) as line:
        await line.call(caller)
        await line.state("live")
        monkeypatch.setattr(store, "portrait", refuse)
        await line.send(type="avatar", id="default")
        error = (await line.next("error"))["error"]
        assert (error["status"], error["type"]) == (422, "urn:livehead:portrait")
        assert "no face" in error["detail"]
        await line.next("stats")
    await caller.close()
    await served.settled()


async def test_a_flood_of_small_messages_is_read_in_slices_and_in_order(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    parse = WebSocketsSansIOProtocol.data_received

    def note(protocol: WebSocketsSansIOProtocol, data: bytes) -> None:
        sizes.append(len(data))
        parse(protocol, data)

    monkeypatch.setattr(WebSocketsSansIOProtocol, "data_received", note)
    names = [f"dance-{number}" for number in range(3000)]
    async with Line(served.url) as line:
        for name in names:
            await line.send(type=name)
        for name in names:
            assert f"'{name}'" in (await line.next("error"))["error"]["detail"]
        await line.socket.send(json.dumps({"type": "x" * 100_000}))
        assert (await line.next("error"))["error"]["type"] == "urn:livehead:unknown-type"
    assert sum(sizes) > 160_000
    assert max(sizes) <= SLICE


async def test_text_that_is_not_utf8_is_told_and_ends_the_socket(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with Line(served.url) as line:
        await line.socket.send(b'{"type":"\xff"}', text=True)
        error = (await line.next("error"))["error"]
        assert (error["status"], error["type"]) == (400, "urn:livehead:malformed")
        assert "UTF-8" in error["detail"]
        with pytest.raises(ConnectionClosed):
            await line.socket.recv()
        assert line.socket.close_code == 1007
    assert not caplog.records


async def test_a_full_server_says_so_on_the_socket(served: Served) -> None:
    async with Caller() as one, Caller() as two, Caller() as three, Line(served.url) as a, Line(served.url) as b:
        await a.call(one)
        await b.call(two)
        async with Line(served.url) as c:
            await c.send(type="offer", sdp=await three.offer())
            error = (await c.next("error"))["error"]
            assert (error["status"], error["type"]) == (503, "urn:livehead:full")
            await a.send(type="bye")
            await a.state("closed")
            await c.call(three)
    await served.settled()


async def test_a_closed_tab_gives_its_slot_back(served: Served) -> None:
    async with Caller() as caller:
        async with Line(served.url) as line:
            await line.call(caller)
            await line.state("live")
        await caller.close()
        await served.settled(within=5)


async def test_a_socket_that_breaks_has_ten_seconds_while_media_flows(served: Served) -> None:
    async with Caller() as caller:
        async with Line(served.url) as line:
            await line.call(caller)
            await line.state("live")
        before = len(caller.frames)
        await caller.seen(lambda frames: len(frames) > before + 50)
        assert served.services.registry.active == 1
        await served.settled(within=10)


async def test_pages_of_other_origins_are_turned_away() -> None:
    async with serving(EngineSpec("fakes:create"), wait=False, cors_origins=["https://shop.example"]) as served:
        with pytest.raises(InvalidStatus) as refused:
            async with Line(served.url, origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403
        async with Line(served.url, origin="https://shop.example"):
            pass
