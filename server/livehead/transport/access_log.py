"""Tokens in URLs do not get into the log."""

from __future__ import annotations

import logging
import re
from urllib.parse import unquote

FRAMES = logging.getLogger("livehead.transport.frames")
"""What the WebSocket library logs to."""

_PARAMETER = re.compile(r"(?P<name>[^?&=\s]+)=(?P<value>[^&#\s\"]*)")


class TokenFilter(logging.Filter):
    """For uvicorn's loggers: their lines have the URL of a request, with ``?token=…`` as it came."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(redact(each) if isinstance(each, str) else each for each in record.args)
        return True


def redact(url: str) -> str:
    """The URL without the values of its parameters ``token``, however the name is written."""
    path, mark, query = url.partition("?")
    return path + mark + _PARAMETER.sub(_redact, query) if mark else url


def _redact(found: re.Match[str]) -> str:
    return f"{found['name']}=…" if unquote(found["name"]).lower() == "token" else found[0]


_FILTER = TokenFilter()


def install() -> None:
    """May be called twice. The WebSocket library's lines, each frame and header, are left out."""
    for name in ("uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).addFilter(_FILTER)
    FRAMES.setLevel(logging.WARNING)
