"""What the server's WebSockets have in common: one that reads, one that writes, and a bounded queue between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from fastapi import WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from livehead.access.rates import BURST_S
from livehead.api.problems import problem_of
from livehead.api.refusals import note_refusal
from livehead.core.messages.from_server import ErrorMessage, Message, encode
from livehead.core.token_bucket import TokenBucket
from livehead.errors import LiveheadError, MalformedError, RateLimitError
from livehead.turns import turns

NORMAL_CLOSURE = 1000
GOING_AWAY = 1001
INVALID_DATA = 1007
POLICY_VIOLATION = 1008

TURN = 4
"""After so many messages the reader lets others run: while messages wait, receiving one never does."""

LONG = 4096
"""Messages of so many characters or bytes take turns with all that is long."""

BINARY_RATE = 250.0
BINARY_BURST = 3000.0
"""Binary messages a second, and at once: a minute of speech in pieces of 20 ms may come as fast as it can."""

CLOSE_S = 2.0
"""How long a close may wait for a client that reads nothing."""

logger = logging.getLogger(__name__)

Handle = Callable[[str | bytes], Awaitable[None]]

Make = Callable[[], Sequence[Message | bytes]]
"""Messages that are made when it is their turn."""


class MessageSocket:
    """One accepted WebSocket, from :meth:`run` to its end. ``name`` is for the log.

    Messages that a handler refuses, or fails at, are told to the client; the socket stays. ``capacity`` messages
    may wait for a slow client; one more, and it is cut off. ``idle_s`` may be set at any time: the socket ends
    when nothing was received for so long.

    ``rate`` text messages a second may come; who sends more is told, and cut off. Binary messages of more than
    :data:`BINARY_RATE` a second wait, and so does their sender.
    """

    def __init__(
        self, socket: WebSocket, name: str, *, capacity: int, rate: float, idle_s: float | None = None
    ) -> None:
        self.idle_s = idle_s
        self._texts = TokenBucket(rate, rate * BURST_S, time.monotonic())
        self._binaries = TokenBucket(BINARY_RATE, BINARY_BURST, time.monotonic())
        self._socket = socket
        self._name = name
        self._code = NORMAL_CLOSURE
        self._outgoing: asyncio.Queue[Message | Make | None] = asyncio.Queue(capacity)
        self._cut_off = asyncio.Event()

    async def run(self, handle: Handle) -> None:
        """Give every message to ``handle``, text as ``str`` and binary as ``bytes``, until either side ends it."""
        parts = [
            asyncio.create_task(part, name=f"{self._name}-{role}")
            for role, part in (("read", self._read(handle)), ("write", self._write()), ("cut-off", self._wait()))
        ]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.wait(parts)
        for part in parts:
            if not part.cancelled() and (error := part.exception()) and not isinstance(error, WebSocketDisconnect):
                logger.error("%s socket failed", self._name, exc_info=error)
        await self._close()

    @property
    def crowded(self) -> bool:
        """Whether the client is slow to read: what can be left out should be."""
        return self._outgoing.qsize() > self._outgoing.maxsize // 2

    def send(self, message: Message) -> None:
        """Queue a message; never waits."""
        self._put(message)

    def send_later(self, make: Make) -> None:
        """Queue a place; what ``make`` gives then is sent there, ``bytes`` as a binary message. Never waits."""
        self._put(make)

    def tell(self, error: Exception) -> None:
        """Queue an error as a problem; never waits."""
        note_refusal(self._socket, error)
        self._put(ErrorMessage(problem_of(error)))

    def end(self, code: int = NORMAL_CLOSURE) -> None:
        """Close the socket once everything queued so far has been sent; never waits."""
        self._code = code
        self._put(None)

    def _put(self, message: Message | Make | None) -> None:
        try:
            self._outgoing.put_nowait(message)
        except asyncio.QueueFull:
            self._cut_off.set()

    async def _read(self, handle: Handle) -> None:
        received = 0
        while (message := await self._receive()) is not None:
            received += 1
            if not await self._within_budget(message):
                return
            if isinstance(message, str) and not _is_unicode(message):
                self.tell(MalformedError("This text is not UTF-8, so the connection ends here (RFC 6455 section 8.1)."))
                self.end(INVALID_DATA)
                await asyncio.sleep(CLOSE_S)  # the writer ends the socket once the client has been told
                return
            if len(message) >= LONG:
                await turns().take()
            try:
                await handle(message)
            except LiveheadError as error:
                self.tell(error)
            except Exception as error:
                logger.error("a message on the %s socket failed", self._name, exc_info=error)
                self.tell(error)
            if received % TURN == 0 and len(message) < LONG:
                await asyncio.sleep(0)

    async def _within_budget(self, message: str | bytes) -> bool:
        """Whether to go on; waits where binary messages come too fast."""
        now = time.monotonic()
        if isinstance(message, bytes):
            if wait := self._binaries.take(now):
                await asyncio.sleep(wait)
                self._binaries.take(time.monotonic())
            return True
        wait = self._texts.take(now)
        if not wait:
            return True
        self.tell(
            RateLimitError(
                f"Too many messages: {self._texts.rate:.3g} a second are allowed on a socket. It is closed.",
                retry_after=wait,
            )
        )
        self.end(POLICY_VIOLATION)
        await asyncio.sleep(CLOSE_S)  # the writer ends the socket once the client has been told
        return False

    async def _receive(self) -> str | bytes | None:
        """The next message; None at the end."""
        try:
            async with asyncio.timeout(self.idle_s):
                received = await self._socket.receive()
        except TimeoutError:
            return None
        if received["type"] == "websocket.disconnect":
            return None
        text: str | None = received.get("text")
        if text is None:
            return bytes(received["bytes"])
        return text

    async def _write(self) -> None:
        while (item := await self._outgoing.get()) is not None:
            for message in item() if callable(item) else (item,):
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_text(encode(message))

    async def _wait(self) -> None:
        await self._cut_off.wait()
        logger.debug("a client of the %s socket does not read: cut off", self._name)

    async def _close(self) -> None:
        if self._socket.application_state is not WebSocketState.CONNECTED:
            return
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):  # the client may have been faster
            async with asyncio.timeout(CLOSE_S):
                await self._socket.close(self._code)


def _is_unicode(text: str) -> bool:
    """False where ``text`` holds bytes that could not be decoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
