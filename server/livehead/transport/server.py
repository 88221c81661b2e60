"""uvicorn, with bounds on connections and on what may come over them."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from livehead.metrics import Metrics
from livehead.settings import Settings
from livehead.transport import access_log
from livehead.transport.connections import Connection, Connections
from livehead.transport.http_protocol import HttpProtocol
from livehead.transport.proxies import Proxies
from livehead.transport.tls import EarlyData, restrict
from livehead.transport.websocket_protocol import MAX_MESSAGE, WebSocketProtocol

CLOSING_S = 3
"""How long open connections may take to end when the server does."""

KEEP_ALIVE_S = 10
"""How long a connection may be idle between two requests."""

HANDSHAKE_S = 10.0
"""How long a TLS handshake may take."""

SHUTDOWN_S = 2.0
"""How long a client may take to confirm that TLS has ended."""

CHECK_S = 0.5
"""How often connections are checked for what takes too long."""

OTHER_DESCRIPTORS = 1024
"""File descriptors beside those of connections: media sockets, pipes, files."""


class Server(uvicorn.Server):
    """Serves one ASGI application. ``debug`` logs each request."""

    def __init__(self, app: Callable[..., Any], settings: Settings, metrics: Metrics, *, debug: bool = False) -> None:
        """Reads the TLS files, so make it before the event loop runs. Raises UsageError for a proxy's address that is
        none, and RuntimeError for a uvicorn or websockets that is not as it is here relied upon."""
        proxies = Proxies(settings.server.trusted_proxies)
        super().__init__(_configure(app, settings, proxies, debug=debug))
        self._limits = settings.limits
        self._connections = Connections(settings.limits, proxies, metrics)
        self._handshakes: set[asyncio.Task[None]] = set()
        self._checking: asyncio.Task[None] | None = None
        self._closing = False
        access_log.install()
        self.config.load()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but for the protocol that a connection begins with."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        _allow_descriptors(self._limits.max_connections + OTHER_DESCRIPTORS)
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(lambda: _Accepted(self._accept), sock=each, backlog=256) for each in sockets or ()
        ]
        self._checking = asyncio.create_task(self._check(), name="connections")
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing = True
        ending = [*self._handshakes, *([self._checking] if self._checking is not None else ())]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await super().shutdown(sockets)

    async def _check(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_S)
            self._connections.check(loop.time())

    def _accept(self, transport: asyncio.Transport) -> None:
        if self._closing:
            transport.abort()
            return
        connection = self._connections.admit(transport)
        if connection is None:
            return
        if self.config.ssl is None:
            self._serve_on(transport, connection)
            return
        task = asyncio.create_task(self._secure(transport, connection, self.config.ssl), name="tls-handshake")
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _secure(self, transport: asyncio.Transport, connection: Connection, context: ssl.SSLContext) -> None:
        early = EarlyData()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                early,
                context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except OSError:  # of TLS, of the network, and the time-out
            connection.drop("tls")
            return
        except asyncio.CancelledError:
            connection.drop("closing")
            raise
        if secured is None or secured.is_closing() or early.lost:
            connection.drop("tls")
            return
        self._serve_on(secured, connection, early.data)

    def _serve_on(self, transport: asyncio.Transport, connection: Connection, early: bytes = b"") -> None:
        protocol = HttpProtocol(
            self.config,
            self.server_state,
            self.lifespan.state,
            asyncio.get_running_loop(),
            connection=connection,
            request_seconds=self._limits.request_seconds,
            messages_per_second=self._limits.messages_per_second,
        )
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if early:
            protocol.data_received(early)


class _Accepted(asyncio.Protocol):
    """A TCP connection, until it is known what is served on it."""

    def __init__(self, accept: Callable[[asyncio.Transport], None]) -> None:
        self._accept = accept

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._accept(transport)  # type: ignore[arg-type]


def _configure(app: Callable[..., Any], settings: Settings, proxies: Proxies, *, debug: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_timeout=None,  # a backend's pong may wait behind its speech; missing media show who is gone
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=CLOSING_S,
        lifespan="on",
        log_config=None,
        access_log=debug,
        server_header=False,
        proxy_headers=bool(proxies.names),  # uvicorn would believe what this machine says
        forwarded_allow_ips=proxies.names,
        ssl_certfile=settings.server.tls_cert,
        ssl_keyfile=settings.server.tls_key,
        ssl_context_factory=(lambda _, make: restrict(make())) if settings.server.tls_cert else None,
    )


def _allow_descriptors(count: int) -> None:
    """Raise the process's own limit as far as the system's allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
