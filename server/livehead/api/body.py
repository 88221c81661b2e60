"""Request bodies, bounded while they are read."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request

from livehead.core.limits import MAX_SDP
from livehead.core.messages.json_object import read_object
from livehead.errors import MalformedError, NotAcceptableError, TooLargeError, UnsupportedTypeError
from livehead.turns import turns

JSON = "application/json"
LONG = 4096
"""A body of more bytes is read when it has its turn on the event loop."""

MAX_JSON = 64 * 1024
"""Bytes of a JSON body."""


def content_type(request: Request) -> str:
    """The body's type without its parameters, in lower case; empty where none is said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_accept(request: Request, offered: str) -> None:
    """Raises NotAcceptableError where the request's Accept leaves no room for the type that the answer has (RFC 9110
    section 12.5.1); a weight of 0 does, others do not matter where there is one type only."""
    accepted = ",".join(request.headers.getlist("accept"))
    ranges = (each.partition(";") for each in accepted.lower().split(","))
    takes = [kind.strip() for kind, _, rest in ranges if not re.search(r"(^|;)\s*q\s*=\s*0(\.0*)?\s*(;|$)", rest)]
    if accepted.strip() and not {offered, f"{offered.partition('/')[0]}/*", "*/*"} & set(takes):
        raise NotAcceptableError(f"The answer is {offered}, which the request's Accept leaves out; add it.")


async def read_json(request: Request, limit: int = MAX_JSON) -> dict[str, Any]:
    """The body as a JSON object. Raises like :func:`read_text`, and MalformedError for what is no JSON object."""
    return read_object(await read_text(request, JSON, limit), limit)


async def read_text(request: Request, wanted: str, limit: int = MAX_SDP) -> str:
    """The body as text. Raises UnsupportedTypeError, TooLargeError, and MalformedError if it is empty or not UTF-8."""
    given = content_type(request)
    if given != wanted:
        raise UnsupportedTypeError(f"Send the body as {wanted}, not as {given or 'no type at all'}.")
    too_large = TooLargeError(f"The body is larger than {limit} bytes, and no {wanted} needs that much.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    if len(body) > LONG:
        await turns().take()
    if not body.strip():
        raise MalformedError(f"The body is empty; send {wanted}.")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise MalformedError(f"The body is not UTF-8 text; send {wanted}.") from None
