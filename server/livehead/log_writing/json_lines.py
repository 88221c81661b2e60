"""One record of the log as one line of JSON, whatever clients sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from livehead.log_writing.lines import Entry, message_of, notes_of, trace_of


class JsonRenderer:
    """Every line is an object: ``time`` (RFC 3339, UTC, milliseconds), ``level``, ``logger``, ``message``, and where
    there is one ``session``, ``replica``, ``trace_id``, and ``exception``, the traceback as it would be printed.
    ``replica`` is the server's name in its fleet. What is not ASCII is escaped: no character can break a line or look
    like another."""

    def __init__(self, replica: str | None = None) -> None:
        self._replica = replica

    def __call__(self, entry: Entry) -> str:
        """The text of an entry, with the line break at its end. Reads source files for tracebacks."""
        lines = [self._line(entry, note) for note in notes_of(entry)]
        message, trace = message_of(entry), trace_of(entry)
        if message or trace:
            session = entry.session
            shown = message.removeprefix(f"session {session}: ") if session is not None else message
            lines.append(self._line(entry, shown, session=session, trace_id=entry.trace_id, exception=trace or None))
        return "".join(f"{line}\n" for line in lines)

    def _line(self, entry: Entry, message: str, **more: str | None) -> str:
        record = entry.record
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        found: dict[str, str | None] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
            "replica": self._replica,
            **more,
        }
        return json.dumps({name: value for name, value in found.items() if value is not None})
