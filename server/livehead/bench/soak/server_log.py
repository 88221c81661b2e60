"""The lines of a server's log that tell of an error, with their time. Pure."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass

LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) ([A-Z]) ([\w.]+): (.*)")
BAD = ("E", "C")
"""First letters of ERROR and CRITICAL."""


@dataclass(frozen=True, slots=True)
class LoggedError:
    """``at`` is Unix time."""

    at: float
    text: str


def errors(lines: Iterable[str]) -> list[LoggedError]:
    """Of level ERROR and above; a traceback below one belongs to it and is left out."""
    found = []
    for line in lines:
        match = LINE.match(line)
        if match and match[3] in BAD:
            at = datetime.datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").timestamp()  # the log has local time
            found.append(LoggedError(at + int(match[2]) / 1000, f"{match[4]}: {match[5]}"))
    return found
