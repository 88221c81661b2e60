"""uvicorn's WebSocket protocol, with bounds.

uvicorn parses all that a read brought before anything else runs: a quarter of a megabyte of small messages holds
the event loop for a quarter of a second. Here it is parsed in slices, and others have their turn in between.

For text that is not UTF-8 uvicorn logs a traceback and closes. Here the application gets it, with surrogates in
place of the bytes that cannot be decoded (:pep:`383`), and tells the client.

A connection that uvicorn closed because of broken frames is gone for an application that is about to send, which
uvicorn calls an error of the application.

Frames are looked at once the application has accepted the socket. How large a message may be depends on the path, how
long it may take to arrive on its size, and control frames and small fragments have a budget.
"""

from __future__ import annotations

import re
from asyncio import Transport
from typing import Any
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.server import ServerProtocol

from livehead.core.token_bucket import TokenBucket
from livehead.transport.access_log import FRAMES
from livehead.transport.arrival import Arrival
from livehead.transport.connections import Connection
from livehead.transport.refusals import MALFORMED
from livehead.turns import turns

SLICE = 4096
"""Bytes that are parsed at once."""

MAX_MESSAGE = 320 * 1024
"""Bytes of the largest message that is read. A smaller one that is still too long gets an answer."""

MAX_SPEECH = 6 * 1024 * 1024
"""The same for pushed speech: a minute of it at 48 kHz. Text is no speech: to decode so much of it takes long."""

SMALL = 1024
"""Fragments of fewer bytes count like control frames."""

FRAMES_PER_MESSAGE = 2
"""Control frames and small fragments that may come in the time of one message."""

BURST_S = 4.0
"""They may all come at once that would have come in this time."""

LINGER_S = 2.0
"""How long a connection that the server has ended is read on: closed at once, it takes the last answer with it."""

POLICY_VIOLATION = 1008
TOO_LARGE = 1009

_SPEECH = re.compile(r"/v1/sessions/[^/]+/speech")


def max_message(path: str) -> int:
    """Bytes of the largest message on the WebSocket at ``path``, as it stands in the request."""
    return MAX_SPEECH if _SPEECH.fullmatch(unquote(path)) else MAX_MESSAGE


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """While a backlog waits to be parsed nothing more is read from the connection.

    The application has ``request_seconds`` to accept the socket, and each message so long to arrive, with more for a
    long one (:class:`~livehead.transport.arrival.Arrival`).
    """

    transport: Transport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        connection: Connection,
        path: str,
        request_seconds: float,
        messages_per_second: float,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.conn = ServerProtocol(max_size=max_message(path), logger=FRAMES)
        self._connection = connection
        self._backlog = bytearray()
        self._arrival = Arrival(request_seconds)
        rate = messages_per_second * FRAMES_PER_MESSAGE
        self._budget = TokenBucket(rate, rate * BURST_S, self.loop.time())
        self._frames_received = 0
        self._ended = False  # nothing that comes now is parsed

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._connection.served = self
        self._arrival.begin(self.loop.time())

    def connection_lost(self, exc: Exception | None) -> None:
        self._backlog.clear()
        self._connection.forget()
        super().connection_lost(exc)

    def check(self, now: float) -> None:
        """End the connection where its client takes too long."""
        if self.transport.is_closing() or self.close_sent:
            return
        if self.handshake_complete and not self.queue.empty():
            self._arrival.excuse(now)  # it is the application that takes long
        if not self._arrival.overdue(now):
            return
        if self.handshake_complete:
            self._fail("timeout", "A message took too long to arrive.")
        else:
            self._connection.drop("timeout")

    # What arrives.

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        idle = not self._backlog
        self._backlog += data
        if idle:
            self._parse()

    def _parse(self) -> None:
        if self.transport.is_closing():
            self._backlog.clear()
            return
        if not self._backlog:
            return
        if self.handshake_initiated and not self.handshake_complete:
            self._pause()  # a client must wait for the answer: RFC 6455 section 4.1
            return
        data = bytes(self._backlog[:SLICE])
        del self._backlog[:SLICE]
        before = self._frames_received
        super().data_received(data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self._refuse_handshake()
            return
        if self._frames_received == before or self.conn.reader.buffer or self.frames:
            self._await_more(len(data))
        if self._backlog:
            self._pause()
            turns().call(self._parse)
        else:
            self._read_on()

    def _await_more(self, size: int) -> None:
        """A frame or a message has begun and is not there."""
        if not self.handshake_initiated:
            return
        if not self._arrival.begun:
            self._arrival.begin(self.loop.time())
        self._arrival.receive(size)

    def _pause(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if self.read_paused and not self._backlog and self.queue.empty() and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()

    # What is found in it.

    def handle_text(self, event: Frame) -> None:
        self._count_data(event)
        super().handle_text(event)
        self._settle()

    def handle_bytes(self, event: Frame) -> None:
        self._count_data(event)
        super().handle_bytes(event)
        self._settle()

    def handle_cont(self, event: Frame) -> None:
        self._count_data(event)
        super().handle_cont(event)
        self._settle()

    def handle_ping(self) -> None:
        self._spend()
        if not self._ended:
            super().handle_ping()
        self._settle()

    def handle_pong(self, event: Frame) -> None:
        self._spend()
        super().handle_pong(event)
        self._settle()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            if sum(map(len, self.frames)) > MAX_MESSAGE:
                self.frames = []
                self._fail("size", f"Text of more than {MAX_MESSAGE} bytes.", TOO_LARGE)
                return
            text = b"".join(self.frames)
            try:
                text.decode()
            except UnicodeDecodeError:
                self.frames = []
                if not self.close_sent:
                    self.queue.put_nowait({"type": "websocket.receive", "text": text.decode(errors="surrogateescape")})
                    self._pause()
                return
        super().send_receive_event_to_app()

    def _count_data(self, event: Frame) -> None:
        if self.close_sent or (not event.fin and len(event.data) < SMALL):
            self._spend()

    def _spend(self) -> None:
        """One from the budget of what carries no message."""
        if self._budget.take(self.loop.time()):
            self._fail("flood", "Too many control frames or fragments.")

    def _settle(self) -> None:
        self._frames_received += 1
        if not self.frames:
            self._arrival.end()

    # What is answered.

    async def receive(self) -> Any:
        message = await self.queue.get()
        self._read_on()
        return message

    async def send(self, message: Any) -> None:
        if self.close_sent and message["type"] == "websocket.send":
            raise ClientDisconnected
        connecting = not self.handshake_complete
        await super().send(message)
        if connecting and self.close_sent:
            self.handshake_complete = True  # it was refused, which uvicorn would call an error of the application
            return
        if connecting and self.handshake_complete:
            self._arrival.end()
            self._parse()

    def _fail(self, reason: str, text: str, code: int = POLICY_VIOLATION) -> None:
        """Close, and read on for a moment."""
        if self._ended or self.transport.is_closing():
            return
        self._connection.refuse(reason)
        self._ended = True
        self._backlog.clear()
        if self.close_sent:
            self.transport.close()
            return
        self.conn.fail(code, text)
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": text})
        self.close_timer = self.loop.call_later(LINGER_S, self.transport.close)
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def _refuse_handshake(self) -> None:
        self._connection.refuse(MALFORMED.reason)
        self._ended = True
        self.transport.write(MALFORMED.response)
        self.transport.close()
