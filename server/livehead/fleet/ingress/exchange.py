"""One HTTP request through the ingress: to a replica, and its answer back, both as they come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

import httpx
from starlette.types import Scope, Send

from livehead.errors import RequestError
from livehead.fleet.directory import Replica
from livehead.fleet.ingress.body import ClientGone, RequestBody
from livehead.fleet.ingress.errors import ReplicaTimeoutError, lost
from livehead.fleet.ingress.headers import RawHeaders, answer_headers
from livehead.fleet.ingress.upstream import UNSENT, build_request

logger = logging.getLogger(__name__)


class Unsent(Exception):
    """The replica cannot be reached, and has not seen the request. ``gone`` says that there is no process any more that
    listens at its address, which is the end of its sessions."""

    def __init__(self, text: str, *, gone: bool) -> None:
        super().__init__(text)
        self.gone = gone


class Unanswered(Exception):
    """The replica may have seen the request, and there is no answer. ``error`` is what the client is told."""

    def __init__(self, error: RequestError) -> None:
        super().__init__(str(error))
        self.error = error


class Exchange:
    """``send`` is the client's. ``headers`` are those that go on to a replica."""

    def __init__(self, client: httpx.AsyncClient, scope: Scope, headers: RawHeaders, body: RequestBody, send: Send):
        self._client = client
        self._scope = scope
        self._headers = headers
        self._body = body
        self._send = send

    async def ask(self, replica: Replica, body: RequestBody | bytes | None) -> httpx.Response:
        """The head of the answer; the rest is for :meth:`pass_on`, or to be read or closed. Raises Unsent, Unanswered,
        ClientGone, and TooLargeError for a body that is."""
        request = build_request(replica, self._scope, self._headers, body)
        try:
            return await self._client.send(request, stream=True)
        except UNSENT as error:
            if self._body.begun:
                raise Unanswered(lost(replica.name, error)) from error
            raise Unsent(str(lost(replica.name, error)), gone=is_gone(error)) from error
        except httpx.TimeoutException as error:
            raise Unanswered(
                ReplicaTimeoutError(f"Replica {replica.name} did not answer in time. Try again.")
            ) from error
        except httpx.HTTPError as error:
            raise Unanswered(lost(replica.name, error)) from error

    async def pass_on(self, replica: Replica, answer: httpx.Response) -> None:
        """The answer to the client, as fast as the client takes it. Where the replica breaks off, so does this: the
        client sees by the length that it has not all."""
        try:
            await self._send(
                {
                    "type": "http.response.start",
                    "status": answer.status_code,
                    "headers": answer_headers(answer.headers.raw, replica.url),
                }
            )
            async for chunk in answer.aiter_raw():
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        except httpx.HTTPError as error:
            logger.warning("replica %s broke off in its answer: %s", replica.name, error)
            return
        finally:
            await answer.aclose()
        await self._send({"type": "http.response.body", "body": b""})

    async def while_wanted(self, work: Coroutine[Any, Any, None]) -> None:
        """``work``, which is cancelled when the client goes away. Raises what it raises."""
        working = asyncio.create_task(work, name="exchange")
        leaving = asyncio.create_task(self._body.left(), name="client")
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            working.cancel() if not working.done() else None
            leaving.cancel()
            await asyncio.wait({working, leaving})
        if not working.cancelled():
            try:
                working.result()
            except ClientGone:
                logger.debug("%s: the client hung up", self._scope["path"])


def is_refused(answer: httpx.Response) -> bool:
    """Whether another replica may have room."""
    return answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE


def is_gone(error: BaseException | None) -> bool:
    """Whether a connection was refused by the replica's machine itself."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError):
            return True
        error = error.__cause__ or error.__context__
    return False
