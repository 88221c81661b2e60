"""The hearing socket with a real server: what a microphone says is what a backend hears."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from backend import Backend, listener
from caller import Caller
from ears import Ears, place, speech, talker
from line import Line
from livehead.api.session import hearing
from serving import Served
from waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("client")]

SDP = {"Content-Type": "application/sdp"}
RATE = 16_000

ALIKE = 0.75
"""Correlation of what was said and what is heard: a packet that came late costs a few hundredths."""


async def denial(served: Served, session: str, rate: int | str = RATE, **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        async with Ears(served.url, session, rate, **options):
            pass
    problem = json.loads(refused.value.response.body)
    assert refused.value.response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == refused.value.response.status_code
    assert problem["detail"]
    return problem["status"], problem["type"].removeprefix("urn:livehead:")


async def create(client: httpx.AsyncClient, **options: Any) -> dict[str, Any]:
    answer = await client.post("/v1/sessions", json=options)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def join(client: httpx.AsyncClient, session: dict[str, Any], viewer: Caller) -> str:
    answer = await client.post(session["whep"], content=await viewer.offer(), headers=SDP)
    assert answer.status_code == 201, answer.text
    await viewer.accept(answer.text)
    return str(answer.headers["location"])


@pytest.mark.parametrize("rate", [pytest.param(16_000, marks=pytest.mark.soak), 24_000])
async def test_a_backend_hears_what_a_viewer_says(served: Served, client: httpx.AsyncClient, rate: int) -> None:
    session = await create(client)
    viewer, microphone = talker()
    async with viewer, Ears(served.url, session["session"], rate) as ears:
        await join(client, session, viewer)
        await until(lambda: len(ears.audio) > rate)
        microphone.play(speech()[: 4 * RATE])
        await until(lambda: "speaking" in ears.states())
        told_at = ears.told[0][0]
        await until(lambda: ears.states()[-1:] == ["silent"])
        assert microphone.began is not None
        onset = float(np.argmax(np.abs(speech()) > 0.02)) / RATE
        print(f"told {1000 * (told_at - microphone.began - onset):.0f} ms after the first sound left the microphone")
        heard = np.interp(np.arange(0, len(ears.pcm) * RATE // rate) * rate / RATE, np.arange(len(ears.pcm)), ears.pcm)
        at, alike = place(heard, speech()[: 3 * RATE])
        assert alike > ALIKE
        spoke = next(each for _, each in ears.told if each["state"] == "speaking")
        assert abs(spoke["at_ms"] - at / 16 - 1000 * onset) < 200
        seconds, came = len(ears.pcm) / rate, ears.pieces[-1][0] - ears.pieces[0][0]
        assert abs(seconds - came) < 0.3, "in real time"
        assert {size for _, size in ears.pieces} <= set(range(round(0.038 * rate), round(0.082 * rate)))
        await until(
            lambda: [each["state"] for each in viewer.figures if each["type"] == "user"][-2:] == ["speaking", "silent"]
        )


async def test_the_caller_of_a_session_with_a_microphone_is_heard_too(served: Served) -> None:
    caller, microphone = talker()
    async with caller, Line(served.url) as line:
        session = await line.call(caller)
        async with Ears(served.url, session) as ears:
            await until(lambda: len(ears.audio) > RATE // 2)
            microphone.play(speech()[:RATE])
            await until(lambda: "speaking" in ears.states())
            await until(lambda: _users(caller)[-1:] == ["speaking"])


@pytest.mark.soak
async def test_two_viewers_talk_in_turn(served: Served, client: httpx.AsyncClient) -> None:
    session = await create(client)
    (one, first), (two, second) = talker(), talker()
    async with one, two, Ears(served.url, session["session"]) as ears:
        location = await join(client, session, one)
        await join(client, session, two)
        await until(lambda: len(ears.audio) > RATE)
        first.play(speech()[: 2 * RATE])
        await until(lambda: ears.states() == ["speaking", "silent"])
        second.play(speech()[4 * RATE : 6 * RATE])
        await until(lambda: ears.states() == 2 * ["speaking", "silent"])
        assert place(ears.pcm, speech()[RATE : 2 * RATE])[1] > ALIKE
        assert place(ears.pcm, speech()[4 * RATE : 5 * RATE])[1] > ALIKE
        second.play(speech())
        await until(lambda: ears.states()[-1] == "speaking")
        first.stop()  # it ends, and is heard no more
        assert (await client.delete(location)).status_code == 200
        heard = len(ears.audio)
        await until(lambda: len(ears.audio) > heard + 2 * RATE)
        assert np.abs(ears.pcm[-RATE:]).max() > 0.05


async def test_a_microphone_that_stops_in_mid_word_becomes_silence(served: Served, client: httpx.AsyncClient) -> None:
    session = await create(client)
    viewer, microphone = talker()
    async with Ears(served.url, session["session"]) as ears:
        async with viewer:
            location = await join(client, session, viewer)
            microphone.play(speech())
            await until(lambda: "speaking" in ears.states())
            microphone.stop()
            await until(lambda: ears.states() == ["speaking", "silent"])
            heard, began = len(ears.audio), asyncio.get_running_loop().time()
            await until(lambda: len(ears.audio) > heard + 2 * RATE)
            assert asyncio.get_running_loop().time() - began > 0.7, "in real time"
            assert (await client.delete(location)).status_code == 200
        heard = len(ears.audio)
        await until(lambda: len(ears.audio) > heard + 2 * RATE)
        assert not ears.pcm[-RATE // 2 :].any()


async def test_one_ear_at_a_time_that_may_go_and_come_back(served: Served, client: httpx.AsyncClient) -> None:
    session = await create(client)
    viewer, microphone = talker()
    async with viewer:
        await join(client, session, viewer)
        async with Ears(served.url, session["session"]) as ears:
            assert await denial(served, session["session"]) == (409, "conflict")
            await until(lambda: len(ears.audio) > RATE)
        async with Ears(served.url, session["session"], 48_000) as ears:
            microphone.play(speech())
            await until(lambda: "speaking" in ears.states())
            assert ears.told[0][1]["at_ms"] < 3000


async def test_who_may_not_hear_is_told_before_there_is_a_socket(served: Served, client: httpx.AsyncClient) -> None:
    assert await denial(served, "nobody") == (404, "not-found")
    session = (await create(client))["session"]
    for rate in ("7999", "48001", "-1", "99999999999"):
        assert await denial(served, session, rate) == (422, "unprocessable")
    for rate in ("", "fast", "1.5"):
        assert await denial(served, session, rate) == (400, "malformed")
    async with Ears(served.url, session):
        pass  # nothing of that was kept


async def test_what_is_sent_is_refused_and_the_socket_stays(served: Served, client: httpx.AsyncClient) -> None:
    session = (await create(client))["session"]
    async with Ears(served.url, session) as ears:
        for sent in ('{"type":"interrupt"}', "nonsense", bytes(640)):
            await ears.socket.send(sent)
        await until(lambda: len(ears.told) == 3)
        assert {each["error"]["status"] for _, each in ears.told} == {422}
        assert "speech" in ears.told[0][1]["error"]["detail"]


async def test_it_ends_with_the_session(served: Served, client: httpx.AsyncClient) -> None:
    session = (await create(client))["session"]
    async with Ears(served.url, session) as ears:
        assert (await client.delete(f"/v1/sessions/{session}")).status_code == 200
        await until(lambda: ears.socket.close_code is not None)
        assert ears.socket.close_code == 1001
        with pytest.raises(ConnectionClosed):
            await ears.socket.send("x")


async def test_a_backend_that_reads_too_slowly_loses_the_oldest_and_is_told(
    served: Served, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "MOST_AUDIO", 25)
    session = await create(client)
    told: list[object] = []

    class Unread:
        """A socket that sends nothing until it is told to."""

        def __init__(self) -> None:
            self.waiting: list[Any] = []

        def send_later(self, make: Any) -> None:
            self.waiting.append(make)

    socket = Unread()
    backlog = hearing.AudioBacklog(socket, RATE)  # type: ignore[arg-type]
    ear = served.session(session["session"]).hear(RATE, backlog.push, told.append)
    viewer, _ = talker()
    async with viewer:
        await join(client, session, viewer)
        pieces = [bytes([n, 0] * 320) for n in range(40)]
        for piece in pieces:
            backlog.push(piece)
        sent = [message for make in socket.waiting[:25] for message in make()]
        ear.release()
    error, *rest = sent
    assert error.error["type"] == "urn:livehead:slow-reader"
    assert error.error["dropped_samples"] == 15 * 320
    assert rest == pieces[15:]


async def test_with_interrupt_auto_a_user_who_begins_to_speak_silences_the_portrait(
    served: Served, client: httpx.AsyncClient
) -> None:
    session = await create(client, interrupt="auto")
    viewer, microphone = talker()
    async with viewer:
        await join(client, session, viewer)
        async with Ears(served.url, session["session"]) as ears, Backend(served.url, session["session"]) as backend:
            await until(lambda: len(ears.audio) > RATE)
            await backend.push(bytes(48_000) + np.tile(_tone(), 20).tobytes())
            await until(lambda: "started" in backend.states())
            await until(lambda: any(each["type"] == "avatar" for each in viewer.figures))
            await asyncio.sleep(1.2)
            assert backend.states() == ["started"]
            microphone.play(speech()[: 2 * RATE])
            await until(lambda: "interrupted" in backend.states())
            await until(lambda: ears.states() == ["speaking", "silent"])
            assert backend.states() == ["started", "interrupted"]


@pytest.mark.soak
async def test_without_it_the_portrait_speaks_on(served: Served, client: httpx.AsyncClient) -> None:
    session = await create(client)
    viewer, microphone = talker()
    async with viewer:
        await join(client, session, viewer)
        async with Ears(served.url, session["session"]) as ears, Backend(served.url, session["session"]) as backend:
            await until(lambda: len(ears.audio) > RATE)
            await backend.push(np.tile(_tone(), 4).tobytes())
            await backend.end()
            await until(lambda: "started" in backend.states())
            microphone.play(speech()[: 2 * RATE])
            await until(lambda: "speaking" in ears.states())
            await until(lambda: "finished" in backend.states())
            assert backend.states() == ["started", "finished"]


async def test_a_viewer_without_a_microphone_brings_nothing(served: Served, client: httpx.AsyncClient) -> None:
    session = await create(client)
    async with listener() as viewer, Ears(served.url, session["session"]) as ears:
        await join(client, session, viewer)
        await viewer.seen(lambda frames: len(frames) > 10)
        assert not ears.audio
        assert not ears.told


def _users(viewer: Caller) -> list[str]:
    """What the viewer's data channel says of who speaks."""
    return [each["state"] for each in viewer.figures if each["type"] == "user"]


def _tone() -> np.ndarray:
    """A second at 24 kHz."""
    return (0.2 * 32767 * np.sin(np.arange(24_000) * 2 * np.pi * 300 / 24_000)).astype("<i2")
