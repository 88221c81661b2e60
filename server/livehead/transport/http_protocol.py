"""uvicorn's HTTP protocol, with bounds.

uvicorn bounds neither a request's head nor the time it may take, and parses all that a read brought before anything
else runs. Here a read is parsed in slices, others have their turn in between, and nothing more is read while some of
it waits. A head may be large only so far, heads and bodies may take their time only so far, and what is left of a body
after the answer is read for a moment only.
"""

from __future__ import annotations

import logging
from asyncio import AbstractEventLoop, Transport
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from livehead.transport.arrival import Arrival
from livehead.transport.connections import Connection
from livehead.transport.refusals import FULL, LARGE_HEAD, LONG_URL, MALFORMED, TIMEOUT, Refusal
from livehead.transport.websocket_protocol import LINGER_S, SLICE, WebSocketProtocol
from livehead.turns import turns

MAX_HEAD = 32 * 1024
"""Bytes of a request's head, and of what may stand between the parts of its body."""

MAX_FIELDS = 100
"""Header fields of a request, trailers included."""

MAX_URL = 8 * 1024
"""Bytes of a request's URL."""

MAX_LINE = 8 * 1024
"""Bytes of each line in the head of a WebSocket's request: the library reads no longer ones."""

CHUNK_OVERHEAD = 16
"""Bytes that may come with every byte of a body: chunks of one byte have 5."""

logger = logging.getLogger(__name__)


class _Part(Enum):
    """What arrives next."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class _Refused(Exception):
    """Ends the parser from within one of its callbacks."""


class _Flow(FlowControl):
    """Reading stops for uvicorn, whose buffer is full, and for bytes that wait to be parsed."""

    def __init__(self, transport: Transport, go_on: Callable[[], None]) -> None:
        super().__init__(transport)
        self.full = False
        self._held = False
        self._go_on = go_on

    def pause_reading(self) -> None:
        self.full = True
        super().pause_reading()

    def resume_reading(self) -> None:
        self.full = False
        if self._held:
            self._go_on()
        else:
            super().resume_reading()

    def hold(self) -> None:
        self._held = True
        super().pause_reading()

    def release(self) -> None:
        self._held = False
        if not self.full:
            super().resume_reading()


class _Answers:
    """A connection as what is answered sees it: once it is closed, nothing is sent. A connection that is cut off in the
    same moment is gone for uvicorn only a moment later, and uvloop raises RuntimeError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.is_closing = transport.is_closing
        self.close = transport.close

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


class HttpProtocol(HttpToolsProtocol):
    """One connection's requests. A head, and then a body, may take ``request_seconds`` to arrive."""

    flow: _Flow

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
        *,
        connection: Connection,
        request_seconds: float,
        messages_per_second: float,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connection = connection
        self._messages_per_second = messages_per_second
        self._arrival = Arrival(request_seconds)
        self._request_seconds = request_seconds
        self._part = _Part.NOTHING
        self._backlog = bytearray()
        self._scheduled = False
        self._ended = False  # nothing that comes now is parsed
        self._refusal: Refusal | None = None
        self._surplus = 0  # bytes parsed since the last that counted for something
        self._head = 0
        self._fields = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport, self._schedule)
        self._connection.served = self
        self._connection.abort = transport.abort
        self._arrival.begin(self.loop.time())

    def connection_lost(self, exc: Exception | None) -> None:
        self._backlog.clear()
        self._connection.forget()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def check(self, now: float) -> None:
        """End the connection where its client takes too long."""
        if self.transport.is_closing():
            return  # what is left to be sent is the kernel's to time: see listening.UNREAD_S
        if self.flow.full or (self._part is _Part.HEAD and self._answering):
            self._arrival.excuse(now)  # it is the application that takes long
        if not self._arrival.overdue(now):
            return
        if self._ended:
            self.transport.abort()
        elif self._part is _Part.NOTHING or (self._part is _Part.BODY and not self._answering):
            self._connection.refuse("timeout")
            self.transport.close()
        else:
            self._refuse(TIMEOUT)

    # What arrives.

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._ended:
            return
        idle = not self._backlog
        self._backlog += data
        if idle:
            self._schedule()
        if self._backlog:  # it is not its turn
            self.flow.hold()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            turns().call(self._parse_on)

    def _parse_on(self) -> None:
        self._scheduled = False
        if self._backlog and not self.flow.full:
            self._parse()

    def _parse(self) -> None:
        if self.transport.is_closing() or self._ended:
            self._backlog.clear()
            return
        data = bytes(self._backlog[:SLICE])
        del self._backlog[:SLICE]
        self._feed(data)
        if self._backlog:
            self.flow.hold()
            if not self.flow.full:
                self._schedule()
        else:
            self.flow.release()

    def _feed(self, data: bytes) -> None:
        if self._part is _Part.NOTHING:
            self._part = _Part.HEAD
            if not self._arrival.begun:  # for the first request it began with the connection
                self._arrival.begin(self.loop.time())
        self._surplus += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            else:
                logger.debug("a request to upgrade to something else was served without")
        except httptools.HttpParserError:
            self._refuse(self._refusal or MALFORMED)
        else:
            if self._surplus > MAX_HEAD:
                self._refuse(LARGE_HEAD)

    # What the parser finds in it.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part = _Part.HEAD
        self._head = 0
        self._fields = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count_head(len(url))
        if len(self.url) > MAX_URL:
            self._stop(LONG_URL)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + 4)
        self._fields += 1
        if self._fields > MAX_FIELDS:
            self._stop(LARGE_HEAD)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._part = _Part.BODY
        self._surplus = 0
        self._arrival.begin(self.loop.time())
        self._connection.occupy()
        super().on_headers_complete()
        if self.cycle is not None and self.cycle.transport is self.transport:  # it is no WebSocket's
            self.cycle.transport = _Answers(self.transport)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        self._surplus = max(0, self._surplus - len(body) * (1 + CHUNK_OVERHEAD))
        if self._answering:
            self._arrival.receive(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._part = _Part.NOTHING
        self._surplus = 0
        self._arrival.end()
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:
            self._rest()

    def _count_head(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD:
            self._stop(LARGE_HEAD)

    def _stop(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise _Refused

    # What is answered.

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() or self._answering:
            return
        if self._part is _Part.BODY:
            self._unset_keepalive_if_required()
            self._arrival.seconds = LINGER_S
            self._arrival.begin(self.loop.time())
        else:
            self._rest()

    def _rest(self) -> None:
        """There is no request in progress."""
        self._arrival.seconds = self._request_seconds
        self._connection.release()
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        if self._part is _Part.HEAD:
            self._unset_keepalive_if_required()
            self._arrival.begin(self.loop.time())

    def handle_websocket_upgrade(self) -> None:
        lines = [len(name) + len(value) + 4 for name, value in self.headers]
        if max(lines) > MAX_LINE or len(self.url) + len(b"GET  HTTP/1.1\r\n") > MAX_LINE:
            self._refuse(LARGE_HEAD)
            return
        if not self._connection.become_socket():
            self._refuse(FULL)
            return
        self._ended = True
        self._unset_keepalive_if_required()
        self._backlog.clear()  # a client must wait for the answer: RFC 6455 section 4.1
        self.flow.full = False
        self.flow.release()
        self.ws_protocol_class = partial(  # type: ignore[assignment]
            WebSocketProtocol,
            connection=self._connection,
            path=self.url.partition(b"?")[0].decode("ascii"),
            request_seconds=self._request_seconds,
            messages_per_second=self._messages_per_second,
        )
        super().handle_websocket_upgrade()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer, and read on for a moment: a connection that is closed while bytes arrive takes the answer with it."""
        self._connection.refuse(refusal.reason)
        self._ended = True
        self._backlog.clear()
        if self._answering:
            if not self.cycle.more_body and not self.pipeline:  # it is the next request that is refused
                self.cycle.keep_alive = False
                self._arrival.end()
                return
            started = self.cycle.response_started or bool(self.pipeline)
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if started:
                self.transport.close()
                return
        self.transport.write(refusal.response)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._arrival.seconds = LINGER_S
        self._arrival.begin(self.loop.time())
        self.flow.full = False
        self.flow.release()
