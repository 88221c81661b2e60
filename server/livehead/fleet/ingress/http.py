"""HTTP through the ingress: to the replica that has it, to one with room, or to any."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
from starlette.types import Receive, Scope, Send

from livehead.errors import RequestError
from livehead.fleet.directory import Directory, Replica
from livehead.fleet.ingress.answers import Answers
from livehead.fleet.ingress.body import ClientGone, RequestBody
from livehead.fleet.ingress.errors import ReplicaLostError, no_session
from livehead.fleet.ingress.exchange import Exchange, Unanswered, Unsent, is_refused
from livehead.fleet.ingress.headers import request_headers
from livehead.fleet.ingress.opening import connection_of, latency_of
from livehead.fleet.ingress.placing import Placing
from livehead.fleet.ingress.upstream import has_body
from livehead.fleet.ingress.way import Destination, Way
from livehead.transport.proxies import Proxies

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""May be asked for again elsewhere, whatever became of the first time (RFC 9110 section 9.2.2)."""


class HttpIngress:
    def __init__(
        self,
        directory: Directory,
        placing: Placing,
        client: httpx.AsyncClient,
        answers: Answers,
        proxies: Proxies,
    ) -> None:
        self._directory = directory
        self._placing = placing
        self._client = client
        self._answers = answers
        self._proxies = proxies

    async def __call__(self, destination: Destination, scope: Scope, receive: Receive, send: Send) -> None:
        body = RequestBody(receive)
        started = False

        async def note(message: object) -> None:
            nonlocal started
            started = True
            await send(message)  # type: ignore[arg-type]

        exchange = Exchange(self._client, scope, request_headers(scope, self._proxies), body, note)
        try:
            if not has_body(scope):
                await body.read_opening()
            await exchange.while_wanted(self._serve(destination, scope, body, exchange))
        except ClientGone:
            pass
        except RequestError as error:
            if not started:
                await self._answers.refuse(error, scope, receive, send)

    async def _serve(self, destination: Destination, scope: Scope, body: RequestBody, exchange: Exchange) -> None:
        """Raises RequestError where nothing was answered yet."""
        if destination.way is Way.PLACE:
            await self._place(scope, body, exchange)
        elif destination.way is Way.PIPECAT:
            await self._pipecat(scope, body, exchange)
        elif destination.way is Way.REPLICA:
            await self._to_replica(destination.replica, scope, body, exchange)
        else:
            await self._to_anyone(scope, body, exchange)

    async def _to_replica(self, name: str | None, scope: Scope, body: RequestBody, exchange: Exchange) -> None:
        """What is of one session. OPTIONS is the same everywhere, and answered for one that is gone, too: a browser
        that asks before a request is to learn from that what became of it."""
        replica = None if name is None else self._directory.find(name)
        if replica is None and scope["method"] == "OPTIONS":
            await self._to_anyone(scope, body, exchange)
        elif replica is None:
            raise no_session()
        else:
            await self._ask(replica, exchange, body if has_body(scope) else None)

    async def _to_anyone(self, scope: Scope, body: RequestBody, exchange: Exchange) -> None:
        failed: RequestError | None = None
        for replica in self._placing.anyone():
            try:
                answer = await exchange.ask(replica, body if has_body(scope) else None)
            except Unsent:
                continue
            except Unanswered as unanswered:
                failed = unanswered.error
                if scope["method"] in SAFE and not body.begun:
                    continue
                raise failed from None
            await exchange.pass_on(replica, answer)
            return
        raise failed or self._placing.refusal()

    async def _pipecat(self, scope: Scope, body: RequestBody, exchange: Exchange) -> None:
        """Candidates, and further offers of a session, go where it is; an offer whose session is gone with its replica
        is one of a new session, as it is for a server."""
        whole = await body.read_opening()
        name = connection_of(whole)
        replica = None if name is None else self._directory.find(name)
        if scope["method"] == "PATCH" and name is not None:
            await self._to_replica(name, scope, body, exchange)
        elif scope["method"] == "PATCH":  # any server knows what is wrong with it
            await self._to_anyone(scope, body, exchange)
        elif replica is not None:
            await self._place(scope, body, exchange, first=(replica,))
        else:
            await self._place(scope, body, exchange)

    async def _place(self, scope: Scope, body: RequestBody, exchange: Exchange, first: Sequence[Replica] = ()) -> None:
        """To the replica with the most room, and where that refuses to the next. A replica that has seen the offer and
        gives no answer may hold the session: then the client is told."""
        whole = await body.read_opening()
        latency = latency_of(scope.get("query_string", b""), whole)
        tried: set[str] = set()
        refused: tuple[Replica, httpx.Response] | None = None
        try:
            while replica := self._next(first, latency, tried):
                tried.add(replica.name)
                with self._placing.attempt(replica, latency) as attempt:
                    try:
                        answer = await exchange.ask(replica, body if whole is None else whole)
                    except Unsent:
                        continue
                    except Unanswered as unanswered:
                        raise unanswered.error from None
                    if answer.is_success:
                        attempt.taken()
                    elif is_refused(answer):
                        if refused is not None:
                            await refused[1].aclose()
                        refused = replica, answer
                        if whole is not None:
                            continue
                refused = None
                await exchange.pass_on(replica, answer)
                return
            if refused is None:
                raise self._placing.refusal()
            (replica, answer), refused = refused, None
            await exchange.pass_on(replica, answer)
        finally:
            if refused is not None:
                await refused[1].aclose()

    def _next(self, first: Sequence[Replica], latency: str | None, tried: set[str]) -> Replica | None:
        return next((each for each in first if each.name not in tried), None) or self._placing.next(latency, tried)

    async def _ask(self, replica: Replica, exchange: Exchange, body: RequestBody | None) -> None:
        """Raises RequestError."""
        try:
            answer = await exchange.ask(replica, body)
        except Unsent as error:
            raise (no_session() if error.gone else ReplicaLostError(str(error))) from None
        except Unanswered as unanswered:
            raise unanswered.error from None
        await exchange.pass_on(replica, answer)
