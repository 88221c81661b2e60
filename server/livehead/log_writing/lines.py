"""One record of the log as one line of text, whatever clients sent.

What a record says is taken down where it is logged, bounded; the text is made in the thread that writes. Only the lines
of a traceback follow it, indented, so that none of them can pass for a record.
"""

from __future__ import annotations

import logging
import re
import string
import traceback
from dataclasses import dataclass

from livehead.redaction import redact

MAX_MESSAGE = 4096
"""Characters of a message that are written."""

MAX_TRACE = 16384
"""Characters of a traceback that are written: its beginning, and its end, which says what happened."""

MAX_FRAMES = 64
"""The innermost frames of a traceback that are kept."""

_FORMAT = logging.Formatter("%(asctime)s %(levelname).1s %(name)s: ")

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters, of terminals too
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # what is invisible, or turns the order of writing around
    "\ud800-\udfff\U000e0000-\U000e007f]"  # halves of characters, and invisible tags
)

_OF_SECRETS = string.ascii_letters + string.digits + "+/=_.~-%"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a record until it is written. ``dropped`` and ``alike`` count the records before it that were
    left out: because the log could not be written fast enough, and because there were too many from one line of code.
    ``session`` and ``trace_id`` name what it is about, where that is known.
    """

    record: logging.LogRecord
    message: str
    error: traceback.TracebackException | None = None
    trace: str = ""
    dropped: int = 0
    alike: int = 0
    session: str | None = None
    trace_id: str | None = None


def take_down(record: logging.LogRecord, *, dropped: int = 0, alike: int = 0) -> Entry:
    """Keep what a record says, and neither its arguments nor frames: they may change, and be large. Reads no file.

    A text that came from elsewhere as a traceback is given as ``extra={"trace": text}``.
    """
    try:
        message = record.getMessage()
    except Exception as mistake:  # noqa: BLE001 - of any argument's __str__; a log line never fails the caller
        message = f"{record.msg!r} could not be filled in: {type(mistake).__name__}"
    trace = str(getattr(record, "trace", "")) + (record.stack_info or "")
    error = None
    if record.exc_info and record.exc_info[1] is not None:  # asyncio gives False for none
        error = traceback.TracebackException.from_exception(
            record.exc_info[1], limit=-MAX_FRAMES, lookup_lines=False, compact=True
        )
    kept = logging.makeLogRecord(
        {"name": record.name, "levelno": record.levelno, "levelname": record.levelname}
        | {"created": record.created, "msecs": record.msecs}
    )
    return Entry(
        kept,
        _bounded(message, 2 * MAX_MESSAGE),
        error,
        _bounded(trace, 2 * MAX_TRACE),
        dropped,
        alike,
        getattr(record, "session", None),
        getattr(record, "trace_id", None),
    )


def render(entry: Entry) -> str:
    """The text of an entry, with the line break at its end. Reads source files for tracebacks."""
    head = _FORMAT.format(entry.record)
    lines = [head + note for note in notes_of(entry)]
    if message := message_of(entry):
        lines.append(head + escape(message))
    if trace := trace_of(entry):
        lines += ["  " + escape(line) for line in trace.split("\n")]
    return "".join(f"{line}\n" for line in lines)


def notes_of(entry: Entry) -> list[str]:
    """What is said of the records that were left out before this one."""
    notes = []
    if entry.dropped:
        notes.append(f"… {entry.dropped:,} lines before this one were dropped: the log was not read in time")
    if entry.alike:
        notes.append(f"… and {entry.alike:,} more like it")
    return notes


def message_of(entry: Entry) -> str:
    """The message without secrets, of bounded length."""
    return _cut(redact(entry.message), MAX_MESSAGE)


def trace_of(entry: Entry) -> str:
    """The same of the traceback; empty where there is none."""
    trace = entry.trace + ("".join(entry.error.format()) if entry.error is not None else "")
    if not trace:
        return ""
    half = MAX_TRACE // 4
    shown = redact(_bounded(trace, 4 * MAX_TRACE))
    if len(shown) > MAX_TRACE:
        shown = f"{shown[:half]}\n…\n{shown[half - MAX_TRACE :]}"
    return shown.rstrip("\n")


def escape(text: str) -> str:
    """``text`` with backslash escapes in place of what breaks or forges a line of a terminal or a log."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def _bounded(text: str, most: int) -> str:
    """The beginning of ``text``, and its end where it is long, without the words that are cut through there: half a
    secret would not be known for one."""
    if len(text) <= most:
        return text
    begin = text[: most // 2].rstrip(_OF_SECRETS)
    end = text[-most // 2 :].lstrip(_OF_SECRETS)
    return f"{begin}… ({len(text) - len(begin) - len(end):,} characters left out) …{end}"
