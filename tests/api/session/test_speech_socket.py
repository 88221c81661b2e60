from __future__ import annotations

import json

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from backend import Backend, listener, tone
from caller import Caller
from fault_rows import Recovery
from line import Line
from serving import Served
from waiting import patient, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("client")]


async def denial(served: Served, session: str, rate: int | str = 24_000, **options: str) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        async with Backend(served.url, session, rate, **options):
            pass
    problem = json.loads(refused.value.response.body)
    assert refused.value.response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == refused.value.response.status_code
    assert problem["detail"]
    return problem["status"], problem["type"].removeprefix("urn:livehead:")


async def test_a_listener_needs_no_microphone_and_gets_the_voice_by_default(
    served: Served, client: httpx.AsyncClient, sdp: dict[str, str]
) -> None:
    async with listener() as caller:
        answer = await client.post("/v1/sessions?source=push", content=await caller.offer(), headers=sdp)
        assert answer.status_code == 201
        await caller.accept(answer.text)
        found = (await client.get(answer.headers["location"])).json()
        assert (found["source"], found["voice"]) == ("push", "on")
        await caller.seen(lambda frames: len(frames) > 5)
        await until(lambda: len(caller.levels) > 5)


@pytest.mark.parametrize(("source", "voice"), [("mic", "off"), ("push", "off"), ("push", "on")])
async def test_a_voice_that_is_asked_for_or_not(
    client: httpx.AsyncClient, sdp: dict[str, str], source: str, voice: str
) -> None:
    async with Caller() as caller:
        path = f"/v1/sessions?source={source}&voice={voice}"
        answer = await client.post(path, content=await caller.offer(), headers=sdp)
        assert answer.status_code == 201
        audio = answer.text.split("m=audio")[1].split("m=")[0]
        assert "a=sendrecv" in audio, "the voice can be turned on later"
        found = (await client.get(answer.headers["location"])).json()
        assert (found["source"], found["voice"]) == (source, voice)


async def test_only_a_microphone_session_needs_a_microphone(client: httpx.AsyncClient, sdp: dict[str, str]) -> None:
    async with listener() as caller:
        offer = await caller.offer()
        refused = await client.post("/v1/sessions", content=offer, headers=sdp)
        assert refused.status_code == 422
        assert "source=push" in refused.json()["detail"]
        mute = offer.replace("a=recvonly", "a=inactive", 2)
        assert (await client.post("/v1/sessions?source=push", content=mute, headers=sdp)).status_code == 422
        silent = await client.post("/v1/sessions?source=push&voice=off", content=offer, headers=sdp)
        assert silent.status_code == 201
        await caller.accept(silent.text)
        await caller.seen(lambda frames: len(frames) > 5)


async def test_who_may_not_speak_is_told_before_there_is_a_socket(served: Served) -> None:
    assert await denial(served, "nobody") == (404, "not-found")
    async with Caller() as one, listener() as two, Line(served.url) as a, Line(served.url) as b:
        talking = await a.call(one)
        assert await denial(served, talking) == (422, "unprocessable")
        pushed = await b.call(two, source="push")
        for rate in ("7999", "48001", "-1", "99999999999"):
            assert await denial(served, pushed, rate) == (422, "unprocessable")
        for rate in ("", "fast", "1.5"):
            assert await denial(served, pushed, rate) == (400, "malformed")
        async with Backend(served.url, pushed):
            assert await denial(served, pushed) == (409, "conflict")
        for rate in (8000, 48000):
            await until(lambda: served.session(pushed).speech._speaker is None)
            async with Backend(served.url, pushed, rate):
                pass


async def test_what_cannot_be_understood_is_told_and_the_socket_stays(served: Served) -> None:
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push")
        async with Backend(served.url, session) as backend:
            bad = [b"\x00", tone(0.1) + b"\x01", "{", "[]", "AAAA", '{"type":"dance"}', '{"type":"bye"}']
            for message in bad:
                await backend.socket.send(message)
            await until(lambda: len(backend.told) == len(bad))
            assert [each["error"]["status"] for each in backend.told] == [400] * len(bad)
            assert "half a sample" in backend.told[1]["error"]["detail"]
            await backend.end()  # what was dropped is no utterance
            await backend.push(tone(0.2))
            await backend.end()
            await until(lambda: backend.states() == ["started", "finished"])
            assert backend.k("started") == 0
            assert backend.k("finished") == 4


async def test_an_interrupt_is_seen_behind_more_speech_than_can_wait_to_be_spoken(served: Served) -> None:
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push")
        await line.state("live")
        async with Backend(served.url, session) as backend:
            await backend.push(tone(90), piece=48_000)
            await backend.end()
            await backend.interrupt()
            await backend.push(tone(0.4))
            await backend.end()
            await until(lambda: backend.states()[-3:] == ["interrupted", "started", "finished"])
            assert backend.states() in (
                ["interrupted", "started", "finished"],
                ["started", "interrupted", "started", "finished"],
            )
            ks = [each["k"] for each in backend.told]
            assert ks == sorted(ks)
            assert ks[-1] - ks[-2] == 10 - 1


async def test_each_of_many_utterances_is_answered_by_an_interrupt(served: Served) -> None:
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push")
        await line.state("live")
        async with Backend(served.url, session) as backend:
            for _ in range(150):
                await backend.push(tone(0.01))
                await backend.end()
            await backend.interrupt()
            await until(lambda: sum(each["state"] != "started" for each in backend.told) == 150)
            ends = [each for each in backend.told if each["state"] != "started"]
            assert [each["utterance"] for each in ends] == list(range(150))
            assert [each["spoken_ms"] for each in ends] == [10 * (each["state"] == "finished") for each in ends]
            await backend.interrupt()
            await until(lambda: backend.told[-1]["utterance"] is None)
            assert backend.states()[-1] == "interrupted"


async def test_a_second_speaker_follows_the_first_and_counts_its_own(served: Served) -> None:
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push")
        await line.state("live")
        async with Backend(served.url, session) as backend:
            await backend.push(tone(1))
            await backend.end()
            await until(lambda: backend.states() == ["started"])
        await until(lambda: served.session(session).speech._speaker is None)
        async with Backend(served.url, session) as backend:
            await backend.push(tone(0.2))
            await backend.end()
            await until(lambda: backend.states() == ["started", "finished"])
            assert [each["utterance"] for each in backend.told] == [0, 0]
            await backend.push(tone(1))
            await backend.end()
            await until(lambda: backend.states()[-1] == "started")
        await until(lambda: served.session(session).speech._speaker is None)
        async with Backend(served.url, session) as backend:
            await backend.interrupt()
            await until(lambda: backend.states() == ["interrupted"])
            assert backend.told[0]["utterance"] is None, "what was dropped was another's"


async def test_the_socket_ends_with_the_session(served: Served, client: httpx.AsyncClient) -> None:
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push")
        async with Backend(served.url, session) as backend:
            await backend.push(tone(1))
            await client.delete(f"/v1/sessions/{session}")
            async with patient(5):
                await backend.socket.wait_closed()
            assert backend.socket.close_code == 1001
        assert await denial(served, session) == (404, "not-found")


@pytest.mark.fault(
    "client",
    "A backend that speaks dies in mid-utterance, and another one comes",
    "What had come is spoken to its end, and the mouth closes; the next backend is heard.",
)
async def test_what_was_said_before_the_socket_ended_is_spoken(served: Served, recovery: Recovery) -> None:
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push", probe=True)
        await line.state("live")
        async with Backend(served.url, session) as backend:
            await backend.push(tone(1))
            await until(lambda: "started" in backend.states())
        await until(lambda: sum(p.code is not None and p.code.loudness >= 8 for p in caller.frames) >= 20)
        async with Backend(served.url, session) as backend:
            await backend.push(tone(0.2))
            await backend.end()
            await until(lambda: backend.states() == ["started", "finished"])
    recovery("all that had come was spoken, and then what the next one said")


async def test_pages_of_other_origins_are_turned_away(served: Served) -> None:
    async with listener() as caller, Line(served.url) as line:
        session = await line.call(caller, source="push")
        with pytest.raises(InvalidStatus) as refused:
            async with Backend(served.url, session, origin="https://shop.example"):
                pass
        assert refused.value.response.status_code == 403
        async with Backend(served.url, session, origin=served.url):
            pass
