"""Servers behind an ingress, all in this process, for tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from livehead.core.ids import replica_of
from livehead.engine.base import EngineSpec
from livehead.fleet.directory import MemoryDirectory
from livehead.fleet.ingress.app import create_ingress
from livehead.fleet.ingress.settings import IngressSettings
from livehead.transport.listening import listen
from serving import Process, Served, running, serving
from waiting import until

REPLICAS = ("r1", "r2")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the signals stay with pytest


@dataclass
class Fleet:
    url: str
    directory: MemoryDirectory
    replicas: dict[str, Served]

    @property
    def spread(self) -> list[int]:
        """How many sessions each replica has."""
        return [each.services.registry.active for each in self.replicas.values()]

    def of(self, session: str) -> Served:
        """The replica that a session is on, by its id."""
        return self.replicas[replica_of(session) or ""]

    async def read(self) -> None:
        """Wait until every replica has been read, and takes sessions."""

        def known() -> bool:
            return all(
                each.reading is not None and each.reading.active == self.replicas[each.name].services.registry.active
                for each in self.directory.replicas()
                if each.name in self.replicas
            )

        await until(known)


@contextlib.asynccontextmanager
async def serving_ingress(directory: MemoryDirectory, **given: Any) -> AsyncIterator[str]:
    """The ingress alone, run by a plain uvicorn. Gives its address."""
    app = create_ingress(directory, IngressSettings(**{"watch_seconds": 0.1, **given}))
    listener = listen("127.0.0.1", 0)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            lifespan="on",
            timeout_graceful_shutdown=1,
            ws="websockets-sansio",
            proxy_headers=False,  # what clients claim is the ingress's to judge
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def serving_fleet(
    engine: EngineSpec, names: str = "abc", ingress: dict[str, Any] | None = None, **given: Any
) -> AsyncIterator[Fleet]:
    """A replica for each letter of ``names``, with the settings ``given``, behind an ingress."""
    async with contextlib.AsyncExitStack() as stack:
        directory = MemoryDirectory()
        replicas: dict[str, Served] = {}
        for name in names:
            settings = {"trusted_proxies": ["127.0.0.1"], "replica": name} | given
            served = await stack.enter_async_context(serving(engine, **settings))
            replicas[name] = served
            directory.add(name, served.url)
        url = await stack.enter_async_context(serving_ingress(directory, **(ingress or {})))
        fleet = Fleet(url, directory, replicas)
        await fleet.read()
        yield fleet


@contextlib.asynccontextmanager
async def processes(folder: Path, **more: str) -> AsyncIterator[dict[str, Process]]:
    """Two replicas, each ``livehead serve`` in a process of its own; ``more`` is for their environment."""

    async def start(name: str) -> Process:
        options = ("--engine", "preview", "--size", "64", "--max-sessions", "6", "--latency", "low")
        environment = {"LIVEHEAD_REPLICA": name, "LIVEHEAD_TRUSTED_PROXIES": '["127.0.0.1"]'}
        own = folder / name
        await asyncio.to_thread(own.mkdir)
        process = running(own, *options, **environment, **more)
        found = await asyncio.to_thread(process.__enter__)
        stack.push_async_callback(asyncio.to_thread, process.__exit__, None, None, None)
        return found

    async with contextlib.AsyncExitStack() as stack:
        started = await asyncio.gather(*(start(name) for name in REPLICAS))
        yield dict(zip(REPLICAS, started, strict=True))
