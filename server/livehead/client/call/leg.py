"""One session of a call, and the peer connection to it. A call that is lost goes on with another one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import av
from aiortc import RTCIceServer
from pydantic import TypeAdapter

from livehead.client.call.microphone import Microphone
from livehead.client.call.pairing import Sound
from livehead.client.call.peer import CallPeer
from livehead.client.call.relays import why_blocked
from livehead.client.errors import ClientError, ConnectionLost, NotFound, ProtocolError
from livehead.client.transport.http import Http
from livehead.client.transport.messages import decode
from livehead.core.lifecycle import State
from livehead.core.messages.from_server import AvatarActivity, StateMessage, UserActivity

CONNECT_S = 10.0
"""How long the connection may take, once the server has answered; the server gives up after as long."""

CHECK_S = 0.25

SILENT_S = 1.0
"""Without a picture for so long, which come 25 times a second, the server is asked whether there still is a session,
and this machine whether it still has its address."""

LOST_S = 6.0
"""Without one for so long the call is lost, whatever the server says."""

ASK_S = 1.5
"""How long the server may take to say that there is."""

HANG_UP_S = 0.5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _IceServer:
    """RTCIceServer of the WebRTC specification."""

    urls: str | list[str]
    username: str | None = None
    credential: str | None = None


_ICE_SERVERS = TypeAdapter(list[_IceServer])


class Leg:
    """``on_activity`` is told who speaks."""

    def __init__(
        self,
        http: Http,
        options: Mapping[str, str],
        microphone: Microphone | None,
        on_activity: Callable[[AvatarActivity | UserActivity], None],
    ) -> None:
        self.id = ""
        self.over = asyncio.Event()
        """The session has ended, the connection has, or there is no use in waiting for either."""
        self._draining = False
        self._http = http
        self._options = options
        self._microphone = microphone
        self._on_activity = on_activity
        self._peer: CallPeer | None = None
        self._first: tuple[av.VideoFrame, Sound] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._deleted = False

    async def open(self, within: float) -> None:
        """Returns when pictures come. Raises ClientError, ConnectionLost where none do."""
        told = await self._http.read(_ICE_SERVERS, "GET", "/v1/ice-servers")
        servers = [RTCIceServer(each.urls, each.username, each.credential) for each in told]
        self._peer = peer = CallPeer(
            servers,
            self._microphone,
            self._on_text,
            self.over.set,
        )
        offer = await peer.offer()
        answer = await self._http.request(
            "POST",
            "/v1/sessions",
            content=offer,
            content_type="application/sdp",
            query=self._options,
        )
        self.id = _id_of(answer.headers.get("Location"))
        try:
            await peer.accept(answer.text)
        except ValueError as error:
            raise ProtocolError(f"The server's answer is no SDP answer: {error}") from error
        patience = min(within, CONNECT_S)
        try:
            async with asyncio.timeout(within):
                async with asyncio.timeout(patience):
                    await peer.connected.wait()
                self._first = await self.take()
        except TimeoutError:
            if peer.connected.is_set():
                raise ConnectionLost(f"No pictures within {within:g} s: the server's log says why.") from None
            raise ConnectionLost(f"No connection within {patience:g} s. {why_blocked(servers, offer)}") from None
        if self._first is None:
            raise ConnectionLost(f"The connection ended before there were pictures. {why_blocked(servers, offer)}")
        self._watching = asyncio.create_task(self._watch(peer), name="call-watch")

    async def take(self) -> tuple[av.VideoFrame, Sound] | None:
        """The next pair; None at the end."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        peer = self._peer
        while peer is not None and not peer.closed:
            pair = peer.pairing.take()
            if pair is not None:
                return pair
            peer.news.clear()
            await peer.news.wait()
        return None

    async def is_lost(self) -> bool:
        """Wait for the end; whether it is one that another session mends. A server that ends a session hangs up, which
        may come a little after what else shows that it is over; one that is lost, or drains, does not mean the call."""
        await self.over.wait()
        if self._draining or self._peer is None:
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_S):
                await self._peer.hung_up.wait()
        return not self._peer.hung_up.is_set()

    def send(self, text: str) -> None:
        """On the data channel; left out while it is not open."""
        if self._peer is not None:
            self._peer.send(text)

    def abandon(self) -> None:
        """Nothing more comes from it, and its microphone is free for another leg. Twice is once."""
        if self._peer is not None:
            self._peer.abandon()
        self.over.set()

    async def close(self, *, stop_microphone: bool) -> None:
        """Hang up, and end the session on the server. Twice is once. Raises ClientError where it cannot be told; the
        connection is closed all the same."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.wait([watching])
        if not stop_microphone:
            self.abandon()
        try:
            if self.id and not self._deleted:
                self._deleted = True
                with contextlib.suppress(NotFound):  # it has ended by itself
                    await self._http.request("DELETE", f"/v1/sessions/{self.id}")
        finally:
            if self._peer is not None:
                await self._peer.close()

    async def _watch(self, peer: CallPeer) -> None:
        """Find out where the server is gone without a word: nothing comes, and there is no session any more."""
        while not self.over.is_set():
            await asyncio.sleep(CHECK_S)
            silent = time.monotonic() - peer.seen_at
            if silent > LOST_S or (silent > SILENT_S and (peer.has_moved() or not await self._is_there())):
                logger.info("no pictures for %.1f s: the call is lost", silent)
                self.abandon()

    async def _is_there(self) -> bool:
        """Whether the server still has the session. A token for one session alone may not ask for it."""
        try:
            async with asyncio.timeout(ASK_S):
                await self._http.request("GET", f"/v1/sessions/{self.id}")
        except TimeoutError:
            return True
        except ClientError as error:
            return error.status in (401, 403, 429)
        return True

    def _on_text(self, text: str) -> None:
        try:
            message = decode(text)
        except ProtocolError as error:
            logger.warning("%s", error)
            return
        if isinstance(message, AvatarActivity | UserActivity):
            self._on_activity(message)
        elif isinstance(message, StateMessage):
            self._draining = message.state is State.DRAINING


def _id_of(location: str | None) -> str:
    """Of a session, from the address that the server gave it."""
    name = urlsplit(location or "").path.rpartition("/")[2]
    if not name:
        raise ProtocolError("The answer has no Location, the session's address: is there a proxy that drops it?")
    return name


async def close_quietly(leg: Leg) -> None:
    """Of a leg that is lost: where the server is gone there is nobody to be told."""
    with contextlib.suppress(ClientError):
        await leg.close(stop_microphone=False)
