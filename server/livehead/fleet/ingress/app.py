"""The ingress as an ASGI application: one address for all replicas."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection

from livehead.errors import RequestError
from livehead.fleet.directory import Directory, Replica
from livehead.fleet.ingress.answers import Answers
from livehead.fleet.ingress.errors import ReplicaLostError, no_session
from livehead.fleet.ingress.exchange import Unanswered, Unsent
from livehead.fleet.ingress.headers import request_headers
from livehead.fleet.ingress.http import HttpIngress
from livehead.fleet.ingress.own import Own
from livehead.fleet.ingress.placing import Placing
from livehead.fleet.ingress.settings import IngressSettings
from livehead.fleet.ingress.signalling import Signalling
from livehead.fleet.ingress.sockets import ClientSocket, Denied, dial, join
from livehead.fleet.ingress.upstream import make_client
from livehead.fleet.ingress.way import Way, find_way
from livehead.fleet.placements import Placements
from livehead.fleet.watch import Watch
from livehead.transport.proxies import Proxies

SIGNAL = "/v1/signal"


def create_ingress(directory: Directory, settings: IngressSettings | None = None) -> ASGIApp:
    """Its lifespan watches the replicas, so whoever runs it must run that: uvicorn does, and Ray Serve.

    Raises UsageError for a trusted proxy that is none.
    """
    return Ingress(directory, settings or IngressSettings())


class Ingress:
    def __init__(self, directory: Directory, settings: IngressSettings) -> None:
        self._directory = directory
        self._settings = settings
        self._proxies = Proxies(settings.trusted_proxies)
        self._answers = Answers(settings.cors_origins)
        self._placements = Placements()
        self._placing = Placing(directory, self._placements)
        self._own: Own | None = None
        self._http: HttpIngress | None = None
        self._tls: ssl.SSLContext | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    # -- its life

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except BaseException as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        given = self._settings
        self._tls = await asyncio.to_thread(ssl.create_default_context)  # reads the system's certificates
        async with make_client(self._tls, given.connect_seconds, given.answer_seconds) as client:
            self._own = Own(self._directory, self._placing, client, self._proxies)
            self._http = HttpIngress(self._directory, self._placing, client, self._answers, self._proxies)
            watch = Watch(
                self._directory,
                self._placements,
                client,
                key=given.key,
                period=given.watch_seconds,
                missed=given.missed,
            )
            watching = asyncio.create_task(watch.run(), name="watch")
            try:
                yield
            finally:
                watching.cancel()
                await asyncio.wait([watching])

    # -- what comes

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._own is not None, "the ingress needs its lifespan"
        assert self._http is not None
        destination = find_way(scope["method"], scope["path"])
        if destination.way is not Way.OWN:
            await self._http(destination, scope, receive, send)
            return
        try:
            response = await self._own.answer(scope)
        except RequestError as error:
            await self._answers.refuse(error, scope, receive, send)
        else:
            await self._answers.send(response, scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The replica's handshake first, so that it may refuse it."""
        try:
            replica, line = await self._dial_first(scope)
        except Denied as denied:
            await self._answers.deny(denied.response(), scope, receive, send)
            return
        except RequestError as error:
            await self._answers.refuse(error, scope, receive, send)
            return
        client = ClientSocket(receive, send)
        await client.accept(line.subprotocol)
        if scope["path"] == SIGNAL:

            async def dial_other(other: Replica) -> ClientConnection:
                return await self._dial(other, scope)

            await Signalling(client, self._placing, dial_other, replica, line).run()
        else:
            await join(client, line)

    async def _dial_first(self, scope: Scope) -> tuple[Replica, ClientConnection]:
        """Raises Denied and RequestError."""
        destination = find_way("GET", scope["path"])
        if destination.way is Way.REPLICA:
            replica = self._directory.find(destination.replica or "")
            if replica is None:
                raise no_session()
            candidates: tuple[Replica, ...] = (replica,)
        else:
            candidates = self._placing.anyone()
        failed: RequestError | None = None
        for replica in candidates:
            try:
                return replica, await self._dial(replica, scope)
            except Unsent as error:
                gone = error.gone and destination.way is Way.REPLICA
                failed = no_session() if gone else ReplicaLostError(str(error))
            except Unanswered as unanswered:
                failed = unanswered.error
        raise failed or self._placing.refusal()

    async def _dial(self, replica: Replica, scope: Scope) -> ClientConnection:
        assert self._tls is not None, "the ingress needs its lifespan"
        headers = request_headers(scope, self._proxies)
        return await dial(replica, scope, headers, tls=self._tls, within=self._settings.connect_seconds)
