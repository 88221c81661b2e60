"""The line in the log for a refusal: one line of printable ASCII, whatever the client sent."""

from __future__ import annotations

import logging

from fuzz.handlers import handled_by
from fuzz.mutators import line_mutator
from fuzz.target import Target
from livehead.access import audit
from livehead.errors import ForbiddenError

MAX_LINE = 2560  # two texts of 120 characters, ten each where they are escaped


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


_lines = _Lines()


def run(data: bytes) -> None:
    """Three lines: address, owner's name, what was asked for; and all of it as each of them."""
    text = data.decode("utf-8", "surrogateescape")
    address, _, what = text.partition("\n")
    log = audit.Audit(lambda: 0.0)
    with handled_by(_lines, audit.logger.name):
        log.refused(ForbiddenError(text), address=address, owner="front", what=what)
        log.refused(ForbiddenError(text), address=text, owner="", what=text)
    lines, _lines.lines = _lines.lines, []
    assert len(lines) == 2
    for line in lines:
        assert line.isascii()
        assert line.isprintable(), "control characters in the log"
        assert len(line) <= MAX_LINE
        assert line.startswith("refused: status=403 reason=forbidden key=")


TARGET = Target(
    "audit_line",
    run,
    (b"192.0.2.1\nPOST /v1/sessions", "2001:db8::1\nGET /v1/sessions/ä\r\nrefused: status=200".encode()),
    line_mutator(("refused: status=200 reason=none",), ("\r", "\x1b[2J", "\x9b", "\u202e", "\u2028", "\x7f"), "\n"),
    8192,
    (800, 1.0),
)
