"""Requests to a server that refuses, is busy, is somebody else, or is not there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from client.fake_http import FakeHttp, fake_http
from livehead.client import ClientError, ConnectionLost, Livehead, ProblemError, ProtocolError, Token
from livehead.client.errors import BY_STATUS, NotFound, NotImplementedHere, RateLimited, Unavailable
from livehead.errors import LiveheadError
from waiting import until

CREATED = {"session": "abc", "whep": "/whep/abc", "speech": "/s", "hearing": "/h", "token": "tok"}


@pytest.fixture
async def http() -> AsyncIterator[FakeHttp]:
    async with fake_http() as fake:
        yield fake


@pytest.fixture
async def client(http: FakeHttp) -> AsyncIterator[Livehead]:
    async with Livehead(http.url, key="lh_key", patience=1.0, timeout=2.0) as client:
        yield client


async def test_a_session_is_created_and_deleted_with_the_key_in_the_header(http: FakeHttp, client: Livehead) -> None:
    http.answer(201, CREATED)
    async with client.session(avatar="amara", latency="low", interrupt="auto", seed=7) as session:
        assert (session.id, session.token) == ("abc", "tok")
        assert session.whep == f"{http.url}/whep/abc"
    made, ended = http.received
    assert (made.method, made.path, made.headers["authorization"]) == ("POST", "/v1/sessions", "Bearer lh_key")
    assert made.json == {"avatar": "amara", "source": "push", "latency": "low", "interrupt": "auto", "seed": 7}
    assert (ended.method, ended.path) == ("DELETE", "/v1/sessions/abc")
    assert all("lh_key" not in each.path and not each.query for each in http.received)


async def test_a_server_below_a_path_is_asked_there(http: FakeHttp) -> None:
    http.answer(201, CREATED)
    async with Livehead(f"{http.url}/head/") as client, client.session() as session:
        assert session.whep == f"{http.url}/head/whep/abc"
    assert [each.path for each in http.received] == ["/head/v1/sessions", "/head/v1/sessions/abc"]
    assert "authorization" not in http.received[0].headers


async def test_what_is_closed_twice_is_deleted_once_and_may_be_gone_already(http: FakeHttp, client: Livehead) -> None:
    http.answer(201, CREATED)
    http.problem(404)
    session = client.session()
    with pytest.raises(RuntimeError, match="not open"):
        _ = session.id
    await session.open()
    await session.open()
    await session.close()
    await session.close()
    assert [each.method for each in http.received] == ["POST", "DELETE"]


@pytest.mark.parametrize("status", [*BY_STATUS, 402, 418, 500])
async def test_each_problem_is_an_exception_of_its_status(http: FakeHttp, status: int) -> None:
    http.problem(status, type="urn:livehead:some", title="A title", detail="Do this.")
    async with Livehead(http.url, patience=0) as client:
        with pytest.raises(ProblemError) as refused:
            await client.info()
    error = refused.value
    assert type(error) is BY_STATUS.get(status, ProblemError)
    assert (error.status, error.type, error.problem) == (status, "urn:livehead:some", "some")
    assert (error.title, error.detail, str(error)) == ("A title", "Do this.", f"{status}: Do this.")
    assert isinstance(error, ClientError)
    assert isinstance(error, LiveheadError)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b"null",
        b'{"status": "x", "title": 3, "type": [], "detail": null, "retry_after": {}}',
        b'{"retry_after": NaN}',
        b"\xff\xfe",
        b"[" * 50_000,
        b"x" * 100_000,
    ],
)
async def test_a_refusal_that_is_no_problem_document_is_a_problem_all_the_same(
    http: FakeHttp, client: Livehead, body: bytes
) -> None:
    http.answer(502, body)
    with pytest.raises(ProblemError) as refused:
        await client.info()
    assert (refused.value.status, refused.value.type, refused.value.retry_after) == (502, "about:blank", None)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"version": 1}', b'{"version": "1", "engine": [], "latency": {}, "sessions": {}}'],
)
async def test_an_answer_that_no_livehead_server_gives_is_told_so(
    http: FakeHttp, client: Livehead, body: bytes
) -> None:
    for ask in (client.info, client.avatars, client.session().open):
        http.answer(200, body)
        if body == b"[]" and ask == client.avatars:
            assert await client.avatars() == []
            continue
        with pytest.raises(ProtocolError, match="no Livehead"):
            await ask()


async def test_a_busy_server_is_asked_again_when_it_says(http: FakeHttp, client: Livehead) -> None:
    http.answer(429, b"", Retry_After="0.2")
    http.problem(503, retry_after=0.2)
    http.answer(503)
    http.answer(201, CREATED)
    began = time.monotonic()
    async with client.session():
        assert time.monotonic() - began >= 0.4
    assert [each.method for each in http.received] == ["POST"] * 4 + ["DELETE"]


async def test_a_busy_server_is_not_asked_for_ever(http: FakeHttp, client: Livehead) -> None:
    for _ in range(30):
        http.problem(503)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await client.info()
    assert time.monotonic() - began < 3
    assert 3 <= len(http.received) < 15


async def test_a_server_that_asks_to_wait_longer_than_there_is_patience_is_not_waited_for(
    http: FakeHttp, client: Livehead
) -> None:
    http.answer(429, b"", Retry_After="30")
    with pytest.raises(RateLimited) as refused:
        await client.info()
    assert refused.value.retry_after == 30
    assert len(http.received) == 1


@pytest.mark.parametrize("when", ["soon", "Fri, 27 Nov 2026 12:00:00 GMT", "-5", "inf", "1e999"])
async def test_a_time_to_wait_that_cannot_be_read_is_none(http: FakeHttp, client: Livehead, when: str) -> None:
    http.answer(503, b"", Retry_After=when)
    http.answer(200, b"[]")
    assert await client.avatars() == []


async def test_redirections_are_not_followed(http: FakeHttp, client: Livehead) -> None:
    http.answer(307, b"", Location="http://elsewhere.example/v1/info")
    with pytest.raises(ProtocolError, match=r"elsewhere\.example"):
        await client.info()


async def test_a_server_that_does_not_answer_is_a_lost_connection() -> None:
    hung_up: list[bool] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.append(True)

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening, Livehead(f"http://127.0.0.1:{port}", timeout=0.3) as client:
        with pytest.raises(ConnectionLost):
            await client.info()
        async with client.attach("abc") as session:
            with pytest.raises(ConnectionLost):
                await session.speak(b"ab")
        await until(lambda: len(hung_up) == 2)


async def test_a_client_that_is_not_open_says_so(http: FakeHttp) -> None:
    client = Livehead(http.url)
    with pytest.raises(ConnectionLost, match="not open"):
        await client.info()
    async with client:
        http.answer(200, b"[]")
        assert await client.avatars() == []
    await client.close()
    with pytest.raises(ConnectionLost, match="not open"):
        await client.info()


@pytest.mark.parametrize("url", ["", "head.example", "ftp://head.example", "http://", "ws://head.example"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https://head"):
        Livehead(url)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_what_is_no_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="key") as refused:
        Livehead("https://head.example", key=key)
    assert not key or key not in str(refused.value)


async def test_tokens_are_asked_for_with_what_was_given(http: FakeHttp, client: Livehead) -> None:
    http.answer(200, {"token": "t", "expires_in": 3600})
    token = await client.token(["view"], session="abc", max_seconds=60)
    assert token == Token("t", 3600)
    assert http.received[0].json == {"roles": ["view"], "session": "abc", "max_seconds": 60}


async def test_say_and_stats_are_of_the_session(http: FakeHttp, client: Livehead) -> None:
    async with client.attach("abc") as session:
        http.answer(202)
        await session.say("Hello.", voice="en")
        http.answer(200, {"state": "live"})
        assert await session.stats() == {"state": "live"}
        http.problem(501, detail="Start the server with --tts espeak.")
        with pytest.raises(NotImplementedHere, match="--tts espeak"):
            await session.say("Hello.")
        http.problem(404)
        with pytest.raises(NotFound):
            await session.stats()
    said = http.received[0]
    assert (said.method, said.path, said.json) == ("POST", "/v1/sessions/abc/say", {"text": "Hello.", "voice": "en"})
