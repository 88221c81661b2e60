"""The ingress's own routes: the fleet as one server."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus

import httpx
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from livehead.fleet.directory import Directory, Replica
from livehead.fleet.ingress.exposition import merge
from livehead.fleet.ingress.headers import RawHeaders, answer_headers, request_headers
from livehead.fleet.ingress.overview import fleet_info, readiness
from livehead.fleet.ingress.placing import Placing
from livehead.metrics import CONTENT_TYPE
from livehead.transport.proxies import Proxies

METRICS_S = 4.0
"""How long a replica may take to give its figures."""

MAX_METRICS = 4 * 1024 * 1024
"""Bytes of one replica's figures."""

INFO_S = 5.0

logger = logging.getLogger(__name__)


class Own:
    def __init__(self, directory: Directory, placing: Placing, client: httpx.AsyncClient, proxies: Proxies) -> None:
        self._directory = directory
        self._placing = placing
        self._client = client
        self._proxies = proxies

    async def answer(self, scope: Scope) -> Response:
        """Raises UnavailableError where no replica can be asked."""
        match scope["path"]:
            case "/healthz":
                return JSONResponse({"ok": True})
            case "/readyz":
                return self._ready()
            case "/metrics":
                return await self._metrics(self._headers(scope))
            case _:
                return await self._info(self._headers(scope))

    def _headers(self, scope: Scope) -> RawHeaders:
        """The replica is to answer as the client's credentials let it, with a page that can be read here."""
        left_out = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
        return [each for each in request_headers(scope, self._proxies) if each[0] not in left_out]

    def _ready(self) -> Response:
        refusal = readiness(self._directory.replicas(), self._placing.pending)
        if refusal is None:
            return JSONResponse({"ready": True})
        body = {"ready": False, "reason": refusal.problem, "detail": str(refusal)}
        return JSONResponse(body, 503, {"Retry-After": str(round(refusal.retry_after or 1))})

    async def _info(self, headers: RawHeaders) -> Response:
        for replica in self._placing.anyone():
            try:
                answer = await self._client.get(f"{replica.url}/v1/info", headers=headers, timeout=INFO_S)
                if answer.status_code != HTTPStatus.OK:
                    return _pass_on(answer, replica)
                return JSONResponse(fleet_info(answer.json(), self._directory.replicas()))
            except (httpx.HTTPError, ValueError) as error:
                logger.debug("replica %s gave no info: %s", replica.name, error)
        raise self._placing.refusal()

    async def _metrics(self, headers: RawHeaders) -> Response:
        """Replicas are asked at the same time; one that does not answer is left out, and told to be down."""
        replicas = self._directory.replicas()
        answers = await asyncio.gather(*(self._figures(each, headers) for each in replicas))
        pages = {
            replica.name: answer.text
            for replica, answer in zip(replicas, answers, strict=True)
            if answer is not None and answer.status_code == HTTPStatus.OK
        }
        refused = [(answer, each) for answer, each in zip(answers, replicas, strict=True) if answer is not None]
        if refused and not pages:
            return _pass_on(*refused[0])
        return Response(await asyncio.to_thread(merge, pages, replicas), media_type=CONTENT_TYPE)

    async def _figures(self, replica: Replica, headers: RawHeaders) -> httpx.Response | None:
        try:
            async with (
                asyncio.timeout(METRICS_S),
                self._client.stream("GET", f"{replica.url}/metrics", headers=headers) as answer,
            ):
                page = bytearray()
                async for chunk in answer.aiter_raw():
                    page += chunk
                    if len(page) > MAX_METRICS:
                        logger.warning("replica %s has more figures than are read", replica.name)
                        return None
        except (httpx.HTTPError, TimeoutError) as error:
            logger.debug("replica %s gave no figures: %s", replica.name, error)
            return None
        return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(page))


def _pass_on(answer: httpx.Response, replica: Replica) -> Response:
    response = Response(answer.content, answer.status_code)
    left_out = (b"content-length", b"content-encoding")
    kept = [each for each in answer_headers(answer.headers.raw, replica.url) if each[0] not in left_out]
    response.raw_headers = [*kept, (b"content-length", str(len(answer.content)).encode())]
    return response
