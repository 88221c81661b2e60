"""Opening a session's sockets, for the first time and again."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection

from livehead.client.errors import ClientError, Conflict, ConnectionLost, NotFound, ProblemError, SessionEnded
from livehead.client.transport.back_off import BackOff
from livehead.client.transport.http import TRY_AGAIN, Http

SESSION_OVER = 1001
"""The close code of a socket whose session has ended."""


GATEWAY = (502, 504)
"""What something between here and the server says that does not reach it."""


async def open_socket(http: Http, path: str, *, again: bool, **query: object) -> ClientConnection:
    """A WebSocket, tried for as long as ``http`` has patience where the server says 429 or 503; ``again``, where there
    was one before, also where it cannot be reached or still holds the one before. Raises ClientError; SessionEnded
    where there was a session and is none."""
    back_off = BackOff(http.patience)
    while True:
        try:
            return await http.socket(path, **query)
        except NotFound as error:
            if again:
                raise SessionEnded("The session has ended.") from error
            raise
        except ClientError as error:
            wait = back_off.wait(_retry_after(error)) if _is_passing(error, again) else None
            if wait is None:
                raise
        await asyncio.sleep(wait)


def _is_passing(error: ClientError, again: bool) -> bool:
    """Whether it may succeed a little later."""
    if isinstance(error, ProblemError) and error.status in TRY_AGAIN:
        return True
    return again and (isinstance(error, ConnectionLost | Conflict) or error.status in GATEWAY)


def _retry_after(error: ClientError) -> float | None:
    return error.retry_after if isinstance(error, ProblemError) else None
