"""WebSocket /v1/sessions/{id}/hearing: the viewers' microphones for a backend, and when somebody speaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, WebSocket

from livehead.api.guard import Guard
from livehead.api.problems import deny, problem_of
from livehead.api.services import ServicesDep
from livehead.api.session.session_socket import read_rate, run_beside
from livehead.api.session.socket import MessageSocket
from livehead.core.identity import Identity, Role
from livehead.core.messages.from_server import ErrorMessage, Message
from livehead.errors import RequestError, SlowReaderError, UnprocessableError

router = APIRouter()

CAPACITY = 1024
"""Messages that may wait for a backend that does not read, audio included."""

MOST_AUDIO = 500
"""Pieces of audio among them, 10 s of it. One more, and the oldest is dropped."""


@router.websocket("/v1/sessions/{session_id}/hearing")
async def hearing(
    socket: WebSocket,
    session_id: str,
    services: ServicesDep,
    identity: Annotated[Identity, Depends(Guard(Role.HEAR))],
) -> None:
    """What cannot be served is told as an HTTP answer, before there is a socket."""
    rate = services.settings.limits.messages_per_second
    messages = MessageSocket(socket, "hearing", capacity=CAPACITY, rate=rate)
    try:
        session = services.registry.find(session_id, identity, Role.HEAR)
        samples_per_second = read_rate(socket.query_params.get("rate"))
        audio = AudioBacklog(messages, samples_per_second)
        ear = session.hear(samples_per_second, audio.push, messages.send)
    except RequestError as error:
        await deny(socket, error)
        return
    try:
        await socket.accept()
        await run_beside(session, messages, _refuse)
    finally:
        ear.release()


class AudioBacklog:
    """The audio that waits for one backend, PCM16LE mono. Where it reads too slowly, the oldest is dropped; how much,
    it is told before the next."""

    def __init__(self, socket: MessageSocket, rate: int) -> None:
        self._socket = socket
        self._rate = rate
        self._waiting: deque[bytes] = deque()
        self._dropped = 0

    def push(self, pcm: bytes) -> None:
        """Queue the next piece; never waits."""
        self._waiting.append(pcm)
        if len(self._waiting) > MOST_AUDIO:
            self._dropped += len(self._waiting.popleft()) // 2
        else:
            self._socket.send_later(self._take)

    def _take(self) -> Sequence[Message | bytes]:
        piece = self._waiting.popleft()
        if not self._dropped:
            return [piece]
        dropped, self._dropped = self._dropped, 0
        error = SlowReaderError(
            f"{dropped} samples ({dropped / self._rate:.2f} s) were dropped here, as this backend reads too slowly. "
            "Read from the socket without waiting for anything else."
        )
        return [ErrorMessage({**problem_of(error), "dropped_samples": dropped}), piece]


async def _refuse(received: str | bytes) -> None:
    raise UnprocessableError(
        "Nothing is sent on this socket. Speech goes to /v1/sessions/{id}/speech, and so does an interrupt."
    )
