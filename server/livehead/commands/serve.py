"""``livehead serve``: the server, on one port."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from livehead.access.exposure import check_exposure, is_loopback
from livehead.api.services import Services
from livehead.app import create_app
from livehead.commands.options import add_settings, settings_from
from livehead.engine.choice import choose
from livehead.sessions.registry import Registry
from livehead.settings import ServerSettings, Settings
from livehead.transport.listening import listen
from livehead.transport.tls import verify_tls_files
from livehead.transport.websocket_protocol import WebSocketProtocol

SETTINGS = (
    "host",
    "port",
    "engine",
    "variant",
    "models",
    "device",
    "attention",
    "precision",
    "size",
    "max_sessions",
    "data_dir",
    "tls_cert",
    "tls_key",
    "latency",
    "keys",
    "insecure",
)

MAX_WEBSOCKET_MESSAGE = 6 * 1024 * 1024
"""Bytes of the largest WebSocket message that is read: a minute of pushed speech at 48 kHz. A smaller one that is still
too long gets an answer."""

MAX_CONNECTIONS = 512
"""Connections and requests at once; more are answered with 503 by uvicorn itself."""

CLOSING_SECONDS = 3
"""How long uvicorn waits for open connections after the sessions are closed."""

logger = logging.getLogger(__name__)


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser("serve", parents=[common], help="serve the page and the API")
    add_settings(parser, SETTINGS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = settings_from(args)
    server = settings.server
    check_exposure(settings)
    choice = choose(settings.engine)
    if server.tls_cert is not None and server.tls_key is not None:
        verify_tls_files(server.tls_cert, server.tls_key)
    app = create_app(settings, choice)
    listener = listen(server.host, server.port)
    scheme = "https" if server.tls_cert else "http"
    host = f"[{server.host}]" if ":" in server.host else server.host
    print(f"Engine: {choice.name} ({choice.reason})", flush=True)
    print(f"Livehead is at {scheme}://{host}:{listener.getsockname()[1]}", flush=True)
    config = configure(app, server, debug=args.debug)
    services: Services = app.state.services
    _warn(settings, services)
    DrainingServer(config, services.registry, server.drain_seconds, services.reload_keys).run(sockets=[listener])
    return 0


def _warn(settings: Settings, services: Services) -> None:
    server = settings.server
    if services.access.open and server.insecure:
        logger.warning("--insecure: everybody who reaches %s may use this server", server.host)
    if not services.access.open and not services.access.names:
        logger.warning("there are no keys in the key file, so nobody may come in: `livehead keys new NAME`, and SIGHUP")
    if not services.access.open and server.tls_cert is None and not is_loopback(server.host):
        logger.warning("keys and tokens travel in clear text: use --tls-cert and --tls-key, or a proxy that ends TLS")


def configure(app: FastAPI, settings: ServerSettings, *, debug: bool = False) -> uvicorn.Config:
    """uvicorn with bounds: by default it accepts messages of 16 MiB and any number of connections."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws=WebSocketProtocol,
        ws_max_size=MAX_WEBSOCKET_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_timeout=None,  # a backend's pong may wait behind its speech; missing media show who is gone
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=CLOSING_SECONDS,
        lifespan="on",
        log_config=None,
        access_log=debug,
        server_header=False,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


class DrainingServer(uvicorn.Server):
    """Stops in two steps: SIGTERM or Ctrl-C tells the clients and waits for them, a second one stops at once. SIGHUP
    calls ``reload``."""

    def __init__(
        self,
        config: uvicorn.Config,
        registry: Registry,
        drain_seconds: float,
        reload: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        super().__init__(config)
        self._reload = reload
        self._reloading: asyncio.Task[None] | None = None
        self._registry = registry
        self._drain_seconds = drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None
        self._signals = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGHUP, self._start_reloading)
        await super().startup(sockets)
        gc.collect()
        gc.freeze()  # imported objects are never scanned again, which would pause calls for 50 ms

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:
            os._exit(1)  # waits for no thread or connection; the worker ends with its pipe
        logger.info("%s: draining, again to end at once", signal.Signals(sig).name)
        if self._loop is None or not self.started:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self._start_draining)

    def _start_reloading(self) -> None:
        self._reloading = asyncio.create_task(self._reload())

    def _start_draining(self) -> None:
        self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            await self._registry.drain(self._drain_seconds)
        finally:
            self.should_exit = True
