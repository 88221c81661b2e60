"""POST /v1/sessions/{id}/say, with a real server and a text-to-speech that does as it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from api.conftest import FAKE
from backend import Backend, listener, tone
from caller import Caller
from line import Line
from livehead.metrics import Metrics
from serving import Served, serving
from speech_service import SpeechService, speech_service
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

VOICED = tone(0.6)
HALF = VOICED[: len(VOICED) // 2]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[SpeechService]:
    async with speech_service() as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def speaking(service: SpeechService) -> AsyncIterator[Served]:
    async with serving(FAKE, max_sessions=2, tts=service.url, tts_seconds=0.5, tts_api_key="a secret") as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(service: SpeechService, speaking: Served) -> AsyncIterator[httpx.AsyncClient]:
    service.__init__(service.url)  # type: ignore[misc]  # as new
    service.pieces = [VOICED]
    async with httpx.AsyncClient(base_url=speaking.url) as client:
        yield client
        for session in list(speaking.services.registry.sessions):
            session.end("test-over")
        await speaking.settled()


@pytest_asyncio.fixture(loop_scope="module")
async def say_url(client: httpx.AsyncClient) -> str:
    """Of a session that was made without a viewer."""
    return f"{(await client.post('/v1/sessions', json={'source': 'push'})).headers['location']}/say"


def counted(metrics: Metrics) -> dict[str, float]:
    return {
        sample.labels["outcome"]: sample.value
        for family in metrics.says.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert len(body["detail"]) > 10
    return answer.status_code, body["type"].removeprefix("urn:livehead:")


async def test_a_text_is_spoken_to_the_viewer(
    client: httpx.AsyncClient, speaking: Served, service: SpeechService
) -> None:
    async with listener() as caller, Line(speaking.url) as line:
        session = await line.call(caller, source="push")
        before = counted(speaking.services.metrics).get("said", 0)
        answer = await client.post(f"/v1/sessions/{session}/say", json={"text": "Hello there! How are you?"})
        assert (answer.status_code, answer.json()) == (202, {"session": session, "characters": 25})
        await until(lambda: any(level > 0.1 for _, level in caller.levels))
        await until(lambda: counted(speaking.services.metrics).get("said", 0) == before + 1)
    assert [each["input"] for each in service.asked] == ["Hello there!", "How are you?"]
    assert service.credentials == ["Bearer a secret"] * 2
    assert speaking.services.metrics.say_delay.collect()[0].samples[-2].value > 0


async def test_texts_follow_one_another(client: httpx.AsyncClient, say_url: str, service: SpeechService) -> None:
    service.pieces = [HALF, 0.1, HALF]
    answers = await asyncio.gather(*(client.post(say_url, json={"text": f"Number {n}"}) for n in range(4)))
    assert [answer.status_code for answer in answers] == [202] * 4
    assert sorted(each["input"] for each in service.asked) == [f"Number {n}" for n in range(4)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"text": ""}, (422, "unprocessable")),
        ({"text": " \n\u200b"}, (422, "unprocessable")),
        ({"text": "🎉"}, (422, "unprocessable")),
        ({"text": "x" * 5001}, (413, "too-large")),
        ({"text": "x" * 100_000}, (413, "too-large")),
        ({"text": "ü" * 50_000}, (413, "too-large")),
        ({"text": 5}, (400, "malformed")),
        ({"text": None}, (400, "malformed")),
        ({"voice": "nova"}, (400, "malformed")),
        ({"text": "Hello", "voice": ""}, (400, "malformed")),
        ({"text": "Hello", "voice": "v" * 300}, (413, "too-large")),
        ({"text": "Hello", "voice": ["nova"]}, (400, "malformed")),
        ([], (400, "malformed")),
        ("Hello", (400, "malformed")),
    ],
)
async def test_what_cannot_be_said(
    client: httpx.AsyncClient, say_url: str, service: SpeechService, body: Any, expected: tuple[int, str]
) -> None:
    assert problem(await client.post(say_url, json=body)) == expected
    assert service.asked == []


async def test_odd_bodies(client: httpx.AsyncClient, say_url: str) -> None:
    json_type = {"Content-Type": "application/json"}
    for content, expected in (
        (b"", (400, "malformed")),
        (b"\xff\xfe", (400, "malformed")),
        (b'{"text":', (400, "malformed-json")),
        (b'{"text":' + b"[" * 5000, (400, "malformed-json")),
        (b'{"text":"\\ud800 alone"}', (400, "malformed")),
    ):
        assert problem(await client.post(say_url, content=content, headers=json_type)) == expected
    plain = {"Content-Type": "text/plain"}
    assert problem(await client.post(say_url, content=b"Hello", headers=plain)) == (415, "unsupported-type")
    assert problem(await client.post("/v1/sessions/nobody/say", json={"text": "Hello"})) == (404, "not-found")


async def test_a_text_of_the_longest_kind_is_said(
    client: httpx.AsyncClient, say_url: str, service: SpeechService
) -> None:
    answer = await client.post(say_url, json={"text": "\U0001d573" * 5000})
    assert answer.json()["characters"] == 5000
    await until(lambda: len(service.asked) == 13)


async def test_a_service_that_answers_500(client: httpx.AsyncClient, say_url: str, service: SpeechService) -> None:
    service.status, service.pieces = "500 Internal Server Error", [b'{"error": "out of memory"}']
    answer = await client.post(say_url, json={"text": "Hello"})
    assert problem(answer) == (502, "synthesis-failed")
    assert "out of memory" in answer.json()["detail"]
    service.status, service.pieces = "200 OK", [VOICED]
    assert (await client.post(say_url, json={"text": "Hello"})).status_code == 202


async def test_a_service_that_never_answers(client: httpx.AsyncClient, say_url: str, service: SpeechService) -> None:
    service.pieces = [1200.0]
    assert problem(await client.post(say_url, json={"text": "Hello"})) == (504, "synthesis-timeout")
    await until(lambda: service.hung_up == 1)


async def test_a_service_that_stops_in_the_middle_is_heard_so_far(
    client: httpx.AsyncClient, speaking: Served, service: SpeechService, caplog: pytest.LogCaptureFixture
) -> None:
    async with listener() as caller, Line(speaking.url) as line:
        session = await line.call(caller, source="push")
        failed = counted(speaking.services.metrics).get("failed", 0)
        service.pieces = [VOICED, 1200.0]
        with caplog.at_level(logging.WARNING):
            assert (await client.post(f"/v1/sessions/{session}/say", json={"text": "Hello"})).status_code == 202
            await until(lambda: any(level > 0.1 for _, level in caller.levels))
            await until(lambda: counted(speaking.services.metrics).get("failed", 0) == failed + 1)
        assert "what it says broke off: The text-to-speech sent nothing for 0.5 s" in caplog.text
        service.pieces = [VOICED]
        assert (await client.post(f"/v1/sessions/{session}/say", json={"text": "Again"})).status_code == 202


async def test_a_voice_that_the_service_does_not_know(
    client: httpx.AsyncClient, say_url: str, service: SpeechService
) -> None:
    service.status, service.pieces = "400 Bad Request", [b"no such voice"]
    answer = await client.post(say_url, json={"text": "Hello", "voice": "bogus"})
    assert problem(answer) == (422, "unprocessable")
    assert "no such voice" in answer.json()["detail"]


async def test_a_service_that_has_too_much_to_do(
    client: httpx.AsyncClient, say_url: str, service: SpeechService
) -> None:
    service.status, service.headers = "429 Too Many Requests", {"Retry-After": "9"}
    answer = await client.post(say_url, json={"text": "Hello"})
    assert problem(answer) == (503, "synthesis-busy")
    assert answer.headers["retry-after"] == "9"


async def test_a_speech_socket_and_a_text_exclude_each_other(
    client: httpx.AsyncClient, speaking: Served, say_url: str, service: SpeechService
) -> None:
    session = say_url.split("/")[3]
    async with Backend(speaking.url, session):
        assert problem(await client.post(say_url, json={"text": "Hello"})) == (409, "conflict")
    await until(lambda: speaking.session(session).speech._speaker is None)
    service.pieces = [HALF, 0.4, HALF]
    assert (await client.post(say_url, json={"text": "Hello"})).status_code == 202
    with pytest.raises(Exception, match="409"):
        async with Backend(speaking.url, session):
            pass
    await until(lambda: speaking.session(session).speech._speaker is None)
    async with Backend(speaking.url, session):
        pass


async def test_a_microphone_session_says_nothing(client: httpx.AsyncClient, speaking: Served) -> None:
    async with Caller() as caller, Line(speaking.url) as line:
        session = await line.call(caller)
        answer = await client.post(f"/v1/sessions/{session}/say", json={"text": "Hello"})
        assert problem(answer) == (422, "unprocessable")
        assert "source=push" in answer.json()["detail"]


async def test_an_interrupt_ends_the_synthesis_and_forgets_what_waits(
    client: httpx.AsyncClient, speaking: Served, service: SpeechService
) -> None:
    async with listener() as caller, Line(speaking.url) as line:
        session = await line.call(caller, source="push")
        url = f"/v1/sessions/{session}/say"
        service.pieces = [VOICED, *[0.3, VOICED] * 30]
        assert (await client.post(url, json={"text": "One"})).status_code == 202
        waiting = asyncio.create_task(client.post(url, json={"text": "Two"}))
        await until(lambda: len(speaking.session(session).speech._say_queue._waiting) == 1)
        await line.send(type="interrupt")
        assert problem(await waiting) == (409, "interrupted")
        await until(lambda: service.hung_up == 1)
        assert [each["input"] for each in service.asked] == ["One"]
        service.pieces = [VOICED]
        assert (await client.post(url, json={"text": "Three"})).status_code == 202


async def test_an_interrupt_before_the_first_audio(
    client: httpx.AsyncClient, speaking: Served, say_url: str, service: SpeechService
) -> None:
    service.pieces = [1200.0]
    waiting = asyncio.create_task(client.post(say_url, json={"text": "One"}))
    await until(lambda: len(service.asked) == 1)
    speaking.session(say_url.split("/")[3]).steering.interrupt()
    assert problem(await waiting) == (409, "interrupted")
    await until(lambda: service.hung_up == 1)


async def test_texts_that_wait_are_bounded(client: httpx.AsyncClient, say_url: str, service: SpeechService) -> None:
    service.pieces = [*[0.3, HALF] * 20]
    answers = [asyncio.create_task(client.post(say_url, json={"text": f"{n}"})) for n in range(10)]
    refused = await next(iter(asyncio.as_completed(answers)))
    assert problem(refused) == (429, "rate-limit")
    assert int(refused.headers["retry-after"]) > 0
    for answer in answers:
        answer.cancel()
    await asyncio.wait(answers)


async def test_the_end_of_a_session_is_told_to_who_waits(
    client: httpx.AsyncClient, speaking: Served, say_url: str, service: SpeechService
) -> None:
    service.pieces = [1200.0]
    waiting = [asyncio.create_task(client.post(say_url, json={"text": f"{n}"})) for n in range(2)]
    await until(lambda: len(service.asked) == 1)
    speaking.session(say_url.split("/")[3]).end("test-over")
    for each in waiting:
        assert problem(await each) == (404, "not-found")
    await until(lambda: service.hung_up == 1)


async def test_without_a_text_to_speech_the_remedy_is_told() -> None:
    async with serving(FAKE) as server, httpx.AsyncClient(base_url=server.url) as client:
        location = (await client.post("/v1/sessions", json={"source": "push"})).headers["location"]
        answer = await client.post(f"{location}/say", json={"text": "Hello"})
        assert problem(answer) == (501, "not-configured")
        assert "--tts espeak" in answer.json()["detail"]
        await client.delete(location)


async def test_espeak_speaks() -> None:
    async with (
        serving(FAKE, tts="espeak") as server,
        httpx.AsyncClient(base_url=server.url) as client,
        listener() as caller,
        Line(server.url) as line,
    ):
        url = f"/v1/sessions/{await line.call(caller, source='push')}/say"
        answer = await client.post(url, json={"text": "Hello there, how are you?"})
        assert answer.status_code == 202, answer.text
        await until(lambda: any(level > 0.03 for _, level in caller.levels))
        unknown = await client.post(url, json={"text": "Hello", "voice": "en/../en"})
        assert problem(unknown) == (422, "unknown-voice")
