"""One line of code must not fill the log, whoever makes it run."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TypeAlias

LINES_PER_S = 50.0
BURST = 200.0
"""Lines from one line of code. More are left out and counted."""

TELL_S = 1.0
"""How often it is told how many were left out."""

MAX_PLACES = 1024
"""Lines of code that are watched: those that logged last."""

Place: TypeAlias = tuple[str, str, int]
"""Name of the logger, file, line."""


class Floods:
    """A token bucket for each line of code that logs. Times are in monotonic seconds."""

    def __init__(self) -> None:
        self._places: OrderedDict[Place, _Flood] = OrderedDict()

    def admit(self, name: Place, record: logging.LogRecord, now: float) -> int | None:
        """How many records of this place were left out before this one; None where this one is, too."""
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = _Flood(now)
            if len(self._places) > MAX_PLACES:
                self._places.popitem(last=False)
        self._places.move_to_end(name)
        return place.admit(record, now)

    def left_out(self, now: float, *, at_once: bool) -> list[tuple[logging.LogRecord, int]]:
        """What was left out and not told for a second, with a record of its kind."""
        found = []
        for place in self._places.values():
            if place.record is not None and (at_once or now - place.told >= TELL_S):
                found.append((place.record, place.tell(now)))
        return found


class _Flood:
    __slots__ = ("_at", "_left_out", "_level", "record", "told")

    def __init__(self, now: float) -> None:
        self._at = now
        self._level = BURST
        self._left_out = 0
        self.told = now
        self.record: logging.LogRecord | None = None

    def admit(self, record: logging.LogRecord, now: float) -> int | None:
        self._level = min(BURST, self._level + (now - self._at) * LINES_PER_S)
        self._at = now
        if self._level < 1.0:
            if self._left_out == 0:
                self.told = now
                self.record = logging.makeLogRecord(
                    {"name": record.name, "levelno": record.levelno, "levelname": record.levelname}
                )
            self._left_out += 1
            return None
        self._level -= 1.0
        return self.tell(now) if self._left_out and now - self.told >= TELL_S else 0

    def tell(self, now: float) -> int:
        left_out, self._left_out = self._left_out, 0
        self.told = now
        self.record = None
        return left_out
