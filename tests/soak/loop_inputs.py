"""Inputs that ask much of the server's event loop, each as much of it as is taken at once, from many addresses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from light_caller import LightCaller

from livehead.access.keys import new_key
from livehead.bench.attack.line import Line
from livehead.bench.attack.offer_text import offer
from livehead.bench.attack.wire import BINARY, TEXT, HttpAnswer, RefusedError, Target, Wire, frame
from pictures import face_file

SDP = "application/sdp"
JSON = "application/json"
OFFERS = Path(__file__).parents[1] / "media" / "peer" / "offers"
KEYS = 200

ENOUGH_MBIT = 10_000.0


class Visitors:
    """Clients of one server, by the byte, each from an address of its own. ``scale`` is how many of each there are."""

    def __init__(self, url: str, keys: tuple[str, ...], costly_offer: str, scale: float = 1.0) -> None:
        self.url = url
        self.key = keys[0]
        self.costly_offer = costly_offer
        self._parts = urlsplit(url)
        self._keys = keys
        self._scale = scale
        self._came = 0

    def count(self, number: int) -> int:
        """So many at full scale."""
        return max(1, round(number * self._scale))

    async def wire(self, key: str = "") -> Wire:
        self._came += 1
        source = f"127.0.{1 + self._came // 250 % 250}.{1 + self._came % 250}"
        target = Target(self._parts.hostname or "", self._parts.port or 0, (), source, key or self.key)
        return await Wire.open(target, Line(ENOUGH_MBIT))

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "", **headers: str) -> HttpAnswer:
        wire = await self.wire(self._keys[self._came % len(self._keys)])
        try:
            return await wire.request(method, path, body, kind, headers)
        finally:
            wire.abort()

    async def at_once(self, number: int, one: Callable[[int], Awaitable[object]]) -> None:
        """So many connections are made, and then all begin."""
        async with asyncio.TaskGroup() as group:
            for each in range(self.count(number)):
                group.create_task(self._one(one, each))

    @staticmethod
    async def _one(one: Callable[[int], Awaitable[object]], number: int) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError, RefusedError):
            await one(number)

    async def post_at_once(self, number: int, path: str, body: Callable[[int], bytes], kind: str) -> list[HttpAnswer]:
        """So many clients that are connected already send at the same instant."""
        wires = [await self.wire() for _ in range(self.count(number))]
        try:
            answers = await asyncio.gather(
                *(wire.request("POST", path, body(each), kind) for each, wire in enumerate(wires)),
                return_exceptions=True,
            )
        finally:
            for wire in wires:
                wire.abort()
        return [answer for answer in answers if isinstance(answer, HttpAnswer)]

    async def session(self) -> str:
        answer = await self._own("POST", "/v1/sessions", b"{}", JSON)
        assert answer.status == 201, answer
        return str(json.loads(answer.body)["session"])

    async def end(self, answers: list[HttpAnswer]) -> None:
        for answer in answers:
            if answer.status == 201 and "location" in answer.headers:
                await self._own("DELETE", answer.headers["location"])

    async def _own(self, method: str, path: str, body: bytes = b"", kind: str = "") -> HttpAnswer:
        target = Target(self._parts.hostname or "", self._parts.port or 0, (), "127.0.0.1", self.key)
        wire = await Wire.open(target, Line(ENOUGH_MBIT))
        try:
            return await wire.request(method, path, body, kind)
        finally:
            wire.abort()


@contextlib.asynccontextmanager
async def viewers(visitors: Visitors, session: str, number: int) -> AsyncIterator[list[LightCaller]]:
    """So many are connected to a session."""
    callers = [LightCaller() for _ in range(number)]
    try:
        for caller in callers:
            answer = await visitors._own("POST", f"/whep/{session}", (await caller.offer()).encode(), SDP)
            assert answer.status == 201, answer
            await caller.accept(answer.body.decode(), 30)
        yield callers
    finally:
        for caller in callers:
            caller.vanish()
        await asyncio.gather(*(caller.close() for caller in callers))


async def offers_of_browsers(visitors: Visitors) -> None:
    names = ("chromium", "firefox", "safari")
    texts = [(OFFERS / f"{name}.sdp").read_bytes() for name in names]
    await visitors.end(await visitors.post_at_once(100, "/v1/sessions", lambda n: texts[n % len(texts)], SDP))


async def costly_offers(visitors: Visitors) -> None:
    text = visitors.costly_offer.encode()
    await visitors.end(await visitors.post_at_once(100, "/v1/sessions", lambda _: text, SDP))


async def offers_of_nobody(visitors: Visitors) -> None:
    await visitors.end(await visitors.post_at_once(100, "/v1/sessions", lambda _: offer(), SDP))


async def offers_on_sockets(visitors: Visitors) -> None:
    async def one(_: int) -> None:
        wire = await visitors.wire()
        try:
            await wire.upgrade("/v1/signal")
            await wire.send(frame(json.dumps({"type": "offer", "sdp": offer().decode()}).encode()))
            await wire.message()
        finally:
            wire.abort()

    await visitors.at_once(100, one)


async def calls_connect_and_end_at_once(visitors: Visitors) -> None:
    session = await visitors.session()
    async with viewers(visitors, session, visitors.count(50)):
        await asyncio.sleep(0.5)
        await visitors._own("DELETE", f"/v1/sessions/{session}")


async def handshakes_at_once(visitors: Visitors) -> None:
    """All clients have their answers before any of them begins to connect."""
    session = await visitors.session()
    callers = [LightCaller() for _ in range(visitors.count(40))]
    try:
        answers = []
        for caller in callers:
            answers.append(await visitors._own("POST", f"/whep/{session}", (await caller.offer()).encode(), SDP))
        await asyncio.gather(
            *(caller.accept(answer.body.decode(), 30) for caller, answer in zip(callers, answers, strict=True))
        )
    finally:
        await visitors._own("DELETE", f"/v1/sessions/{session}")
        await asyncio.gather(*(caller.close() for caller in callers))


def deep_json(size: int) -> bytes:
    """As many brackets, numbers and escapes as the bounds let in."""
    body = b'{"list":[' + b",".join([b"[0.1e-7]"] * 900) + b'],"text":"'
    return body + b"\\u00e9" * ((size - len(body) - 3) // 6) + b'"}'


def numbers_json(size: int) -> bytes:
    """Nothing but short numbers."""
    return b'{"a":[' + b",".join([b"1"] * ((size - 10) // 2)) + b"]}"


def names_json(size: int) -> bytes:
    """Nothing but short names."""
    pairs = [b'"%x":1' % number for number in range(size // 9)]
    return b"{" + b",".join(pairs) + b"}"


async def json_bodies(visitors: Visitors) -> None:
    bodies = [each(65_000) for each in (deep_json, numbers_json, names_json)]
    for path in ("/v1/sessions", "/v1/tokens"):
        await visitors.end(await visitors.post_at_once(40, path, lambda n: bodies[n % len(bodies)], JSON))


async def messages_on_sockets(visitors: Visitors) -> None:
    bodies = [each(128_000) for each in (deep_json, numbers_json, names_json)]

    async def one(number: int) -> None:
        wire = await visitors.wire()
        try:
            await wire.upgrade("/v1/signal")
            for _ in range(20):
                await wire.send(frame(bodies[number % len(bodies)]))
            async with asyncio.timeout(4):
                await wire.end()
        finally:
            wire.abort()

    await visitors.at_once(20, one)


async def speech_in_large_messages(visitors: Visitors) -> None:
    session = await visitors.session()
    wire = await visitors.wire()
    sound = frame(secrets.token_bytes(2_000_000), BINARY)
    text = frame(b'{"type":"end","a":"' + b"\\n" * 60_000 + b'"}', TEXT)
    try:
        await wire.upgrade(f"/v1/sessions/{session}/speech?rate=48000")
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(5):
                for _ in range(visitors.count(5)):
                    await wire.send(sound)
                    await wire.send(text)
    except RefusedError:
        pass
    finally:
        wire.abort()
        await visitors._own("DELETE", f"/v1/sessions/{session}")


async def uploads(visitors: Visitors) -> None:
    """Portraits of the largest size, one that is none, and a form that is nothing but beginnings of boundaries."""
    large = b"\xff\xd8\xff" + secrets.token_bytes(9_900_000)
    boundaries = (b"\r\n--" + b"x" * 69 + b"y") * 50_000
    picture = face_file("PNG", 1024)

    async def one(number: int) -> None:
        content = (picture, large, boundaries)[number % 3]
        part = b"--" + b"x" * 70 + b'\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        body = part % (b"consent", b"yes") + part % (b"image", content) + b"--" + b"x" * 70 + b"--\r\n"
        await visitors.ask("POST", "/v1/avatars", body, "multipart/form-data; boundary=" + "x" * 70)

    await visitors.at_once(12, one)


async def credentials(visitors: Visitors) -> None:
    """Tokens are made and used, wrong ones and wrong keys are tried."""

    async def one(number: int) -> None:
        answer = await visitors.ask("POST", "/v1/tokens", b'{"roles":["open","view"],"uses":5}', JSON)
        good = json.loads(answer.body).get("token", "")
        for credential in (good, good[:-2] + "xx", "lh_" + secrets.token_urlsafe(32), "e30." * 2000, "x" * 8000):
            await visitors.ask("GET", "/v1/info", Authorization=f"Bearer {credential}")

    await visitors.at_once(150, one)


async def listings(visitors: Visitors) -> None:
    """Of all that an owner may have, and of what is the same for all."""

    async def one(number: int) -> None:
        paths = ("/v1/avatars", "/v1/recordings", "/v1/renders", "/v1/info", "/metrics", "/openapi.json", "/")
        for path in paths:
            await visitors._own("GET", path)

    await visitors.at_once(20, one)


async def heads(visitors: Visitors) -> None:
    """Requests as long as they may be, and hundreds in one packet."""
    names = "".join(f"x-{number}: {'y' * 300}\r\n" for number in range(90))

    async def one(number: int) -> None:
        wire = await visitors.wire()
        try:
            request = wire.head("GET", "/healthz", {})
            if number % 2:
                await wire.send(request * 400)
            else:
                await wire.send(request[:-2] + names.encode() + b"\r\n")
            async with asyncio.timeout(2):
                await wire.end()
        finally:
            wire.abort()

    await visitors.at_once(60, one)


async def connections(visitors: Visitors) -> None:
    async def one(_: int) -> None:
        wire = await visitors.wire()
        await asyncio.sleep(0.2)
        wire.abort()

    await visitors.at_once(400, one)


async def sessions_that_end_at_once(visitors: Visitors) -> None:
    """One hundred, without anybody who looks, and all are looked up and ended together."""
    ids = [await visitors.session() for _ in range(visitors.count(100))]
    await asyncio.gather(*(visitors._own("GET", f"/v1/sessions/{each}") for each in ids))
    await asyncio.gather(*(visitors._own("DELETE", f"/v1/sessions/{each}") for each in ids))


INPUTS: dict[str, Callable[[Visitors], Awaitable[None]]] = {
    "100 offers of browsers at once": offers_of_browsers,
    "100 of the costliest offers within the bounds at once": costly_offers,
    "100 offers of clients that never connect at once": offers_of_nobody,
    "100 offers on signalling sockets at once": offers_on_sockets,
    "40 DTLS handshakes at once": handshakes_at_once,
    "50 viewers, and the end of all at once": calls_connect_and_end_at_once,
    "100 sessions that are ended at once": sessions_that_end_at_once,
    "JSON bodies of 64 KiB, 40 at once": json_bodies,
    "messages of 125 KiB on 20 signalling sockets": messages_on_sockets,
    "speech in messages of 2 MB, and long texts": speech_in_large_messages,
    "uploads of 10 MB, 12 at once": uploads,
    "tokens made and tried, wrong keys, 150 clients": credentials,
    "lists, /metrics, /v1/info, /openapi.json, 20 clients": listings,
    "requests of 30 kB, and 400 in one packet": heads,
    "400 connections at once": connections,
}
"""By what the page says of them."""


def keys() -> tuple[tuple[str, ...], str]:
    """API keys, and the setting that makes them the server's."""
    made = [new_key(f"owner{number}", "") for number in range(KEYS)]
    return tuple(key for key, _ in made), json.dumps([str(stored) for _, stored in made])
