"""WebSocket /v1/signal: signalling with trickle, state and figures on one socket; one session a socket."""

from __future__ import annotations

from typing import Annotated, assert_never

from fastapi import APIRouter, Depends, WebSocket

from livehead.api.guard import Guard, identify
from livehead.api.services import Services, ServicesDep
from livehead.api.session.socket import MessageSocket
from livehead.avatars import DEFAULT_ID
from livehead.core.identity import Identity, Role
from livehead.core.lifecycle import State
from livehead.core.look import KEEP
from livehead.core.messages.from_client import (
    Bye,
    Candidate,
    ChooseAvatar,
    ChooseLatency,
    ChooseLook,
    ChooseVoice,
    Interrupt,
    Offer,
    OnSignal,
    decode_signal,
)
from livehead.core.messages.from_server import Answer, LatencyNotice, RecordingNotice, StateMessage, Stats
from livehead.errors import ConflictError, MalformedError, UnprocessableError
from livehead.sessions.request import SessionRequest
from livehead.sessions.session import Session
from livehead.sessions.status import SessionMessage
from livehead.turns import turns

router = APIRouter()

CAPACITY = 64
"""Messages that may wait for a slow client. Past half of it figures are left out."""

OFFER_S = 60.0
"""A socket without a session is closed when nothing comes for so long."""


OPENER = Guard(Role.OPEN, deferred=True)


@router.websocket("/v1/signal")
async def signal(
    socket: WebSocket, services: ServicesDep, identity: Annotated[Identity | None, Depends(OPENER)]
) -> None:
    await socket.accept()
    await SignalHandler(socket, services, identity).run()


class SignalHandler:
    """One socket and at most one session. ``identity`` is None where the offer is to bring the token."""

    def __init__(self, socket: WebSocket, services: Services, identity: Identity | None) -> None:
        rate = services.settings.limits.messages_per_second
        self._connection = socket
        self._socket = MessageSocket(socket, "signal", capacity=CAPACITY, rate=rate, idle_s=OFFER_S)
        self._services = services
        self._identity = identity
        self._session: Session | None = None

    async def run(self) -> None:
        try:
            await self._socket.run(self._handle)
        finally:
            if self._session is not None:
                self._session.orphan()

    async def _handle(self, received: str | bytes) -> None:
        """Nothing here may wait for the engine once there is a session: an interrupt could be next."""
        if isinstance(received, bytes):
            raise MalformedError("Messages are JSON text; this one was binary.")
        message = decode_signal(received)
        if self._session is not None:
            await self._steer(self._session, message)
        elif isinstance(message, Offer):
            await self._open(message)
        elif isinstance(message, Bye):
            self._socket.end()
        else:
            raise UnprocessableError("There is no session on this socket yet; send an offer first.")

    async def _steer(self, session: Session, message: OnSignal) -> None:
        caller = session.caller
        assert caller is not None
        match message:
            case Candidate(candidate):
                if candidate is not None:
                    await caller.add_candidate(candidate.candidate, candidate.sdpMid, candidate.sdpMLineIndex)
            case ChooseAvatar(avatar):
                await self._services.avatars.refresh(avatar)
                session.steering.choose_avatar(avatar, self._socket.tell)
            case ChooseLook(look):
                await self._services.avatars.refresh(*look.avatars)
                session.steering.choose_look(look, self._socket.tell)
            case ChooseLatency(preset):
                self._services.registry.choose_latency(session, preset)
            case ChooseVoice(on):
                caller.peer.voice = on
            case Interrupt():
                session.steering.interrupt()
            case Bye():
                session.end("bye")  # the closed state ends the socket
            case Offer():
                raise ConflictError("This socket has its session already; open another socket for another one.")
            case _:
                assert_never(message)

    async def _open(self, offer: Offer) -> None:
        request = SessionRequest(
            avatar=offer.avatar or DEFAULT_ID,
            latency=offer.latency or self._services.settings.sessions.latency,
            voice=None if offer.voice is None else offer.voice == "on",
            source=offer.source or "mic",
            probe=offer.probe,
            seed=offer.seed,
            interrupt=offer.interrupt or "off",
            record=offer.record or "off",
            look=offer.look or KEEP,
        )
        identity = self._identity or self._identify(offer)
        await turns().take()
        async with self._services.access.opening(identity):
            session, answer = await self._services.registry.open(offer.sdp, request, identity)
        self._session = session
        self._socket.idle_s = None
        self._socket.send(Answer(answer, session.id))
        self._socket.send(Candidate(None))  # the answer has all candidates
        self._on_session(session.state)
        if session.recording is not None:
            self._socket.send(RecordingNotice(session.recording.on, session.recording.id))
        session.subscribe(self._on_session)

    def _identify(self, offer: Offer) -> Identity:
        """Raises UnauthorizedError and ForbiddenError."""
        identity = identify(self._connection, offer.token)
        self._connection.state.owner = identity.owner
        OPENER.check(identity)
        return identity

    def _on_session(self, message: SessionMessage) -> None:
        """Who speaks is told on the data channel."""
        crowded = isinstance(message, Stats) and self._socket.crowded
        if isinstance(message, StateMessage | RecordingNotice | LatencyNotice | Stats) and not crowded:
            self._socket.send(message)
        if isinstance(message, StateMessage) and message.state is State.CLOSED:
            self._socket.end()
