"""``livehead serve``: the server, on one port."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import Any

from fastapi import FastAPI

from livehead.access.exposure import check_exposure, is_loopback
from livehead.api.services import Services
from livehead.app import create_app, warm_up
from livehead.commands.options import add_settings, settings_from
from livehead.engine.choice import choose
from livehead.errors import UsageError
from livehead.garbage import GarbageCollection
from livehead.heap import limit_arenas
from livehead.logs import configure, flush
from livehead.media.peer.media_addresses import MediaAddresses, describe
from livehead.settings import Settings
from livehead.store.layout import check_layout, mark_layout
from livehead.store.objects.base import ObjectStore
from livehead.store.objects.choice import open_store
from livehead.tracing import trace
from livehead.tracing.choice import choose as find_tracer
from livehead.transport.listening import listen
from livehead.transport.server import Server
from livehead.transport.tls import verify_tls_files

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
    "memory",
    "max_sessions",
    "data_dir",
    "bucket",
    "bucket_endpoint",
    "bucket_region",
    "portrait",
    "tls_cert",
    "tls_key",
    "latency",
    "keys",
    "insecure",
    "tts",
    "standby",
    "udp_ports",
    "public_address",
)

logger = logging.getLogger(__name__)


def add(subparsers: Any, common: argparse.ArgumentParser, _words: Sequence[str]) -> None:
    parser = subparsers.add_parser("serve", parents=[common], help="serve the page and the API")
    add_settings(parser, SETTINGS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    limit_arenas()
    settings = settings_from(args)
    configure(debug=args.debug, form=settings.server.log_format, replica=settings.server.replica)
    server = settings.server
    check_exposure(settings)
    choice = choose(settings.engine)
    if server.tls_cert is not None and server.tls_key is not None:
        verify_tls_files(server.tls_cert, server.tls_key)
    check_ports(settings)
    store = open_store(settings)
    check_store(store, settings)
    app = create_app(settings, choice)
    listener = listen(server.host, server.port)
    scheme = "https" if server.tls_cert else "http"
    host = f"[{server.host}]" if ":" in server.host else server.host
    say = logger.info if server.log_format == "json" else partial(print, flush=True)
    say(f"Engine: {choice.name} ({choice.reason})")
    say(f"Storage: {store.describe()}")
    say(f"Livehead is at {scheme}://{host}:{listener.getsockname()[1]}")
    services: Services = app.state.services
    _tell_ports(settings)
    _warn(settings, services)
    tracer = find_tracer(os.environ, server.replica)
    trace.use(tracer)
    try:
        DrainingServer(app, services, debug=args.debug).run(sockets=[listener])
    finally:
        tracer.close()
    return 0


def _tell_ports(settings: Settings) -> None:
    ports = settings.media.ports
    if ports is not None:
        clients = "1 client" if len(ports) == 1 else f"{len(ports)} clients"
        print(f"Audio and video use the UDP ports {describe(ports)}: room for {clients} at once", flush=True)


def check_store(store: ObjectStore, settings: Settings) -> None:
    """Raises UsageError where it cannot be used, or is of a newer version. A server whose data folder nobody has chosen
    goes on without what cannot be written."""
    check_layout(store)
    try:
        store.check()
        if settings.store.bucket is not None:
            mark_layout(store)
    except UsageError as error:
        if settings.store.bucket is not None or "data_dir" in settings.server.model_fields_set:
            raise
        logger.warning("nothing can be kept: %s", error)


def _warn(settings: Settings, services: Services) -> None:
    server = settings.server
    if services.access.open and server.insecure:
        logger.warning("--insecure: everybody who reaches %s may use this server", server.host)
    if not services.access.open and not services.access.names:
        logger.warning("there are no keys in the key file, so nobody may come in: `livehead keys new NAME`")
    if not services.access.open and server.tls_cert is None and not is_loopback(server.host):
        logger.warning("keys and tokens travel in clear text: use --tls-cert and --tls-key, or a proxy that ends TLS")


def check_ports(settings: Settings) -> None:
    """Raises UsageError for a range of UDP ports that holds fewer clients than sessions were asked for, and for one
    that others have taken; warns of one that is taken in part."""
    ports, sessions = settings.media.ports, settings.sessions.max_sessions
    if ports is None:
        return
    if sessions is not None and sessions > len(ports):
        raise UsageError(
            f"--udp-ports {describe(ports)} has room for {len(ports)}, and --max-sessions asks for {sessions}: every "
            "session takes a port of its own, and every viewer another. Give more ports."
        )
    taken = MediaAddresses(ports).taken()
    if taken == len(ports):
        raise UsageError(f"--udp-ports {describe(ports)}: other programs have all of these ports. Choose others.")
    if taken:
        logger.warning("--udp-ports %s: other programs have %d of these ports", describe(ports), taken)


class DrainingServer(Server):
    """Stops in two steps: SIGTERM or Ctrl-C tells the clients and waits for them, a second one stops at once, and
    SIGUSR1 ends the sessions that are waited for. SIGHUP calls ``reload``."""

    def __init__(self, app: FastAPI, services: Services, *, debug: bool = False) -> None:
        super().__init__(app, services.settings, services.metrics, debug=debug)
        self._app = app
        self._reload = services.reload_keys
        self._reloading: asyncio.Task[None] | None = None
        self._registry = services.registry
        self._garbage = GarbageCollection(lambda: self._registry.active, lambda: self._registry.came)
        self._drain_seconds = services.settings.server.drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._signals = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGHUP, self._start_reloading)
        self._loop.add_signal_handler(signal.SIGUSR1, self._stop_waiting)
        await warm_up(self._app)
        await super().startup(sockets)
        await self._garbage.__aenter__()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._garbage.__aexit__(None, None, None)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:
            flush(1.0)
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

    def _stop_waiting(self) -> None:
        if self._draining is not None and self._closing is None:
            self._closing = asyncio.create_task(self._registry.drain(0))

    async def _drain(self) -> None:
        try:
            await self._registry.drain(self._drain_seconds)
        finally:
            self.should_exit = True
