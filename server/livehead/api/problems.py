"""Errors as ``application/problem+json`` (RFC 9457), for every way a request can fail.

``type`` is ``urn:livehead:`` and the short name an error carries: stable, so that clients
may switch on it. ``detail`` says what to do next.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from livehead.api.refusals import note_refusal
from livehead.core.messages.from_server import problem_object
from livehead.errors import LiveheadError, RequestError, UnauthorizedError

TYPE_PREFIX = "urn:livehead:"

_NAMES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-type",
}

logger = logging.getLogger(__name__)


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def problem(status: int, name: str, title: str, detail: str) -> dict[str, Any]:
    """A problem details object."""
    return {"type": TYPE_PREFIX + name, "title": title, "status": status, "detail": detail}


def problem_of(error: Exception) -> dict[str, Any]:
    """The problem details of any exception. What is not ours to show is told as a plain 500."""
    if isinstance(error, LiveheadError):
        return problem_object(error)
    return problem(500, "internal", "The server failed", "This is a fault of the server; its log has the details.")


def _headers_of(error: Exception) -> dict[str, str]:
    if isinstance(error, UnauthorizedError):
        return {"WWW-Authenticate": 'Bearer realm="livehead"'}  # RFC 6750 section 3
    if isinstance(error, RequestError) and error.retry_after is not None:
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    if isinstance(error, LiveheadError) and error.status == 503:
        return {"Retry-After": "2"}
    return {}


def respond(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return ProblemResponse(body, status_code=int(body["status"]), headers=dict(headers or {}))


def response_to(error: Exception) -> Response:
    """The answer to a request that failed with ``error``."""
    return respond(problem_of(error), _headers_of(error))


async def deny(socket: WebSocket, error: LiveheadError) -> None:
    """Answer the opening handshake with a problem document. The socket must not have been accepted."""
    note_refusal(socket, error)
    await socket.send_denial_response(response_to(error))


async def _on_error(connection: HTTPConnection, error: Exception) -> Response | None:
    """None where it is answered already: some versions of Starlette send what a WebSocket's handler returns, and
    some do not."""
    assert isinstance(error, LiveheadError)
    if isinstance(connection, WebSocket):
        await deny(connection, error)
        return None
    note_refusal(connection, error)
    return response_to(error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = {
        404: f"There is nothing at {request.url.path}; see /docs for what there is.",
        405: f"{request.method} is not possible at {request.url.path}; see /docs for what is.",
    }.get(error.status_code, str(error.detail))
    name = _NAMES.get(error.status_code, status.phrase.lower().replace(" ", "-"))
    return respond(problem(error.status_code, name, status.phrase, detail), error.headers)


async def _on_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    detail = "; ".join(f"{' '.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
    return respond(problem(422, "unprocessable", "Understood, but impossible", detail))


async def _on_disconnect(request: Request, _: Exception) -> Response:
    """The client hung up in the middle of its request: there is nobody to answer, and nothing has failed."""
    logger.debug("%s %s: the client hung up", request.method, request.url.path)
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _on_fault(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return respond(problem_of(error))


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document."""
    app.add_exception_handler(LiveheadError, _on_error)  # type: ignore[arg-type]  # None for a WebSocket alone
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_fault)
