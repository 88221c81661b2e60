"""The viewer's microphone: one socket for a session's sound and its user's activity."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from livehead.client.errors import ClientError, ProblemError, ProtocolError, SessionEnded
from livehead.client.events import Events
from livehead.client.transport.back_off import Reconnection
from livehead.client.transport.http import Http
from livehead.client.transport.messages import decode
from livehead.client.transport.reconnecting import SESSION_OVER, open_socket
from livehead.core.messages.from_server import UserActivity

RATE = 16_000
"""Of a connection that is made for the events alone."""

WAITING_S = 5.0
"""Sound that may wait for a reader; then the oldest is dropped."""

logger = logging.getLogger(__name__)


class Hearing:
    """Connected while somebody reads the sound or wants the user's activity, which goes to ``events``. ``on_over`` is
    called once it is known that the session has ended."""

    def __init__(self, http: Http, session: str, events: Events, on_over: Callable[[], None]) -> None:
        self._http = http
        self._path = f"/v1/sessions/{session}/hearing"
        self._events = events
        self._on_over = on_over
        self._rate = RATE
        self._watched = False
        self._read = False
        self._may_be_held = False  # by an earlier connection, on the server
        self._over = False
        self._failed: ClientError | None = None
        self._sound: deque[bytes] = deque()
        self._waiting = 0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """The user's activity is wanted, from now on. Needs a running event loop; never waits."""
        self._watched = True
        if self._task is None and not self._over:
            self._start()

    async def chunks(self, rate: int) -> AsyncGenerator[bytes]:
        """See :meth:`~livehead.client.session.Session.hearing`."""
        if self._read:
            raise RuntimeError("this session's sound is being read already: read it in one place and pass it on")
        self._read = True
        try:
            if self._task is None or self._rate != rate:
                await self._stop()
                self._rate = rate
                self._start()
            while True:
                while self._sound:
                    chunk = self._sound.popleft()
                    self._waiting -= len(chunk)
                    yield chunk
                if self._failed is not None:
                    raise self._failed
                if self._over:
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self._read = False
            self._sound.clear()
            self._waiting = 0
            if not self._watched:
                await self._stop()

    def end(self) -> None:
        """The session is over. Twice is once."""
        self._over = True
        self._news.set()

    async def close(self) -> None:
        """Twice is once."""
        self.end()
        await self._stop()

    def _start(self) -> None:
        if not self._over:
            self._failed = None
            self._task = asyncio.create_task(self._run(self._rate), name="hearing")

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            self._may_be_held = True
            task.cancel()
            await asyncio.wait([task])

    async def _run(self, rate: int) -> None:
        reconnection = Reconnection()
        try:
            while True:
                connection = await open_socket(self._http, self._path, again=self._may_be_held, rate=rate)
                self._may_be_held = True
                reconnection.made()
                try:
                    await self._listen(connection, rate)
                finally:
                    await connection.close()
                if connection.close_code == SESSION_OVER:
                    raise SessionEnded("The session has ended.")
                logger.info("the connection for the user's sound broke and is made anew")
                await asyncio.sleep(reconnection.wait())
        except SessionEnded:
            self.end()
            self._on_over()
        except ClientError as error:
            self._failed = error
            self._news.set()
            self._task = None
            if self._watched:
                self._events.end(error)

    async def _listen(self, connection: ClientConnection, rate: int) -> None:
        try:
            async for message in connection:
                if isinstance(message, bytes):
                    self._keep(message, rate)
                else:
                    self._take(message)
        except ConnectionClosed:
            pass
        except ProtocolError as error:
            logger.warning("the connection for the user's sound is given up: %s", error)
            connection.transport.abort()

    def _keep(self, chunk: bytes, rate: int) -> None:
        if not self._read:
            return
        self._sound.append(chunk)
        self._waiting += len(chunk)
        while self._waiting > WAITING_S * rate * 2:
            self._waiting -= len(self._sound.popleft())
        self._news.set()

    def _take(self, text: str) -> None:
        match decode(text):
            case UserActivity() as activity:
                self._events.put(activity)
            case ProblemError() as error:
                logger.warning("the server says of the user's sound: %s", error)
