"""/v1/signal through the ingress: a session is placed when its offer comes.

The opening handshake is that of a replica, which checks who opens it. What the offer asks for is known only then: so it
may go to another replica, with a handshake of its own, and to the next one where a replica refuses it for want of room
or is lost. A session ends with its socket, so one that a lost replica may have begun is none. Once a replica has
answered, messages are passed on unread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from starlette.types import Message
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from livehead.api.problems import problem_of
from livehead.core.limits import MAX_MESSAGE
from livehead.core.messages.from_server import ErrorMessage, encode
from livehead.core.messages.json_object import read_object
from livehead.errors import RequestError
from livehead.fleet.directory import Replica
from livehead.fleet.ingress.exchange import Unanswered, Unsent
from livehead.fleet.ingress.placing import Attempt, Placing
from livehead.fleet.ingress.sockets import ClientSocket, Denied, ending, hang_up, join, pass_up

MAX_SAID = 64
"""Messages of a client that are kept until its offer is answered, to be said again to another replica."""

Dial = Callable[[Replica], Awaitable[ClientConnection]]
Outcome = Literal["answered", "ended", "going on"]


@dataclass(slots=True)
class Offer:
    """One that no replica has answered yet. ``said`` begins with it."""

    latency: str | None
    said: list[Message]
    tried: set[str] = field(default_factory=set)
    refusal: str = ""
    attempt: Attempt | None = None

    def leave(self) -> None:
        """The replica that was asked is not the one."""
        if self.attempt is not None:
            self.attempt.__exit__()
            self.attempt = None


class Signalling:
    """``line`` is the one to the replica that the socket was opened with. ``dial`` opens one to another, and raises
    what :func:`~livehead.fleet.ingress.sockets.dial` raises."""

    def __init__(
        self, client: ClientSocket, placing: Placing, dial: Dial, replica: Replica, line: ClientConnection
    ) -> None:
        self._client = client
        self._placing = placing
        self._dial = dial
        self._replica = replica
        self._line = line
        self._offer: Offer | None = None
        self._incoming: asyncio.Task[Message] | None = None
        self._outgoing: asyncio.Task[str | bytes] | None = None

    async def run(self) -> None:
        """Until either side ends."""
        outcome: Outcome = "ended"
        try:
            outcome = await self._await_session()
        finally:
            if self._offer is not None:
                self._offer.leave()
            for task in (self._incoming, self._outgoing):
                if task is not None and not task.done():
                    task.cancel()
                    await asyncio.wait([task])
            if outcome == "ended":
                await hang_up(self._line)
        if outcome == "answered":
            await join(self._client, self._line)

    async def _await_session(self) -> Outcome:
        """Until an offer is answered, or either side ends."""
        outcome: Outcome = "going on"
        while outcome == "going on":
            self._incoming = self._incoming or asyncio.create_task(_receive(self._client), name="signal-up")
            self._outgoing = self._outgoing or asyncio.create_task(_recv(self._line), name="signal-down")
            await asyncio.wait({self._incoming, self._outgoing}, return_when=asyncio.FIRST_COMPLETED)
            if self._outgoing.done():
                told, self._outgoing = self._outgoing, None
                outcome = await self._on_told(told)
            elif self._incoming.done():
                said, self._incoming = self._incoming, None
                outcome = await self._on_said(said.result())
        return outcome

    async def _on_said(self, message: Message) -> Outcome:
        if message["type"] == "websocket.disconnect":
            self._client.closed = True
            await hang_up(self._line, message.get("code"), message.get("reason") or "")
            return "ended"
        found = _object(message.get("text"))
        if self._offer is None and found.get("type") == "offer":
            latency = found.get("latency")
            self._offer = Offer(latency if isinstance(latency, str) else None, [message])
            return await self._place()
        if self._offer is not None and len(self._offer.said) < MAX_SAID:
            self._offer.said.append(message)
        return "going on" if await pass_up(message, self._client, self._line, wait=False) else "ended"

    async def _on_told(self, told: asyncio.Task[str | bytes]) -> Outcome:
        offer = self._offer
        try:
            message = told.result()
        except ConnectionClosed as closed:
            if offer is not None and closed.rcvd is None:
                return await self._place()
            await self._client.close(*ending(closed))
            return "ended"
        found = _object(message)
        if found.get("type") == "error" and offer is not None:
            if _status(found) == HTTPStatus.SERVICE_UNAVAILABLE:
                assert isinstance(message, str)
                offer.refusal = message
                return await self._place()
            offer.leave()
            self._offer = None
        await self._client.pass_on(message)
        if found.get("type") != "answer":
            return "going on"
        if offer is not None and offer.attempt is not None:
            offer.attempt.taken()
        return "answered"

    async def _place(self) -> Outcome:
        """Make the offer to the best replica that was not asked; where there is none tell the client, who may make
        another offer."""
        offer = self._offer
        assert offer is not None
        offer.leave()
        while replica := self._placing.next(offer.latency, offer.tried):
            offer.tried.add(replica.name)
            if not await self._go_to(replica):
                continue
            offer.attempt = self._placing.attempt(replica, offer.latency)
            for message in offer.said:
                if not await pass_up(message, self._client, self._line, wait=False):
                    return "ended"
            return "going on"
        self._offer = None
        await self._client.pass_on(offer.refusal or encode(ErrorMessage(problem_of(self._placing.refusal()))))
        return "going on"

    async def _go_to(self, replica: Replica) -> bool:
        """Whether there is a line to it now."""
        if replica.name == self._replica.name and self._line.close_code is None:
            return True
        try:
            line = await self._dial(replica)
        except (Denied, Unsent, Unanswered):
            return False
        if self._outgoing is not None:
            self._outgoing.cancel()
            await asyncio.wait([self._outgoing])
            self._outgoing = None
        await hang_up(self._line)
        self._replica, self._line = replica, line
        return True


async def _receive(client: ClientSocket) -> Message:
    return await client.receive()


async def _recv(line: ClientConnection) -> str | bytes:
    return await line.recv()


def _status(error: dict[str, Any]) -> object:
    problem = error.get("error")
    return problem.get("status") if isinstance(problem, dict) else None


def _object(text: object) -> dict[str, Any]:
    """Of a message; empty for what is none, which is for the replica to refuse."""
    if isinstance(text, str):
        with contextlib.suppress(RequestError):
            return read_object(text, MAX_MESSAGE)
    return {}
