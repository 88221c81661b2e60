"""A session's life in any order, by a key, its tokens, another key and nobody, as a state machine of hypothesis.

The server runs on an event loop; the machine runs in a thread, and its clients on that loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.doors import SECRET, Credentials
from fuzz.target import load
from fuzz.targets.messages import KEYS, TYPES
from fuzz.targets.offers import OFFERS
from livehead.access.tokens import Grant, Tokens
from livehead.core.identity import Role
from serving import Served

Result = TypeVar("Result")

PATIENCE_S = 20.0
RATES = ("24000", "16000", "7", "x")
SPOKEN = (bytes(960), b"\x00\x40" * 480, b"odd", '{"type":"end"}', '{"type":"interrupt"}', "{")
OFFER = OFFERS[0].decode()
SIGNAL, FRAGMENT = load("signal_message"), load("sdp_fragment")
WHO = ("alice", "opener", "viewer", "other", "bob", "stranger", "nobody")
"""Alice's key and her tokens: with all roles, with view alone, and with all roles again; bob's key, and a token of his.
"""


@dataclass
class Surroundings:
    """What a machine works on; set before it runs."""

    served: Served
    credentials: Credentials
    loop: asyncio.AbstractEventLoop
    client: httpx.AsyncClient


@dataclass(frozen=True)
class Opened:
    """A session that was opened: by whom, and whether it is steered from a socket."""

    id: str
    who: str
    source: str
    socket: ClientConnection | None = None


class SessionLife(RuleBasedStateMachine):
    surroundings: Surroundings

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Opened] = []
        self.ended: list[Opened] = []
        self.sockets: list[ClientConnection] = []
        self.tokens: dict[str, str | None] = {}

    def wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        async def limited() -> Result:
            async with asyncio.timeout(PATIENCE_S):
                return await coroutine

        return asyncio.run_coroutine_threadsafe(limited(), self.surroundings.loop).result()

    @initialize()
    def credentials(self) -> None:
        tokens, credentials, everything = Tokens(SECRET, 600), self.surroundings.credentials, frozenset(Role)
        self.tokens = {
            "alice": credentials.alice,
            "opener": tokens.make("alice", Grant(roles=everything)),
            "viewer": tokens.make("alice", Grant(roles=frozenset({Role.VIEW}))),
            "other": tokens.make("alice", Grant(roles=everything)),
            "bob": credentials.bob,
            "stranger": tokens.make("bob", Grant(roles=everything)),
            "nobody": None,
        }

    # Who may do what, said once more and apart from the server.

    def may(self, who: str, session: Opened, role: Role) -> bool:
        if who == "nobody" or self.owner(who) != self.owner(session.who):
            return False
        if who in ("alice", "bob"):
            return True
        if who == "viewer" and role is not Role.VIEW:
            return False
        return role is not Role.OPEN or who == session.who

    def owner(self, who: str) -> str:
        return {"bob": "bob", "stranger": "bob", "nobody": ""}.get(who, "alice")

    def headers(self, who: str, **more: str) -> dict[str, str]:
        token = self.tokens[who]
        return more | ({} if token is None else {"Authorization": f"Bearer {token}"})

    def alive(self, session: Opened) -> bool:
        return any(each.id == session.id for each in self.surroundings.served.services.registry.sessions)

    def request(self, method: str, path: str, who: str, content: bytes | None = None, kind: str = "") -> httpx.Response:
        headers = self.headers(who, **({"Content-Type": kind} if kind else {}))
        client = self.surroundings.client
        response = self.wait(client.request(method, path, content=content, headers=headers))
        assert response.status_code < 500 or response.status_code == 503, response.text
        if response.status_code >= 400:
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["status"] == response.status_code
        return response

    # What is done.

    @rule(who=st.sampled_from(WHO), source=st.sampled_from(("mic", "push")), avatar=st.sampled_from(("default", "x")))
    def open(self, who: str, source: str, avatar: str) -> None:
        path = f"/v1/sessions?source={source}&avatar={avatar}"
        response = self.request("POST", path, who, OFFER.encode(), "application/sdp")
        if who == "nobody":
            assert response.status_code == 401
        elif who == "viewer":
            assert response.status_code == 403
        elif response.status_code == 201:
            assert avatar == "default"
            self.opened.append(Opened(response.headers["location"].rpartition("/")[2], who, source))
        else:
            assert response.status_code in (404, 429, 503)

    @rule(who=st.sampled_from(WHO), seed=st.integers(0, 2**16))
    def open_with_a_changed_offer(self, who: str, seed: int) -> None:
        offer = load("sdp_offer").variant(OFFERS[seed % len(OFFERS)], random.Random(seed))
        response = self.request("POST", "/v1/sessions", who, offer, "application/sdp")
        if response.status_code == 201:
            assert who not in ("nobody", "viewer")
            self.opened.append(Opened(response.headers["location"].rpartition("/")[2], who, "mic"))

    @rule(who=st.sampled_from(WHO), source=st.sampled_from(("mic", "push")), in_offer=st.booleans())
    def open_by_socket(self, who: str, source: str, in_offer: bool) -> None:
        session = self.wait(self._signal(who, source, in_offer))
        if session is not None:
            assert who not in ("nobody", "viewer")
            self.opened.append(session)

    @precondition(lambda self: self.opened)
    @rule(who=st.sampled_from(WHO), which=st.integers(0, 9))
    def look(self, who: str, which: int) -> None:
        session = self.opened[which % len(self.opened)]
        alive = self.alive(session)
        response = self.request("GET", f"/v1/sessions/{session.id}", who)
        if response.status_code == 200:
            assert self.may(who, session, Role.VIEW), "another key's session was shown"
        else:
            assert response.status_code in (401, 403, 404)
            assert not (alive and self.alive(session) and self.may(who, session, Role.VIEW)), response.text

    @precondition(lambda self: self.opened)
    @rule(who=st.sampled_from(WHO), which=st.integers(0, 9), seed=st.integers(0, 2**16), match=st.booleans())
    def trickle(self, who: str, which: int, seed: int, match: bool) -> None:
        session = self.opened[which % len(self.opened)]
        body = FRAGMENT.variant(FRAGMENT.seeds[0], random.Random(seed))
        response = self.request(
            "PATCH",
            f"/v1/sessions/{session.id}",
            who,
            body,
            "application/trickle-ice-sdpfrag" if match else "text/plain",
        )
        assert response.status_code != 204 or (match and self.may(who, session, Role.OPEN))

    @precondition(lambda self: self.opened)
    @rule(who=st.sampled_from(WHO), which=st.integers(0, 9))
    def delete(self, who: str, which: int) -> None:
        session = self.opened[which % len(self.opened)]
        response = self.request("DELETE", f"/v1/sessions/{session.id}", who)
        if response.status_code == 200:
            assert self.may(who, session, Role.OPEN), "another key's session was ended"
            self.opened.remove(session)
            self.ended.append(session)

    @precondition(lambda self: self.ended)
    @rule(who=st.sampled_from(WHO), method=st.sampled_from(("GET", "DELETE")), which=st.integers(0, 9))
    def come_too_late(self, who: str, method: str, which: int) -> None:
        session = self.ended[which % len(self.ended)]
        response = self.request(method, f"/v1/sessions/{session.id}", who)
        assert response.status_code in (401, 403, 404)

    @precondition(lambda self: any(each.socket for each in self.opened))
    @rule(which=st.integers(0, 9), seed=st.integers(0, 2**16), message=st.sampled_from((*TYPES, "variant", "bytes")))
    def steer(self, which: int, seed: int, message: str) -> None:
        """Any message: steering, rubbish, another offer, bye."""
        steered = [each for each in self.opened if each.socket]
        session = steered[which % len(steered)]
        chance = random.Random(seed)
        text: str | bytes
        if message == "variant":
            text = SIGNAL.variant(chance.choice(SIGNAL.seeds), chance, 20_000).decode("utf-8", "replace")
        elif message == "bytes":
            text = chance.randbytes(chance.randrange(200))
        else:
            values = {"id": "ben", "preset": chance.choice(("low", "balanced", "x")), "sdp": OFFER, "candidate": None}
            text = json.dumps({"type": message} | {key: values[key] for key in KEYS if key in values})
        assert session.socket is not None
        with contextlib.suppress(ConnectionClosed):
            self.wait(session.socket.send(text))
        if message == "bye" or b'"bye"' in (text if isinstance(text, bytes) else text.encode()):
            self.opened.remove(session)

    @precondition(lambda self: any(each.socket for each in self.opened))
    @rule(which=st.integers(0, 9))
    def hang_up(self, which: int) -> None:
        steered = [each for each in self.opened if each.socket]
        session = steered[which % len(steered)]
        assert session.socket is not None
        session.socket.transport.abort()

    @precondition(lambda self: self.opened)
    @rule(who=st.sampled_from(WHO), which=st.integers(0, 9), rate=st.sampled_from(RATES), seed=st.integers(0, 2**16))
    def speak(self, who: str, which: int, rate: str, seed: int) -> None:
        session = self.opened[which % len(self.opened)]
        told = self.wait(self._speak(session, who, rate, random.Random(seed)))
        if told == 101:
            assert self.may(who, session, Role.SPEAK), "somebody spoke through another key's session"
            assert session.source == "push"
        else:
            assert 400 <= told < 500

    async def _signal(self, who: str, source: str, in_offer: bool) -> Opened | None:
        token = self.tokens[who]
        url = self.surroundings.served.url.replace("http", "ws") + "/v1/signal"
        headers = {} if in_offer or token is None else {"Authorization": f"Bearer {token}"}
        try:
            socket = await connect(url, additional_headers=headers, ping_interval=None)
        except InvalidStatus as error:
            status = error.response.status_code
        else:
            status = 101
        if status != 101:
            assert status in (401, 403, 429)
            return None
        self.sockets.append(socket)
        offer = {"type": "offer", "sdp": OFFER, "source": source} | ({"token": token} if in_offer and token else {})
        await socket.send(json.dumps(offer))
        message = json.loads(await socket.recv())
        if message["type"] == "error":
            assert message["error"]["status"] in (401, 403, 429, 503), message
            return None
        assert message["type"] == "answer"
        return Opened(message["session"], who, source, socket)

    async def _speak(self, session: Opened, who: str, rate: str, chance: random.Random) -> int:
        url = f"{self.surroundings.served.url.replace('http', 'ws')}/v1/sessions/{session.id}/speech?rate={rate}"
        try:
            socket = await connect(url, additional_headers=self.headers(who), ping_interval=None)
        except InvalidStatus as error:
            return error.response.status_code
        self.sockets.append(socket)
        with contextlib.suppress(ConnectionClosed):
            for _ in range(chance.randrange(6)):
                await socket.send(chance.choice(SPOKEN))
        if chance.random() < 0.5:
            socket.transport.abort()
        return 101

    # What always holds.

    @invariant()
    def slots_are_counted_right(self) -> None:
        registry = self.surroundings.served.services.registry
        assert 0 <= registry.active <= 3
        assert registry.active == sum(registry.taken.values())
        assert all(count > 0 for count in registry.taken.values())

    @invariant()
    def every_session_belongs_to_who_opened_it(self) -> None:
        known = {each.id: each for each in (*self.opened, *self.ended)}
        for session in self.surroundings.served.services.registry.sessions:
            if session.id in known:
                assert session.opened_by.owner == self.owner(known[session.id].who)

    @invariant()
    def the_server_is_well(self) -> None:
        response = self.wait(self.surroundings.client.get("/healthz"))
        assert response.status_code == 200

    def teardown(self) -> None:
        """Nothing is left: no slot, no stream of the engine."""
        services = self.surroundings.served.services

        async def end() -> None:
            for socket in self.sockets:
                socket.transport.abort()
            for session in list(services.registry.sessions):
                session.end("test-over")
            while services.registry.active or services.host.streams:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        self.wait(end())
