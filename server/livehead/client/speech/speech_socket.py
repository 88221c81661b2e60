"""The socket that speech is pushed through: opened when there is something to say, and again when it broke."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from livehead.client.errors import ClientError, ConnectionLost, ProblemError, ProtocolError, SessionEnded
from livehead.client.speech.utterances import Utterance, Utterances
from livehead.client.transport.back_off import Reconnection
from livehead.client.transport.http import Http
from livehead.client.transport.messages import decode
from livehead.client.transport.reconnecting import SESSION_OVER, open_socket
from livehead.core.block import BLOCK_S
from livehead.core.messages.from_client import End, Interrupt
from livehead.core.messages.from_server import Playback as PlaybackMessage
from livehead.core.messages.from_server import encode

AHEAD_S = 45.0
"""Speech that the server may have and not have spoken. It reads nothing while its own queue is full, which holds 60 s
at least, so an interrupt is always read at once."""

ANSWER_S = 5.0
"""A socket whose server does not answer an interrupt for so long is given up."""

RATE = 24_000
"""Of a connection that is made for an interrupt alone."""

END = encode(End())
INTERRUPT = encode(Interrupt())

logger = logging.getLogger(__name__)


class SpeechSocket:
    """``on_message`` is told what the server says, and whether it follows from an interrupt that was not asked for;
    ``on_lost`` that the connection is gone; ``on_over`` that the session is."""

    def __init__(
        self,
        http: Http,
        session: str,
        on_message: Callable[[PlaybackMessage, bool], None],
        on_lost: Callable[[], None],
        on_over: Callable[[], None],
    ) -> None:
        self.utterances = Utterances(time.monotonic)
        self._http = http
        self._path = f"/v1/sessions/{session}/speech"
        self._on_message = on_message
        self._on_lost = on_lost
        self._on_over = on_over
        self._rate = 0
        self._may_be_held = False  # on the server, by an earlier connection, or by a text that it says
        self._reconnection = Reconnection()
        self._leftover = False  # of a connection that broke: the server still speaks it
        self._opening = asyncio.Lock()
        self._news = asyncio.Event()
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._again: asyncio.Task[None] | None = None

    async def open(self, rate: int) -> None:
        """Make sure that there is a connection for samples of ``rate`` Hz. One for another rate is closed first, once
        everything that was sent through it has ended. Raises ClientError where there can be none."""
        async with self._opening:
            if self._connection is not None and self._rate != rate:
                await self._finish()
            if self._connection is None:
                await self._connect(rate)

    async def send(self, utterance: Utterance, data: bytes) -> None:
        """Waits while the server has enough. An utterance of which nothing was sent so far may go to a new
        connection; for others the loss of theirs is ConnectionLost. Raises ClientError."""
        while (too_much := self.utterances.ahead_s - AHEAD_S) > 0:
            await self._wait_for_news(max(too_much, BLOCK_S))
        if utterance.number is None:
            await self.open(utterance.rate)
        if self._connection is not None:
            self.utterances.add(utterance, data)
        await self._send(data)

    async def end(self) -> None:
        """The utterance is complete. Raises ConnectionLost."""
        await self._send(END)

    async def interrupt(self) -> None:
        """Wait until the server has dropped everything that was sent. What was sent before a connection broke is
        dropped as soon as there is one again, which is not waited for."""
        if self._again is not None:
            return
        if self._connection is None:
            await self.open(self._rate or RATE)
        utterances = self.utterances
        try:
            await self._ask_to_interrupt()
            async with asyncio.timeout(ANSWER_S):
                while utterances.interrupting and utterances is self.utterances:
                    await self._wait_for_news(None)
        except ConnectionLost:
            pass  # the reader sees it, too, and connects anew
        except TimeoutError:
            logger.warning("the server does not answer an interrupt: the connection is made anew")
            if self._connection is not None:
                self._connection.transport.abort()

    @contextlib.asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        """Closed, once everything that was sent has ended, and not opened meanwhile: somebody else speaks."""
        async with self._opening:
            await self._finish()
            self._may_be_held = True
            yield

    async def close(self) -> None:
        """Twice is once."""
        again, self._again = self._again, None
        if again is not None:
            again.cancel()
            await asyncio.wait([again])
        await self._disconnect()

    async def _connect(self, rate: int) -> None:
        try:
            connection = await open_socket(self._http, self._path, again=self._may_be_held, rate=rate)
        except asyncio.CancelledError:
            self._may_be_held = True
            raise
        self._may_be_held = True
        self._reconnection.made()
        self._connection, self._rate = connection, rate
        self._reader = asyncio.create_task(self._read(connection), name="speech-read")
        if self._leftover:
            self._leftover = False
            await self._ask_to_interrupt()

    async def _finish(self) -> None:
        while self.utterances and self._connection is not None:
            await self._wait_for_news(None)
        await self._disconnect()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        reader, self._reader = self._reader, None
        if connection is not None:
            await connection.close()
        if reader is not None:
            reader.cancel()
            await asyncio.wait([reader])
        self.utterances = Utterances(time.monotonic)

    async def _read(self, connection: ClientConnection) -> None:
        try:
            async for text in connection:
                if isinstance(text, str):
                    await self._take(text)
        except (ConnectionClosed, ConnectionLost):
            pass
        except ProtocolError as error:
            logger.warning("the connection for speech is given up: %s", error)
            connection.transport.abort()
        if connection is self._connection:
            self._lose(connection)

    def _lose(self, connection: ClientConnection) -> None:
        """What was sent has ended, as far as can be known. A new connection drops what the server still has of it."""
        self._connection = None
        over = connection.close_code == SESSION_OVER
        lost, self.utterances = self.utterances, Utterances(time.monotonic)
        self._leftover = not over and (bool(lost) or lost.interrupting)
        lost.lose("session-ended" if over else "connection-lost")
        self._news.set()
        self._on_lost()
        if over:
            self._on_over()
        elif self._leftover and self._again is None:
            logger.info("the connection for speech broke and is made anew")
            self._again = asyncio.create_task(self._reopen(), name="speech-again")

    async def _reopen(self) -> None:
        try:
            await asyncio.sleep(self._reconnection.wait())
            await self.open(self._rate)
        except SessionEnded:
            self._on_over()
        except ClientError as error:
            logger.warning("there is no connection for speech: %s", error)
        finally:
            self._again = None

    async def _take(self, text: str) -> None:
        match decode(text):
            case PlaybackMessage() as message:
                uncalled = self.utterances.take(message)
                self._news.set()
                self._on_message(message, uncalled)
                if uncalled:
                    await self._ask_to_interrupt()  # what the server did not have when it interrupted
            case ProblemError() as error if error.status == 429 and self.utterances.interrupting:
                await asyncio.sleep(error.retry_after or 0.1)
                await self._send(INTERRUPT)
            case ProblemError() as error:
                logger.warning("the server says of speech: %s", error)

    async def _ask_to_interrupt(self) -> None:
        if self.utterances.interrupt():
            await self._send(INTERRUPT)

    async def _send(self, data: str | bytes) -> None:
        if self._connection is None:
            raise ConnectionLost("The connection for speech broke.")
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise ConnectionLost("The connection for speech broke.") from error

    async def _wait_for_news(self, seconds: float | None) -> None:
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
