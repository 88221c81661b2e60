"""The answers to requests that never become one: they are made below the application."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus

from livehead.core.messages.from_server import problem_object
from livehead.errors import RequestError


@dataclass(frozen=True)
class Refusal:
    """``reason`` is for the metrics."""

    reason: str
    status: HTTPStatus
    title: str
    detail: str

    @cached_property
    def response(self) -> bytes:
        """A whole HTTP/1.1 answer with a problem document, after which the connection ends."""
        error = RequestError(self.detail, problem=self.reason)
        body = json.dumps(problem_object(error) | {"status": self.status, "title": self.title}).encode()
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "content-type: application/problem+json",
            f"content-length: {len(body)}",
            "connection: close",
            "cache-control: no-store",
        ]
        if self.status is HTTPStatus.SERVICE_UNAVAILABLE:
            lines.append("retry-after: 5")
        return "\r\n".join([*lines, "", ""]).encode() + body


MALFORMED = Refusal("malformed", HTTPStatus.BAD_REQUEST, "The request is malformed", "This is no HTTP/1.1 request.")

TIMEOUT = Refusal(
    "timeout", HTTPStatus.REQUEST_TIMEOUT, "The request took too long", "Send the whole request at once, and faster."
)

LONG_URL = Refusal(
    "uri-too-long",
    HTTPStatus.REQUEST_URI_TOO_LONG,
    "The URL is too long",
    "A URL may have 8 KiB. Send a token in the header `Authorization`.",
)

LARGE_HEAD = Refusal(
    "head-too-large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "The header fields are too large",
    "A request may have 100 header fields, of 8 KiB each for a WebSocket, and of 32 KiB together.",
)

FULL = Refusal(
    "websockets", HTTPStatus.SERVICE_UNAVAILABLE, "Not available now", "There are too many WebSockets. Try again later."
)
