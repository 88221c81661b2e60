"""WebSocket /v1/signal: signalling with trickle, state and figures on one socket; one session a socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TypeAlias, assert_never

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from livehead.api.cors import allows
from livehead.api.problems import problem_of, respond
from livehead.api.services import Door, Services
from livehead.avatars import DEFAULT_ID
from livehead.core.lifecycle import State
from livehead.core.messages.from_client import (
    Bye,
    Candidate,
    ChooseAvatar,
    ChooseLatency,
    Interrupt,
    Offer,
    OnSignal,
    decode_signal,
)
from livehead.core.messages.from_server import Answer, ErrorMessage, StateMessage, Stats, encode
from livehead.errors import ConflictError, ForbiddenError, LiveheadError, MalformedError, UnprocessableError
from livehead.sessions.session import Session, SessionRequest

router = APIRouter()

QUEUE = 64
"""Messages that may wait for a slow client. Past it figures are left out, and then the socket is closed."""

OFFER_S = 60.0
"""A socket without a session is closed after so long."""

ToClient: TypeAlias = Answer | Candidate | StateMessage | Stats | ErrorMessage

logger = logging.getLogger(__name__)


@router.websocket("/v1/signal")
async def signal(socket: WebSocket, services: Door) -> None:
    origin, host = socket.headers.get("origin"), socket.headers.get("host")
    if not allows(services.settings.server.cors_origins, origin, host):
        error = ForbiddenError(f"Pages of {origin} may not use this server; see LIVEHEAD_CORS_ORIGINS.")
        await socket.send_denial_response(respond(problem_of(error)))
        return
    await socket.accept()
    await SignalDoor(socket, services).run()


class SignalDoor:
    """One socket: a reader, a writer, and at most one session between them."""

    def __init__(self, socket: WebSocket, services: Services) -> None:
        self._socket = socket
        self._services = services
        self._session: Session | None = None
        self._outgoing: asyncio.Queue[ToClient | None] = asyncio.Queue(QUEUE)

    async def run(self) -> None:
        reader = asyncio.create_task(self._read(), name="signal-read")
        writer = asyncio.create_task(self._write(), name="signal-write")
        try:
            await asyncio.wait([reader, writer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, writer):
                task.cancel()
            await asyncio.wait([reader, writer])
            if self._session is not None:
                self._session.orphan()
        for task in (reader, writer):
            if not task.cancelled() and (error := task.exception()) and not isinstance(error, WebSocketDisconnect):
                logger.error("signal socket failed", exc_info=error)
        if self._socket.application_state is WebSocketState.CONNECTED:
            await self._hang_up()

    async def _hang_up(self) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the client may have been faster
            await self._socket.close()

    async def _read(self) -> None:
        while True:
            try:
                async with asyncio.timeout(None if self._session else OFFER_S):
                    received = await self._socket.receive()
            except TimeoutError:
                return
            if received["type"] == "websocket.disconnect":
                return
            try:
                text = received.get("text")
                if text is None:
                    raise MalformedError("Messages are JSON text; this one was binary.")
                message = decode_signal(text)
                if isinstance(message, Bye) and self._session is None:
                    return
                await self._act(message)
            except LiveheadError as error:
                self.send(ErrorMessage(problem_of(error)))
            except Exception as error:
                logger.error("a message of the signal socket failed", exc_info=error)
                self.send(ErrorMessage(problem_of(error)))

    async def _write(self) -> None:
        while (message := await self._outgoing.get()) is not None:
            await self._socket.send_text(encode(message))
            if isinstance(message, StateMessage) and message.state is State.CLOSED:
                return

    def send(self, message: ToClient) -> None:
        """Queue a message; never waits."""
        if isinstance(message, Stats) and self._outgoing.qsize() > QUEUE // 2:
            return
        try:
            self._outgoing.put_nowait(message)
        except asyncio.QueueFull:  # nobody reads at the other end
            while not self._outgoing.empty():
                self._outgoing.get_nowait()
            self._outgoing.put_nowait(None)

    async def _act(self, message: OnSignal) -> None:
        if isinstance(message, Offer):
            await self._offer(message)
            return
        session = self._session
        if session is None:
            raise UnprocessableError("There is no session on this socket yet; send an offer first.")
        match message:
            case Candidate(candidate):
                if candidate is None:
                    await session.add_candidate(None, None, None)
                else:
                    await session.add_candidate(candidate.candidate, candidate.sdpMid, candidate.sdpMLineIndex)
            case ChooseAvatar(avatar):
                await session.choose_avatar(avatar)
            case ChooseLatency(preset):
                self._services.registry.choose_latency(session, preset)
            case Interrupt():
                session.interrupt()
            case Bye():
                session.end("bye")  # the writer ends the socket behind the closed state
            case _:
                assert_never(message)

    async def _offer(self, offer: Offer) -> None:
        if self._session is not None:
            raise ConflictError("This socket has its session already; open another socket for another one.")
        request = SessionRequest(
            avatar=offer.avatar or DEFAULT_ID,
            latency=offer.latency or self._services.settings.sessions.latency,
            voice=None if offer.voice is None else offer.voice == "on",
            source=offer.source or "mic",
            probe=offer.probe,
            seed=offer.seed,
        )
        session, answer = await self._services.registry.open(offer.sdp, request)
        self._session = session
        self.send(Answer(answer, session.id))
        self.send(Candidate(None))  # the answer has all candidates
        self.send(session.state)
        session.subscribe(self.send)
