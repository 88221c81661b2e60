"""Everything that a client of Livehead can meet, as one tree.

ClientError                     base; also a livehead.errors.LiveheadError
├── ProblemError                the server refused: its problem document (RFC 9457)
│   ├── Malformed               400
│   ├── Unauthorized            401
│   ├── Forbidden               403
│   ├── NotFound                404
│   ├── Conflict                409
│   ├── TooLarge                413
│   ├── UnsupportedType         415
│   ├── Unprocessable           422
│   ├── RateLimited             429
│   ├── NotImplementedHere      501
│   └── Unavailable             503  full, starting, draining
├── ConnectionLost              no connection to the server, or not any more
├── SessionEnded                the session is over: nothing can be said or heard in it
└── ProtocolError               what came is not what a Livehead server sends
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from livehead.core.messages.json_object import read_object
from livehead.errors import LiveheadError, RequestError

MAX_BODY = 1 << 16
"""Bytes of a problem document."""

SHOWN = 200
"""So many characters of a body that is no problem document are shown."""


class ClientError(LiveheadError):
    """Base of every error that the client raises on purpose."""

    problem = "client"
    title = "The request to the server failed"


class ConnectionLost(ClientError):
    """There is no connection to the server, or it broke and could not be made again in time."""

    problem = "connection-lost"
    title = "No connection to the server"


class SessionEnded(ClientError):
    """The session has ended, or was closed here."""

    problem = "session-ended"
    title = "The session has ended"


class ProtocolError(ClientError):
    """The server sent something that a Livehead server does not send."""

    problem = "protocol"
    title = "This is no Livehead server"


class ProblemError(ClientError):
    """The server's refusal.

    ``type`` is the stable name to switch on, as ``urn:livehead:too-many-viewers``; ``detail`` says what to do;
    ``retry_after`` is in seconds, None where the server named no time. A refusal by something between here and the
    server that is no problem document has the type ``about:blank`` (RFC 9457 section 4.2.1).
    """

    def __init__(self, status: int, type: str, title: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{status}: {detail or title}")
        self.status = status
        self.problem = type.removeprefix("urn:livehead:")
        self.type = type
        self.title = title
        self.detail = detail
        self.retry_after = retry_after


class Malformed(ProblemError):
    pass


class Unauthorized(ProblemError):
    pass


class Forbidden(ProblemError):
    pass


class NotFound(ProblemError):
    pass


class Conflict(ProblemError):
    pass


class TooLarge(ProblemError):
    pass


class UnsupportedType(ProblemError):
    pass


class Unprocessable(ProblemError):
    pass


class RateLimited(ProblemError):
    pass


class NotImplementedHere(ProblemError):
    """The server does not do this; the detail says how to make it."""


class Unavailable(ProblemError):
    pass


BY_STATUS: Mapping[int, type[ProblemError]] = {
    400: Malformed,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    415: UnsupportedType,
    422: Unprocessable,
    429: RateLimited,
    501: NotImplementedHere,
    503: Unavailable,
}


def problem_error(problem: object, status: int = 500, retry_after: str | None = None) -> ProblemError:
    """The error that a problem object stands for; ``status`` and ``retry_after`` are those of the answer. Whatever
    the object lacks or has wrong is filled in, so that this never raises."""
    body: dict[str, Any] = problem if isinstance(problem, dict) else {}
    given = body.get("status")
    status = given if isinstance(given, int) and not isinstance(given, bool) and 400 <= given < 600 else status
    wait = _seconds(retry_after) if retry_after is not None else _seconds(body.get("retry_after"))
    title = _text(body.get("title")) or _phrase(status)
    kind = BY_STATUS.get(status, ProblemError)
    return kind(status, _text(body.get("type")) or "about:blank", title, _text(body.get("detail")), wait)


def refusal(status: int, body: bytes, retry_after: str | None = None) -> ProblemError:
    """The error that an HTTP answer of status 400 and above stands for, whatever its body is."""
    try:
        problem = read_object(body, MAX_BODY)
    except RequestError:
        problem = {"detail": body[: SHOWN * 4].decode(errors="replace")[:SHOWN].strip()}
    return problem_error(problem | {"status": status}, status, retry_after)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: object) -> float | None:
    """Seconds to wait. A date, which Retry-After may be too, is taken for none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"
