"""POST /v1/tokens, what its tokens may open, and what the log and the metrics say of refusals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import InvalidStatus

from api.conftest import FAKE
from api.doors import SECRET, Credentials
from caller import Caller
from line import Line
from serving import Served, serving
from waiting import patient, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return Credentials(tmp_path_factory.mktemp("access") / "keys")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked(credentials: Credentials) -> AsyncIterator[Served]:
    async with serving(
        FAKE,
        keys=credentials.path,
        token_secret=SECRET,
        token_seconds=120,
        max_sessions=3,
        turn_urls=["turn:turn.example.org"],
        turn_secret="north",
        stun_urls=["stun:stun.example.org"],
    ) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def alice(locked: Served, credentials: Credentials) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {credentials.alice}"}
    async with httpx.AsyncClient(base_url=locked.url, headers=headers) as client:
        yield client
        for session in list(locked.services.registry.sessions):
            session.end("test-over")
        await locked.settled()


async def make(client: httpx.AsyncClient, *roles: str, **claims: Any) -> str:
    answer = await client.post("/v1/tokens", json={"roles": roles, **claims})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["expires_in"] == 120
    return str(answer.json()["token"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def post_offer(client: httpx.AsyncClient, caller: Caller, token: str, **query: str) -> httpx.Response:
    return await client.post("/v1/sessions", params=query, content=await caller.offer(), headers=SDP | bearer(token))


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "roles"),
        ({"roles": []}, 422, "roles"),
        ({"roles": ["king"]}, 422, "open"),
        ({"roles": "open"}, 422, "roles"),
        ({"roles": ["open"], "uses": 0}, 422, "uses"),
        ({"roles": ["open"], "max_seconds": -1}, 422, "max_seconds"),
        ({"roles": ["open"], "colour": "red"}, 422, "colour"),
        ({"roles": ["open"], "avatar": "nobody"}, 404, "nobody"),
        ({"roles": ["open"], "source": "tv"}, 422, "source"),
        ([], 400, "object"),
        ("open", 400, "object"),
    ],
)
async def test_what_cannot_be_granted_is_told(alice: httpx.AsyncClient, body: object, status: int, words: str) -> None:
    answer = await alice.post("/v1/tokens", json=body)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"[" * 5000, {"Content-Type": "application/json"}, 400),
        (b"{" + b'"a":{' * 40 + b"}" * 41, {"Content-Type": "application/json"}, 400),
        (b"x" * 100_000, {"Content-Type": "application/json"}, 413),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"\xff", {"Content-Type": "application/json"}, 400),
    ],
)
async def test_what_is_no_json_is_told(
    alice: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await alice.post("/v1/tokens", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_token_opens_what_it_was_made_for_and_no_more(alice: httpx.AsyncClient, locked: Served) -> None:
    other = (await alice.get("/v1/avatars")).json()[1]["id"]
    token = await make(alice, "open", "view", avatar=other, source="push", max_seconds=90)
    async with httpx.AsyncClient(base_url=locked.url) as client, Caller() as caller:
        for query in ({}, {"avatar": other}, {"source": "push"}):
            refused = await post_offer(client, caller, token, **query)
            assert refused.status_code == 403
            assert refused.json()["type"] == "urn:livehead:claim"
        opened = await post_offer(client, caller, token, avatar=other, source="push")
        assert opened.status_code == 201
        session = locked.session(opened.headers["location"].rpartition("/")[2])
        assert session.opened_by.owner == "alice"
        assert session.opened_by.max_seconds == 90
        assert (await client.get(opened.headers["location"], headers=bearer(token))).status_code == 200


async def test_a_token_opens_as_often_as_it_may(alice: httpx.AsyncClient, locked: Served) -> None:
    token = await make(alice, "open", uses=1)
    async with httpx.AsyncClient(base_url=locked.url) as client, Caller() as one, Caller() as two:
        bad = await client.post("/v1/sessions", content="v=0", headers=SDP | bearer(token))
        assert bad.status_code in (400, 422)  # and has used nothing up
        assert (await post_offer(client, one, token)).status_code == 201
        refused = await post_offer(client, two, token)
        assert refused.status_code == 403
        assert refused.json()["type"] == "urn:livehead:uses"


async def test_the_signal_socket_opens_with_a_token_in_the_offer(alice: httpx.AsyncClient, locked: Served) -> None:
    token = await make(alice, "open")
    async with Caller() as caller, Line(locked.url) as line:
        session = locked.session(await line.call(caller, token=token))
        await line.state("live")
        assert session.opened_by.owner == "alice"
        assert session.opened_by.token is not None


async def test_sessions_end_when_their_key_is_revoked(alice: httpx.AsyncClient, locked: Served) -> None:
    token = await make(alice, "open")
    async with Caller() as caller, Line(locked.url) as line:
        await line.call(caller, token=token)
        await line.state("live")
        locked.services.registry.revoke(frozenset({"bob"}))
        locked.services.registry.revoke(frozenset({"alice"}))
        assert (await line.state("closed"))["reason"] == "revoked"


async def test_turn_credentials_are_for_those_who_may_and_for_each_alone(
    alice: httpx.AsyncClient, locked: Served
) -> None:
    one, two = await make(alice, "open"), await make(alice, "view")
    async with httpx.AsyncClient(base_url=locked.url) as client:
        assert (await client.get("/v1/ice-servers")).status_code == 401
        names = []
        for token in (one, one, two):
            servers = (await client.get("/v1/ice-servers", headers=bearer(token))).json()
            [turn] = [server for server in servers if "username" in server]
            names.append(turn["username"].partition(":")[2])
        assert names[0] == names[1] != names[2]
        preflight = await client.options("/v1/sessions")
        links = preflight.headers.get_list("link")
        assert any("stun:" in link for link in links)
        assert not any("credential" in link for link in links)


async def test_refusals_are_one_line_in_the_log_and_counted(
    locked: Served, credentials: Credentials, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "livehead.access.audit")
    async with httpx.AsyncClient(base_url=locked.url) as client, Line(locked.url) as line:
        await client.get("/v1/info")
        await client.get("/v1/info", headers=bearer("lh_" + "x" * 43))
        await client.post("/v1/tokens", headers=bearer(credentials.opener))
        await line.send(type="offer", sdp="v=0\r\n", token="not.a.token")
        await line.next("error")
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition(" address=")[0] for line in lines] == [
        "refused: status=401 reason=unauthorized key=-",
        "refused: status=401 reason=key-unknown key=-",
        "refused: status=403 reason=role key=alice",
        "refused: status=401 reason=token-invalid key=-",
    ]
    assert all("address=127.0.0.1 request=" in line for line in lines)
    assert not any(secret in caplog.text for secret in (credentials.opener, "lh_x", "not.a.token"))
    figures = (await asyncio.to_thread(locked.services.metrics.render)).decode()
    assert 'livehead_requests_denied_total{problem="key-unknown"}' in figures


async def test_too_many_offers_are_429_with_the_time_to_wait() -> None:
    async with serving(FAKE, offers_per_second=0.5) as server, httpx.AsyncClient(base_url=server.url) as client:
        answers = [await client.post("/v1/sessions", content="v=0", headers=SDP) for _ in range(7)]
    assert {answer.status_code for answer in answers[:5]} <= {400, 422}
    for answer in answers[5:]:
        assert answer.status_code == 429
        assert answer.json()["type"] == "urn:livehead:rate-limit"
        assert 1 <= int(answer.headers["retry-after"]) <= 2


async def test_a_socket_that_says_too_much_is_told_and_closed() -> None:
    async with serving(FAKE, messages_per_second=10) as server, Line(server.url) as line:
        for _ in range(60):
            await line.send(type="interrupt")
        async with patient(10):
            while (message := await line.next("error"))["error"]["status"] != 429:
                assert message["error"]["status"] == 422
        await until(lambda: line.socket.close_code is not None)
        assert line.socket.close_code == 1008
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("trusted", "header", "address", "behind"),
    [
        ([], None, "127.0.0.1", False),
        ([], "203.0.113.9", "127.0.0.1", True),
        (["127.0.0.1"], "203.0.113.9", "203.0.113.9", False),
        (["127.0.0.1"], "192.168.7.7, 203.0.113.9", "203.0.113.9", False),
        (["10.0.0.0/8"], "203.0.113.9", "127.0.0.1", True),
    ],
)
async def test_where_a_client_is_is_said_by_trusted_proxies_alone(
    trusted: list[str], header: str | None, address: str, behind: bool
) -> None:
    headers = {} if header is None else {"X-Forwarded-For": header}
    async with (
        serving(FAKE, trusted_proxies=trusted) as server,
        httpx.AsyncClient(base_url=server.url, headers=headers) as client,
        Caller() as caller,
    ):
        answer = await client.post("/v1/sessions", content=await caller.offer(), headers=SDP)
        identity = server.session(answer.headers["location"].rpartition("/")[2]).opened_by
        assert (identity.address, identity.behind_proxy) == (address, behind)
        async with Line(server.url, additional_headers=headers) as line:
            await line.send(type="offer", sdp=await caller.offer())
            identity = server.session((await line.next("answer"))["session"]).opened_by
            assert (identity.address, identity.behind_proxy) == (address, behind)


async def test_too_many_sockets_of_one_address_are_refused() -> None:
    async with serving(FAKE, offers_per_second=0.5) as server, contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(Line(server.url))
        with pytest.raises(InvalidStatus) as refusal:
            await stack.enter_async_context(Line(server.url))
        assert refusal.value.response.status_code == 429
        assert int(refusal.value.response.headers["retry-after"]) >= 1
