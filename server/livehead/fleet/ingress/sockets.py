"""WebSockets through the ingress: messages both ways, as fast as whoever reads them takes them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket as sockets
import ssl
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Origin, Subprotocol

from livehead.errors import MalformedError
from livehead.fleet.directory import Replica
from livehead.fleet.ingress.errors import lost
from livehead.fleet.ingress.exchange import Unanswered, Unsent, is_gone
from livehead.fleet.ingress.headers import RawHeaders, answer_headers
from livehead.fleet.ingress.upstream import TCP_KEEPALIVE, target_of

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of a message of a replica."""

CLOSE_S = 2.0

NORMAL_CLOSURE = 1000
GOING_AWAY = 1001
NO_STATUS = 1005
ABNORMAL = 1006
INVALID_DATA = 1007
BAD_GATEWAY = 1014
"""The replica is gone (IANA, WebSocket close codes): what 502 is to HTTP."""

logger = logging.getLogger(__name__)

quiet = logging.getLogger(f"{__name__}.frames")
quiet.setLevel(logging.WARNING)


class Denied(Exception):
    """The replica answered the opening handshake with a response of HTTP."""

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def refused(self) -> bool:
        """Whether another replica may have room."""
        return self.status == HTTPStatus.SERVICE_UNAVAILABLE

    def response(self) -> Response:
        response = Response(self.body, self.status)
        response.raw_headers = [each for each in self.headers if each[0] != b"content-length"]
        response.headers["Content-Length"] = str(len(self.body))
        return response


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def dial(
    replica: Replica, scope: Scope, headers: RawHeaders, *, tls: ssl.SSLContext, within: float
) -> ClientConnection:
    """The same handshake with a replica. Raises Denied, Unsent, Unanswered, and MalformedError for a Host that is none.

    Host and address differ: the replica is to see the name that the client has called."""
    given = dict(headers)
    host = given.get(b"host", urlsplit(replica.url).netloc.encode()).decode("latin-1")
    parts = urlsplit(replica.url)
    secure = parts.scheme == "https"
    left_out = (b"host", b"origin")
    more = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if name not in left_out and not name.startswith(b"sec-websocket-")
    ]
    origin = given.get(b"origin")
    encryption: dict[str, Any] = {"ssl": tls, "server_hostname": parts.hostname} if secure else {}
    try:
        opening = _Connect(
            f"{'wss' if secure else 'ws'}://{host}{target_of(scope).decode('latin-1')}",
            host=parts.hostname,
            port=parts.port or (443 if secure else 80),
            additional_headers=more,
            origin=None if origin is None else Origin(origin.decode("latin-1")),
            subprotocols=[Subprotocol(each) for each in scope.get("subprotocols", ())] or None,
            user_agent_header=None,
            compression=None,
            proxy=None,
            open_timeout=within,
            close_timeout=CLOSE_S,
            ping_interval=None,  # a pong may wait behind speech; TCP finds out about a machine that is gone
            max_size=MAX_ANSWER,
            logger=quiet,
            **encryption,
        )
        line = await opening
    except InvalidURI as error:
        raise MalformedError("The Host header names no host (RFC 9112 section 3.2).", problem="host") from error
    except InvalidStatus as error:
        answer = error.response
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.raw_items()]
        raise Denied(answer.status_code, answer_headers(raw, replica.url), bytes(answer.body or b"")) from None
    except (ConnectionRefusedError, TimeoutError) as error:
        raise Unsent(str(lost(replica.name, error)), gone=is_gone(error)) from error
    except (InvalidHandshake, OSError) as error:
        raise Unanswered(lost(replica.name, error)) from error
    with contextlib.suppress(OSError):
        raw_socket: sockets.socket = line.transport.get_extra_info("socket")
        for level, option, value in TCP_KEEPALIVE:
            raw_socket.setsockopt(level, option, value)
    return line


class ClientSocket:
    """The client's side of one. Messages are those of ASGI."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.receive = receive
        self.send = send
        self.closed = False

    async def accept(self, subprotocol: str | None) -> None:
        await self.receive()  # websocket.connect
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol})

    async def pass_on(self, message: str | bytes) -> None:
        field = "text" if isinstance(message, str) else "bytes"
        await self._send({"type": "websocket.send", field: message})

    async def close(self, code: int, reason: str = "") -> None:
        """Twice is once."""
        if not self.closed:
            self.closed = True
            await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def _send(self, message: Message) -> None:
        with contextlib.suppress(OSError):  # the client is gone, as the reader will learn
            await self.send(message)


async def join(client: ClientSocket, line: ClientConnection) -> None:
    """Pass messages on, both ways, until either side ends; the other is ended with the same code."""
    up = asyncio.create_task(send_up(client, line), name="socket-up")
    down = asyncio.create_task(send_down(client, line), name="socket-down")
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.wait({up, down})
        await hang_up(line)
    for task in (up, down):
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a socket failed", exc_info=error)


async def send_up(client: ClientSocket, line: ClientConnection) -> None:
    """Until the client ends it."""
    while True:
        message = await client.receive()
        if message["type"] == "websocket.disconnect":
            client.closed = True
            await hang_up(line, message.get("code"), message.get("reason") or "")
            return
        if not await pass_up(message, client, line):
            return


async def pass_up(message: Message, client: ClientSocket, line: ClientConnection, *, wait: bool = True) -> bool:
    """Whether the socket goes on. Text that is not UTF-8 ends it here (RFC 6455 section 8.1). A replica that is gone is
    for whoever reads from it to find; ``wait`` for that."""
    text: str | None = message.get("text")
    try:
        await line.send(message["bytes"] if text is None else text)
    except UnicodeEncodeError:
        await client.close(INVALID_DATA)
        return False
    except ConnectionClosed:
        if wait:
            await asyncio.Future()
    return True


async def send_down(client: ClientSocket, line: ClientConnection) -> None:
    """Until the replica ends it."""
    try:
        while True:
            await client.pass_on(await line.recv())
    except ConnectionClosed as closed:
        await client.close(*ending(closed))


def ending(closed: ConnectionClosed) -> tuple[int, str]:
    """How the client is told that the replica's end was closed."""
    if closed.rcvd is None or closed.rcvd.code == ABNORMAL:
        return BAD_GATEWAY, "the replica is gone"
    code = NORMAL_CLOSURE if closed.rcvd.code == NO_STATUS else closed.rcvd.code
    return code, closed.rcvd.reason


async def hang_up(line: ClientConnection, code: int | None = None, reason: str = "") -> None:
    """Twice is once. A client that was cut off has sent no code: it has gone away."""
    if code is None or code in (NO_STATUS, ABNORMAL):
        code = NORMAL_CLOSURE if code == NO_STATUS else GOING_AWAY
    with contextlib.suppress(OSError):
        await line.close(code, reason)
