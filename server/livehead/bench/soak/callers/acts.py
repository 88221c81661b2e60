"""What a caller does on each kind of visit."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from livehead.bench.soak.callers.babble import PUSH_RATE, Babble, for_push, wav
from livehead.bench.soak.callers.peer import Peer
from livehead.bench.soak.callers.reports import VisitReport
from livehead.bench.soak.callers.server import CallersServer
from livehead.bench.soak.callers.visits import PRESETS, Visit
from livehead.client.call.microphone import RATE, Microphone
from livehead.client.errors import ProblemError, problem_error
from livehead.client.session import Session
from livehead.errors import LiveheadError

FIRST_PICTURE_S = 15.0
"""How long a call may take until there is a picture."""

ANSWER_S = 10.0
PLAYED_S = 15.0
FILM_S, RENDER_S = 30.0, 120.0
"""How long a film may take after its call, and a render."""

RECORDING = "/v1/recordings/"
COLOURS = ("#204060", "#808080", "#f0e0d0")
INTERRUPTS = 0.3
"""Share of the pushed phrases that are interrupted."""


class Acts:
    """Of one caller. ``stop`` is set when the soak ends: a visit is cut short then, but ended as it would be."""

    def __init__(self, server: CallersServer, babble: Babble, stop: asyncio.Event) -> None:
        self._server = server
        self._babble = babble
        self._stop = stop
        self._report: VisitReport
        self._chance = random.Random()
        self._avatars: list[str] = []
        self._looks: list[str] = []

    async def visit(self, visit: Visit, report: VisitReport) -> None:
        """Fills in ``report``. Raises LiveheadError and OSError where something went wrong, RefusedError where the
        server had no room."""
        self._report = report
        self._chance = random.Random(visit.seed)
        if not self._avatars:
            self._avatars = [each["id"] for each in await self._server.json("/v1/avatars") if not each["own"]]
            self._looks = list((await self._server.json("/v1/info"))["looks"])
        acts: dict[str, Callable[[Visit], Awaitable[None]]] = {
            "talk": self._talk,
            "signal": self._signal,
            "push": self._push,
            "watch": self._watch,
            "film": self._film,
            "render": self._render,
            "upload": self._upload,
        }
        await acts[visit.kind](visit)

    # -- kinds

    async def _talk(self, visit: Visit, avatar: str | None = None) -> None:
        async with self._called(visit, {"source": "mic", "avatar": avatar or self._avatar()}) as (peer, mic, _):
            await self._talking(peer, mic, time.monotonic() + visit.seconds)

    async def _push(self, visit: Visit) -> None:
        query = {"source": "push", "voice": "on", "avatar": self._avatar()}
        async with (
            self._called(visit, query) as (peer, _, answer),
            self._server.client.attach(_name(answer.headers["Location"])) as session,
        ):
            await self._pushing([peer], session, time.monotonic() + visit.seconds)

    async def _film(self, visit: Visit) -> None:
        query = {"source": "mic", "record": "1", "avatar": self._avatar()}
        async with self._called(visit, query) as (peer, mic, answer):
            links = answer.headers.get_list("Link")
            await self._talking(peer, mic, time.monotonic() + visit.seconds)
        recording = next(link.partition(RECORDING)[2].partition(">")[0] for link in links if RECORDING in link)
        self._report.made = False
        within = FILM_S * self._server.patience
        self._report.made = await self._server.film_plays(recording, self._report.watched_s, within)

    async def _render(self, visit: Visit) -> None:
        pcm = self._babble.phrase(min(3.0, visit.seconds))
        self._report.made = False
        self._report.made = await self._server.render_plays(
            wav(pcm), self._avatar(), len(pcm) / RATE, RENDER_S * self._server.patience
        )

    async def _upload(self, visit: Visit) -> None:
        original = (await self._server.request("GET", f"/v1/avatars/{self._avatar()}/image")).content
        picture = await asyncio.to_thread(_tinted, original, self._chance.randrange(1 << 24))
        form = {"consent": "yes", "name": "Soak"}
        try:
            answer = await self._server.request(
                "POST", "/v1/avatars", files={"image": ("soak.png", picture, "image/png")}, data=form
            )
        except ProblemError as error:
            if error.status in (429, 503):
                raise await self._server.refused(error, "auto", None) from error
            raise
        own = str(answer.json()["id"])
        try:
            await self._talk(visit, own)
        finally:
            await self._server.end(f"/v1/avatars/{own}")

    async def _watch(self, visit: Visit) -> None:
        before = await self._server.room(visit.preset)
        opened = self._server.client.session(avatar=self._avatar(), latency=visit.preset)
        try:
            await opened.open()
        except ProblemError as error:
            if error.status in (429, 503):
                raise await self._server.refused(error, visit.preset, before) from error
            raise
        try:
            peers = [await self._peer(visit, None), await self._peer(visit, None)]
            try:
                for peer in peers:
                    token = {"Authorization": f"Bearer {opened.token}"}
                    answer = await self._server.open(opened.whep, await peer.offer(), {}, **token)
                    await peer.accept(answer.text, FIRST_PICTURE_S * self._server.patience)
                ends = time.monotonic() + visit.seconds
                await self._pushing(peers, opened, time.monotonic() + visit.seconds / 2)
                await peers[1].drop()  # the other one stays
                await self._pushing(peers[:1], opened, ends)
            finally:
                self._seen(peers[0])
                for peer in peers:
                    await peer.close()
        finally:
            await opened.close()

    async def _signal(self, visit: Visit) -> None:
        mic = Microphone()
        peer = await self._peer(visit, mic)
        before = await self._server.room(visit.preset)
        socket = await self._server.sockets.socket("/v1/signal")
        reading: asyncio.Task[None] | None = None
        try:
            offer = {"type": "offer", "sdp": await peer.offer(), "avatar": self._avatar(), "latency": visit.preset}
            await _say(socket, offer)
            async with asyncio.timeout(ANSWER_S * self._server.patience):
                while (told := json.loads(await socket.recv()))["type"] not in ("answer", "error"):
                    continue
            if told["type"] == "error":
                error = problem_error(told["error"])
                raise await self._server.refused(error, visit.preset, before) if error.status in (429, 503) else error
            reading = asyncio.create_task(_errors(socket), name="signal")
            await peer.accept(told["sdp"], FIRST_PICTURE_S * self._server.patience)
            await self._talking(
                peer, mic, time.monotonic() + visit.seconds, lambda: self._change(socket, visit), reading
            )
            if visit.ending == "delete":
                await _say(socket, {"type": "bye"})
        except ConnectionClosed as error:
            raise LiveheadError(f"the signal socket was closed: {error}") from None
        finally:
            self._seen(peer)
            if reading is not None:
                reading.cancel()
                await asyncio.wait([reading])
            if visit.ending == "drop":
                socket.transport.abort()
                await peer.drop()
            await peer.close()
            await socket.close()

    # -- parts

    @contextlib.asynccontextmanager
    async def _called(
        self, visit: Visit, query: dict[str, str]
    ) -> AsyncIterator[tuple[Peer, Microphone, httpx.Response]]:
        """A call over HTTP with a picture; it is ended as the visit says."""
        mic = Microphone()
        peer = await self._peer(visit, mic)
        location = None
        try:
            answer = await self._server.open("/v1/sessions", await peer.offer(), query | {"latency": visit.preset})
            location = answer.headers["Location"]
            await peer.accept(answer.text, FIRST_PICTURE_S * self._server.patience)
            yield peer, mic, answer
        finally:
            self._seen(peer)
            if visit.ending == "drop":
                await peer.drop()
            elif location is not None and visit.ending == "delete":
                await self._server.end(location)
            await peer.close()

    async def _peer(self, visit: Visit, mic: Microphone | None) -> Peer:
        servers = await self._server.ice_servers()
        return Peer(servers, mic, loss=visit.loss, jitter_ms=visit.jitter_ms, seed=visit.seed)

    async def _talking(
        self,
        peer: Peer,
        mic: Microphone,
        ends: float,
        change: Callable[[], Awaitable[None]] | None = None,
        reading: asyncio.Task[None] | None = None,
    ) -> None:
        """Phrases and pauses; in each pause, where there is one, a change."""
        while (left := ends - time.monotonic()) > 1 and not self._stop.is_set():
            pcm = self._babble.phrase(left)
            playing = asyncio.create_task(mic.play(pcm, RATE), name="talk")
            try:
                await self._wait(len(pcm) / RATE, [peer])
            finally:
                playing.cancel()
                await asyncio.wait([playing])
            if reading is not None and reading.done():
                reading.result()
            if change is not None:
                await change()
            await self._wait(min(self._babble.pause(len(pcm) / RATE), ends - time.monotonic()), [peer])

    async def _pushing(self, peers: list[Peer], session: Session, ends: float) -> None:
        """Phrases that a backend gives; some are interrupted, the others are spoken to their end."""
        while (left := ends - time.monotonic()) > 1 and not self._stop.is_set():
            pcm = self._babble.phrase(left)
            spoken_s = len(pcm) / RATE
            playback = await session.speak(for_push(pcm), rate=PUSH_RATE)
            if self._chance.random() < INTERRUPTS:
                await self._wait(self._chance.uniform(0, spoken_s), peers)
                await session.interrupt()
            async with asyncio.timeout((spoken_s + PLAYED_S) * self._server.patience):
                await playback.finished()
            await self._wait(min(self._babble.pause(spoken_s), ends - time.monotonic()), peers)

    async def _change(self, socket: ClientConnection, visit: Visit) -> None:
        """A portrait, a look or a preset, or an interrupt."""
        kinds = [{"type": "avatar", "id": self._avatar()}, {"type": "interrupt"}]
        kinds += [{"type": "latency", "preset": self._chance.choice(PRESETS)}]
        looks: list[dict[str, Any]] = [{"background": "keep"}]
        looks += [{"background": self._chance.choice(COLOURS)}] if "colour" in self._looks else []
        looks += [{"background": "blur"}] if "blur" in self._looks else []
        await _say(socket, self._chance.choice([*kinds, {"type": "look", "look": self._chance.choice(looks)}]))

    async def _wait(self, seconds: float, peers: list[Peer]) -> None:
        """Ends early with the soak. Raises LiveheadError where the server ends a call meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stop.wait()
        for peer in peers:
            peer.check()

    def _avatar(self) -> str:
        return self._chance.choice(self._avatars)

    def _seen(self, peer: Peer) -> None:
        report = self._report
        report.frames, report.watched_s = len(peer.recording.frames), peer.watched_s()
        report.stills = peer.stills()


async def _say(socket: ClientConnection, message: dict[str, Any]) -> None:
    await socket.send(json.dumps(message))


async def _errors(socket: ClientConnection) -> None:
    """Read what the server says. Raises LiveheadError for an error that is neither that something does not fit nor that
    there were too many changes."""
    with contextlib.suppress(ConnectionClosed):
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "error" and message["error"].get("status") not in (429, 503):
                raise problem_error(message["error"])


def _name(location: str) -> str:
    return location.rpartition("/")[2]


def _tinted(picture: bytes, colour: int) -> bytes:
    """The same face as another picture: a little of a colour over all of it."""
    with Image.open(io.BytesIO(picture)) as opened:
        pixels: NDArray[np.float32] = np.asarray(opened.convert("RGB").resize((384, 384)), np.float32)
    tint = np.array([colour >> 16, colour >> 8 & 255, colour & 255], np.float32)
    out = io.BytesIO()
    Image.fromarray(np.clip(0.94 * pixels + 0.06 * tint, 0, 255).astype(np.uint8)).save(out, "PNG", compress_level=1)
    return out.getvalue()
