"""WebSocket /v1/sessions/{id}/speech: speech from a backend, for sessions with source=push."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import assert_never

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from livehead.api.cors import allows
from livehead.api.problems import problem_of, respond
from livehead.api.services import Door
from livehead.core.lifecycle import State
from livehead.core.messages.from_client import End, Interrupt, decode_speech
from livehead.core.messages.from_server import ErrorMessage, Playback, StateMessage, Stats, encode
from livehead.errors import ForbiddenError, LiveheadError, MalformedError, RequestError
from livehead.sessions.session import Session
from livehead.sessions.sources.speaker import Speaker

router = APIRouter()

QUEUE = 256
"""Messages that may wait for a backend that does not read. Past it the socket is closed."""

GOING_AWAY = 1001

logger = logging.getLogger(__name__)


@router.websocket("/v1/sessions/{session_id}/speech")
async def speech(socket: WebSocket, session_id: str, services: Door) -> None:
    """What cannot be served is told as an HTTP answer, before there is a socket."""
    origin, host = socket.headers.get("origin"), socket.headers.get("host")
    door = SpeechDoor(socket)
    try:
        if not allows(services.settings.server.cors_origins, origin, host):
            raise ForbiddenError(f"Pages of {origin} may not use this server; see LIVEHEAD_CORS_ORIGINS.")
        session = services.registry.get(session_id)
        speaker = session.admit(_rate(socket.query_params.get("rate")), door.tell)
    except RequestError as error:
        await socket.send_denial_response(respond(problem_of(error)))
        return
    try:
        await socket.accept()
        await door.run(session, speaker)
    finally:
        speaker.release()


def _rate(given: str | None) -> int:
    try:
        return int(given or "")
    except ValueError:
        raise MalformedError("Say the rate of the samples in Hz as a whole number, as in ?rate=24000.") from None


class SpeechDoor:
    """One socket: a reader that waits while the queue is full, and a writer."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._outgoing: asyncio.Queue[Playback | ErrorMessage | None] = asyncio.Queue(QUEUE)

    async def run(self, session: Session, speaker: Speaker) -> None:
        session.subscribe(self._on_session)
        reader = asyncio.create_task(self._read(speaker), name="speech-read")
        writer = asyncio.create_task(self._write(), name="speech-write")
        try:
            await asyncio.wait([reader, writer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            session.unsubscribe(self._on_session)
            for task in (reader, writer):
                task.cancel()
            await asyncio.wait([reader, writer])
        for task in (reader, writer):
            if not task.cancelled() and (error := task.exception()) and not isinstance(error, WebSocketDisconnect):
                logger.error("speech socket failed", exc_info=error)
        if self._socket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the backend may have been faster
                await self._socket.close(GOING_AWAY)

    def tell(self, message: Playback | ErrorMessage | None) -> None:
        """Queue a message, None to end; never waits."""
        try:
            self._outgoing.put_nowait(message)
        except asyncio.QueueFull:  # nobody reads at the other end
            while not self._outgoing.empty():
                self._outgoing.get_nowait()
            self._outgoing.put_nowait(None)

    def _on_session(self, message: StateMessage | Stats) -> None:
        if isinstance(message, StateMessage) and message.state is State.CLOSED:
            self.tell(None)

    async def _read(self, speaker: Speaker) -> None:
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            try:
                if (data := received.get("bytes")) is not None:
                    await speaker.hear(data)
                    continue
                match decode_speech(received.get("text") or ""):
                    case End():
                        await speaker.end()
                    case Interrupt():
                        speaker.interrupt()
                    case message:
                        assert_never(message)
            except LiveheadError as error:
                self.tell(ErrorMessage(problem_of(error)))

    async def _write(self) -> None:
        while (message := await self._outgoing.get()) is not None:
            await self._socket.send_text(encode(message))
