"""uvicorn, with bounds on connections and on what may come over them."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from starlette.concurrency import run_in_threadpool
from uvicorn.config import STARTUP_FAILURE

from livehead.metrics import Metrics
from livehead.settings import Settings
from livehead.transport import access_log
from livehead.transport.connections import Connection, Connections
from livehead.transport.http_protocol import HttpProtocol
from livehead.transport.listening import Listener
from livehead.transport.private_names import check_private_names
from livehead.transport.proxies import Proxies
from livehead.transport.tls import restrict
from livehead.transport.websocket_protocol import MAX_MESSAGE, WebSocketProtocol
from livehead.turns import turns

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
        check_private_names()
        proxies = Proxies(settings.server.trusted_proxies)
        super().__init__(_configure(_InTurn(app), settings, proxies, debug=debug))
        self._limits = settings.limits
        self._connections = Connections(settings.limits, proxies, metrics)
        self._beginning: dict[asyncio.Task[None], socket.socket] = {}
        self._checking: asyncio.Task[None] | None = None
        access_log.install()
        self.config.load()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but for the protocol that a connection begins with."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        _allow_descriptors(self._limits.max_connections + OTHER_DESCRIPTORS)
        await run_in_threadpool(int)  # loads what the first file served would wait for, 20 ms
        self.servers = [Listener(each, self._accept) for each in sockets or ()]  # type: ignore[misc]
        self._checking = asyncio.create_task(self._check(), name="connections")
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        for accepted in self._beginning.values():
            _hang_up(accepted)
        if self._beginning:
            await asyncio.wait(self._beginning)
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.wait([self._checking])
        await super().shutdown(sockets)

    async def _check(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_S)
            self._connections.check(loop.time())

    def _accept(self, accepted: socket.socket, address: str) -> None:
        connection = self._connections.admit(address, partial(_hang_up, accepted))
        if connection is None:
            accepted.close()
            return
        task = asyncio.create_task(self._begin(accepted, connection), name="connection")
        self._beginning[task] = accepted
        task.add_done_callback(self._beginning.pop)

    async def _begin(self, accepted: socket.socket, connection: Connection) -> None:
        """The TLS handshake, if any, and HTTP from then on."""
        loop = asyncio.get_running_loop()

        def make_protocol() -> HttpProtocol:
            return HttpProtocol(
                self.config,
                self.server_state,
                self.lifespan.state,
                loop,
                connection=connection,
                request_seconds=self._limits.request_seconds,
                messages_per_second=self._limits.messages_per_second,
            )

        context = self.config.ssl
        options = {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": SHUTDOWN_S} if context else {}
        with contextlib.suppress(OSError):  # of TLS, of the network, and the time-out
            await loop.connect_accepted_socket(make_protocol, accepted, ssl=context, **options)
        if connection.served is None:
            connection.drop("tls")


class _InTurn:
    """Requests begin one after the other: many may be there at once, from one connection too."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await turns().take()
        await self._app(scope, receive, send)


def _hang_up(accepted: socket.socket) -> None:
    """End a connection that belongs to an event loop, which is not to be closed behind its back."""
    with contextlib.suppress(OSError):
        accepted.shutdown(socket.SHUT_RDWR)


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
