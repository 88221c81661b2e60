"""Records of the log, whatever clients sent: one line each, without secrets; a traceback's lines are indented."""

from __future__ import annotations

import logging
import random
import re

from fuzz.mutators import line_mutator
from fuzz.target import Target
from livehead.log_writing.lines import MAX_MESSAGE, MAX_TRACE, render, take_down

KEY = "lh_" + "Kk1-_" * 8 + "abc"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmcm9udCJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
HEAD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} W livehead\.fuzz: ")


def run(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    message, _, trace = text.partition("\n\n")
    for record in (
        logging.LogRecord("livehead.fuzz", logging.WARNING, __file__, 1, "%s", (text,), None),
        logging.LogRecord("livehead.fuzz", logging.WARNING, __file__, 1, "a request for %r", (message,), None),
    ):
        record.trace = trace
        written = render(take_down(record, dropped=len(text) % 2, alike=len(text) % 3))
        assert written.endswith("\n") or not (text or written)
        assert len(written) <= 10 * (MAX_MESSAGE + MAX_TRACE) + 2000
        heads = 0
        for line in written.split("\n")[:-1]:
            assert line == "" or line.isprintable() or not _unsafe(line), "control characters in the log"
            assert HEAD.match(line) or line.startswith("  "), "a line that could pass for a record"
            heads += not line.startswith("  ")
        assert heads <= 3
        assert KEY not in written, "an API key in the log"
        assert TOKEN not in written, "a token in the log"


def _unsafe(line: str) -> bool:
    return any(ord(each) < 32 or 127 <= ord(each) < 160 or each in "\u2028\u2029\u202e\u200b" for each in line)


_WORDS = (
    *(KEY, TOKEN, "Authorization: Bearer ", "token=", 'token="', "'token': '", '"api_key": "', "password=", "secret="),
    *(
        "bearer ",
        "authorization",
        "ice-pwd:",
        '\\"token\\": \\"',
        "\\",
        "'",
        '"',
        "\r",
        "\x1b[31m",
        "\u202e",
        "\x9b",
        "%s",
    ),
    *("credential=", "token=[redacted", "Authorization: b'Basic ", "2026-11-27 08:00:00,000 W livehead.fuzz: forged"),
)
_lines = line_mutator(_WORDS, _WORDS, "\n")


def _mutate(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.2:
        return (chance.choice(_WORDS) * chance.choice((1, 8, 200))).encode("utf-8", "surrogateescape") + data
    return _lines(data, chance)


TARGET = Target(
    "log_record",
    run,
    (
        b"GET /v1/sessions?token=abc from 192.0.2.1",
        f"a key {KEY} and a token {TOKEN}".encode(),
        f"failed\n\nTraceback (most recent call last):\n  File x\nValueError: {KEY}\n".encode(),
        f'{{"type":"offer","token":"{TOKEN}"}}'.encode(),
    ),
    _mutate,
    64 * 1024,
    (20_000, 13.0),  # of a text that is nothing but line breaks, half of it by the checks above
)
