"""The server as a caller has it: requests, what is refused, and films."""

from __future__ import annotations

import asyncio
import io
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import av
import httpx
from aiortc import RTCIceServer

from livehead.bench.soak.callers.reports import Refusal
from livehead.client.errors import ConnectionLost, NotFound, ProblemError, refusal
from livehead.client.server import Livehead
from livehead.client.transport.http import Http
from livehead.core.block import BLOCK_S
from livehead.errors import LiveheadError

ASK_S = 0.7
"""Between two questions whether a film is done."""

STEP_S = 15.0
APART_S = 0.5
"""Sound and picture of a film may differ in length by so much."""


class RefusedError(LiveheadError):
    def __init__(self, told: Refusal) -> None:
        super().__init__(f"refused with {told.status} {told.problem}")
        self.refusal = told


class CallersServer:
    """An async context manager. ``client`` is the project's own client, which asks once and no more; ``sockets`` opens
    WebSockets."""

    def __init__(self, url: str, key: str | None, patience: float) -> None:
        self.patience = patience
        self.sockets = Http(url, key, STEP_S * patience, 0.0)
        self.client = Livehead(url, key=key, timeout=STEP_S * patience, patience=0.0)
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        self._http = httpx.AsyncClient(headers=self._headers, timeout=STEP_S * self.patience)
        await self.sockets.open()
        await self.client.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.close()
        await self.sockets.close()
        await self._http.aclose()

    async def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Raises ProblemError for every status of 400 and above, and ConnectionLost."""
        try:
            answer = await self._http.request(method, urljoin(self._url, path), **given)
        except httpx.HTTPError as error:
            raise ConnectionLost(f"{method} {path}: {error or type(error).__name__}") from error
        if answer.is_error:
            raise refusal(answer.status_code, answer.content, answer.headers.get("Retry-After"))
        return answer

    async def json(self, path: str) -> Any:
        return (await self.request("GET", path)).json()

    async def ice_servers(self) -> list[RTCIceServer]:
        told = await self.json("/v1/ice-servers")
        return [RTCIceServer(each["urls"], each.get("username"), each.get("credential")) for each in told]

    async def room(self, preset: str) -> int | None:
        """For how many more sessions at this preset there is room; None where the server does not say."""
        sessions = (await self.json("/v1/info"))["sessions"]
        counts = sessions["auto"] if preset == "auto" else sessions["by_preset"].get(preset, {})
        room = counts.get("room")
        most = sessions.get("max")
        free = None if most is None else most - sessions["active"]
        known = [each for each in (room, free) if each is not None]
        return min(known) if known else None

    async def refused(self, error: ProblemError, preset: str, before: int | None) -> RefusedError:
        """What to raise for a refusal with 429 or 503; ``before`` is what there was room for before it."""
        told = Refusal(
            time.monotonic(), error.status, error.problem, error.retry_after, before, await self.room(preset)
        )
        return RefusedError(told)

    async def open(self, path: str, offer: str, query: dict[str, str], **headers: str) -> httpx.Response:
        """Offer to open a session, or to join one. Raises RefusedError for 429 and 503, ProblemError for the others."""
        preset = query.get("latency", "auto")
        before = await self.room(preset)
        try:
            return await self.request(
                "POST",
                path,
                content=offer,
                params=query or None,
                headers={"Content-Type": "application/sdp"} | headers,
            )
        except ProblemError as error:
            if error.status in (429, 503):
                raise await self.refused(error, preset, before) from error
            raise

    async def end(self, location: str) -> None:
        """DELETE; one that has ended by itself is left at that."""
        try:
            await self.request("DELETE", location)
        except NotFound:
            return

    async def film_plays(self, recording: str, watched_s: float, within: float) -> bool:
        """Wait for the film of a session that has ended, and play and delete it. Raises LiveheadError where it is not
        done in time."""
        until = time.monotonic() + within
        state = "unknown"
        while time.monotonic() < until:
            found = [each for each in await self.json("/v1/recordings") if each["id"] == recording]
            state = found[0]["state"] if found else "gone"
            if state != "recording":
                break
            await asyncio.sleep(ASK_S)
        if state != "done":
            raise LiveheadError(f"the film is {state} after {within:.0f} s")
        film = (await self.request("GET", f"/v1/recordings/{recording}")).content
        seconds = await asyncio.to_thread(play, film)
        await self.request("DELETE", f"/v1/recordings/{recording}")
        if seconds < 0.7 * watched_s:
            raise LiveheadError(f"the film is {seconds:.1f} s long, of {watched_s:.1f} s that were watched")
        return True

    async def render_plays(self, audio: bytes, avatar: str, spoken_s: float, within: float) -> bool:
        """Have a film made, wait for it, play and delete it. Raises LiveheadError where it is not done in time."""
        try:
            answer = await self.request(
                "POST", "/v1/renders", files={"audio": ("speech.wav", audio, "audio/wav")}, data={"avatar": avatar}
            )
        except ProblemError as error:
            if error.status in (409, 429, 503):
                raise await self.refused(error, "auto", None) from error
            raise
        place = f"/v1/renders/{answer.json()['id']}"
        until = time.monotonic() + within
        while (told := await self.json(place))["state"] in ("queued", "running"):
            if time.monotonic() > until:
                raise LiveheadError(f"the render is {told['state']} after {within:.0f} s")
            await asyncio.sleep(ASK_S)
        if told["state"] != "done":
            raise LiveheadError(f"the render is {told['state']}: {told.get('error')}")
        seconds = await asyncio.to_thread(play, (await self.request("GET", f"{place}/film")).content)
        await self.request("DELETE", place)
        if abs(seconds - spoken_s) > APART_S:
            raise LiveheadError(f"the render of {spoken_s:.1f} s of speech is {seconds:.1f} s long")
        return True


def play(film: bytes) -> float:
    """Decode all of it; its length in seconds. Raises LiveheadError where it does not play, or where sound and picture
    differ in length."""
    try:
        with av.open(io.BytesIO(film), "r") as container:
            times = [float(frame.time or 0) for frame in container.decode(container.streams.video[0])]
        with av.open(io.BytesIO(film), "r") as container:
            heard = sum(frame.samples / frame.sample_rate for frame in container.decode(container.streams.audio[0]))
        seen = times[-1] - times[0] + BLOCK_S
    except (av.FFmpegError, IndexError) as error:
        raise LiveheadError(f"the film does not play: {error}") from None
    if abs(seen - heard) > APART_S:
        raise LiveheadError(f"a film of {seen:.1f} s of pictures and {heard:.1f} s of sound")
    return seen
