"""Log set-up for the ``livehead`` command. Nothing is configured at import."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Literal, TextIO, TypeAlias

from livehead.log_writing.background import FLUSH_S, BackgroundHandler
from livehead.log_writing.json_lines import JsonRenderer
from livehead.log_writing.stream import writer_to

logger = logging.getLogger(__name__)


LogForm: TypeAlias = Literal["text", "json"]

_in_use: tuple[LogForm, str | None] = "text", None


class SessionLog(logging.LoggerAdapter[logging.Logger]):
    """A logger that carries a session's id and its trace's, None where there is none:
    ``SessionLog(logger, {"session": id, "trace": trace_id})``."""

    def process(self, msg: object, kwargs: MutableMapping[str, Any]) -> tuple[object, MutableMapping[str, Any]]:
        known = self.extra or {}
        session = known.get("session")
        kwargs["extra"] = {"session": session, "trace_id": known.get("trace"), **(kwargs.get("extra") or {})}
        return f"session {session}: {msg}", kwargs


def configure(*, debug: bool = False, form: LogForm = "text", replica: str | None = None) -> None:
    """Log to stderr from a thread of its own, one line per event, without secrets; warnings, and errors that nobody
    caught, too. The libraries' own messages below warnings appear only with ``debug``. ``replica`` is the server's name
    in its fleet, which lines of ``json`` bear. May be called again."""
    global _in_use
    _in_use = form, replica
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    to_text = JsonRenderer(replica) if form == "json" else None
    root.addHandler(BackgroundHandler(writer_to(sys.stderr), to_text=to_text))
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    if not debug:
        for name in ("aioice", "aiortc", "httpx", "libav", "opentelemetry", "uvicorn.access", "uvicorn.error"):
            logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of every body that is no form
    warnings.showwarning = _on_warning
    threading.excepthook = _on_thread_error
    sys.unraisablehook = _on_unraisable
    sys.excepthook = _on_error


def form_in_use() -> tuple[LogForm, str | None]:
    """The form and the replica that were configured last: processes of ours are to log alike."""
    return _in_use


def flush(seconds: float = FLUSH_S) -> None:
    """Wait until what was logged so far is written, at most so many seconds: before the process ends by itself."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, BackgroundHandler):
            handler.flush(seconds)


def _on_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    logger.warning("%s: %s (%s:%d)", category.__name__, message, filename, lineno)


def _on_thread_error(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread is not None else "unknown"
        logger.error("thread %s failed", name, exc_info=args.exc_value)


def _on_unraisable(args: sys.UnraisableHookArgs) -> None:
    logger.error("%s: %r", args.err_msg or "nobody could be told", args.object, exc_info=args.exc_value)


def _on_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logger.critical("the program failed", exc_info=error)
