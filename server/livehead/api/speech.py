"""WebSocket /v1/sessions/{id}/speech: speech from a backend, for sessions with source=push."""

from __future__ import annotations

from typing import Annotated, assert_never

from fastapi import APIRouter, Depends, WebSocket

from livehead.api.guard import Guard
from livehead.api.problems import deny
from livehead.api.services import ServicesDep
from livehead.api.socket import GOING_AWAY, MessageSocket
from livehead.core.identity import Identity, Role
from livehead.core.lifecycle import State
from livehead.core.messages.from_client import End, Interrupt, decode_speech
from livehead.core.messages.from_server import StateMessage
from livehead.core.speech.queue import MAX_UTTERANCES
from livehead.errors import MalformedError, RequestError
from livehead.sessions.session import Session
from livehead.sessions.sources.speaker import Speaker
from livehead.sessions.status import SessionMessage

router = APIRouter()

CAPACITY = 4 * MAX_UTTERANCES
"""Messages that may wait for a backend that does not read: an interrupt has one for each utterance that waited."""


@router.websocket("/v1/sessions/{session_id}/speech")
async def speech(
    socket: WebSocket,
    session_id: str,
    services: ServicesDep,
    identity: Annotated[Identity, Depends(Guard(Role.SPEAK))],
) -> None:
    """What cannot be served is told as an HTTP answer, before there is a socket."""
    rate = services.settings.limits.messages_per_second
    messages = MessageSocket(socket, "speech", capacity=CAPACITY, rate=rate)
    try:
        session = services.registry.find(session_id, identity, Role.SPEAK)
        speaker = session.admit(read_rate(socket.query_params.get("rate")), messages.send)
    except RequestError as error:
        await deny(socket, error)
        return
    try:
        await socket.accept()
        await SpeechHandler(messages, session, speaker).run()
    finally:
        speaker.release()


def read_rate(given: str | None) -> int:
    """Samples a second. Raises MalformedError for what is no whole number."""
    try:
        return int(given or "")
    except ValueError:
        raise MalformedError("Say the rate of the samples in Hz as a whole number, as in ?rate=24000.") from None


class SpeechHandler:
    """One socket that speaks through one session, until either ends."""

    def __init__(self, socket: MessageSocket, session: Session, speaker: Speaker) -> None:
        self._socket = socket
        self._session = session
        self._speaker = speaker

    async def run(self) -> None:
        self._session.subscribe(self._on_session)
        try:
            await self._socket.run(self._handle)
        finally:
            self._session.unsubscribe(self._on_session)

    async def _handle(self, received: str | bytes) -> None:
        """Waits while the speech queue is full: then nothing more is read."""
        if isinstance(received, bytes):
            await self._speaker.hear(received)
            return
        match decode_speech(received):
            case End():
                await self._speaker.end()
            case Interrupt():
                self._speaker.interrupt()
            case message:
                assert_never(message)

    def _on_session(self, message: SessionMessage) -> None:
        if isinstance(message, StateMessage) and message.state is State.CLOSED:
            self._speaker.close()
            self._socket.end(GOING_AWAY)
