"""Log set-up for the ``livehead`` command. Nothing is configured at import."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any


class SessionLog(logging.LoggerAdapter[logging.Logger]):
    """A logger that carries a session's id: ``SessionLog(logger, {"session": id})``."""

    def process(self, msg: object, kwargs: MutableMapping[str, Any]) -> tuple[object, MutableMapping[str, Any]]:
        session = (self.extra or {}).get("session")
        return f"session {session}: {msg}", kwargs


def configure(*, debug: bool = False) -> None:
    """Log to stderr, one line per event. The libraries' own messages below warnings appear only with ``debug``."""
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(levelname).1s %(name)s: %(message)s",
        force=True,
    )
    if not debug:
        for name in ("aioice", "aiortc", "httpx", "libav", "uvicorn.access", "uvicorn.error"):
            logging.getLogger(name).setLevel(logging.WARNING)
