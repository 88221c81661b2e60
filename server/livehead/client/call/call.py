"""A session with a peer of its own: pictures and sound come to this program instead of a browser."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias
from urllib.parse import urlsplit

import av
import numpy as np
from aiortc import RTCIceServer
from numpy.typing import NDArray
from pydantic import TypeAdapter

from livehead.client.call.microphone import Microphone
from livehead.client.call.pairing import Sound
from livehead.client.call.peer import CallPeer
from livehead.client.errors import ConnectionLost, ProtocolError
from livehead.client.events import Events, EventStream
from livehead.client.session import Session
from livehead.client.speech.samples import Speech
from livehead.client.transport.http import Http
from livehead.client.transport.messages import decode
from livehead.core.messages.from_client import Shown
from livehead.core.messages.from_server import AvatarActivity, UserActivity, encode

Picture: TypeAlias = NDArray[np.uint8]
"""``(height, width, 3)``, RGB."""

CONNECT_S = 20.0
"""How long pictures may take to come, once the server has answered."""

SHOWN_EVERY = 8
"""After so many pictures, about three times a second, the server is told which one was taken last."""


@dataclass(frozen=True, slots=True)
class _IceServer:
    """RTCIceServer of the WebRTC specification."""

    urls: str | list[str]
    username: str | None = None
    credential: str | None = None


_ICE_SERVERS = TypeAdapter(list[_IceServer])

logger = logging.getLogger(__name__)


class Call(Session):
    """Opened by ``async with``, which returns once pictures come, and ends it."""

    def __init__(self, http: Http, options: Mapping[str, str], *, microphone: bool) -> None:
        super().__init__(http)
        self._options = options
        self._microphone = microphone
        self._peer: CallPeer | None = None
        self._mic: Microphone | None = None
        self._first: tuple[av.VideoFrame, Sound] | None = None
        self._deleted = False
        self._reading = False

    async def open(self) -> Self:
        """Raises ProblemError where the server refuses, ConnectionLost where no pictures come within 20 s."""
        try:
            await self._connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Hang up, and end the session on the server. May be called twice."""
        await super().close()
        if self._id and not self._deleted:
            self._deleted = True
            await self._delete()
        if self._peer is not None:
            await self._peer.close()

    async def media(self) -> AsyncGenerator[tuple[Picture, Sound]]:
        """Every 40 ms a picture, uint8 ``(height, width, 3)`` RGB, with the sound that belongs to it, int16
        ``(1920,)`` at 48 kHz mono, until the call ends.

        They are put together by the sender's reports (RFC 3550 section 6.4.1). The sound has no gaps: what was lost is
        silence, and a picture that was lost is the one before again. A reader that is slow loses the oldest. What was
        read counts as shown in ``shown_ms``. One reader at a time: RuntimeError for a second.
        """
        if self._peer is None:
            raise RuntimeError("the call is not open: use `async with`, or await its open()")
        if self._reading:
            raise RuntimeError("this call's media are being read already: read them in one place and pass them on")
        self._reading = True
        count = 0
        try:
            while (pair := await self._take(self._peer)) is not None:
                frame, sound = pair
                yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False), sound
                if count % SHOWN_EVERY == 0 and frame.pts is not None:
                    self._peer.send(encode(Shown(rtp=frame.pts % (1 << 32))))
                count += 1
        finally:
            self._reading = False

    async def talk(self, speech: Speech, rate: int = 24_000) -> None:
        """Play ``speech``, as :meth:`speak` takes it, into the call's microphone in real time, and wait until it is
        played. Raises RuntimeError where the call has none."""
        if self._mic is None:
            raise RuntimeError("this call has no microphone: open it with source=mic, or with microphone=True")
        await self._mic.play(speech, rate)

    @property
    def events(self) -> EventStream:
        """As :attr:`Session.events`; a call is told on its data channel."""
        return self._events.subscribe()

    async def _connect(self) -> None:
        told = await self._http.read(_ICE_SERVERS, "GET", "/v1/ice-servers")
        servers = [RTCIceServer(each.urls, each.username, each.credential) for each in told]
        self._mic = Microphone() if self._microphone else None
        self._peer = CallPeer(
            [RTCIceServer(each.urls, each.username, each.credential) for each in servers],
            self._mic,
            self._on_text,
            self._end,
        )
        answer = await self._http.request(
            "POST",
            "/v1/sessions",
            content=await self._peer.offer(),
            content_type="application/sdp",
            query=self._options,
        )
        self._id = _id_of(answer.headers.get("Location"))
        try:
            await self._peer.accept(answer.text)
        except ValueError as error:
            raise ProtocolError(f"The server's answer is no SDP answer: {error}") from error
        self._begin(Events())  # who speaks is told on the data channel
        try:
            async with asyncio.timeout(CONNECT_S):
                self._first = await self._take(self._peer)
        except TimeoutError:
            raise ConnectionLost(f"No pictures within {CONNECT_S:.0f} s: is UDP to the server let through?") from None
        if self._first is None:
            raise ConnectionLost("The connection ended before there were pictures: is UDP to the server let through?")

    async def _take(self, peer: CallPeer) -> tuple[av.VideoFrame, Sound] | None:
        """The next pair; None at the end."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        while not peer.closed:
            pair = peer.pairing.take()
            if pair is not None:
                return pair
            peer.news.clear()
            await peer.news.wait()
        return None

    def _on_text(self, text: str) -> None:
        try:
            message = decode(text)
        except ProtocolError as error:
            logger.warning("%s", error)
            return
        if isinstance(message, AvatarActivity | UserActivity):
            self._events.put(message)


def _id_of(location: str | None) -> str:
    """Of a session, from the address that the server gave it."""
    name = urlsplit(location or "").path.rpartition("/")[2]
    if not name:
        raise ProtocolError("The answer has no Location, the session's address: is there a proxy that drops it?")
    return name
