"""WebSocket /v1/sessions/{id}/speech: speech from a backend, for sessions with source=push."""

from __future__ import annotations

from functools import partial
from typing import Annotated, assert_never

from fastapi import APIRouter, Depends, WebSocket

from livehead.api.guard import Guard
from livehead.api.problems import deny
from livehead.api.services import ServicesDep
from livehead.api.session.session_socket import read_rate, run_beside
from livehead.api.session.socket import MessageSocket
from livehead.core.identity import Identity, Role
from livehead.core.messages.from_client import End, Interrupt, decode_speech
from livehead.core.speech.queue import MAX_UTTERANCES
from livehead.errors import RequestError
from livehead.sessions.sources.speaker import Speaker

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
        speaker = session.speech.admit(read_rate(socket.query_params.get("rate")), messages.send)
    except RequestError as error:
        await deny(socket, error)
        return
    try:
        await socket.accept()
        await run_beside(session, messages, partial(_handle, speaker=speaker), on_closed=speaker.close)
    finally:
        speaker.release()


async def _handle(received: str | bytes, speaker: Speaker) -> None:
    """Waits while the speech queue is full: then nothing more is read."""
    if isinstance(received, bytes):
        await speaker.hear(received)
        return
    match decode_speech(received):
        case End():
            await speaker.end()
        case Interrupt():
            speaker.interrupt()
        case message:
            assert_never(message)
