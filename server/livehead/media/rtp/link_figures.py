"""What goes to and comes from the clients of a session, and what their reports and ours say of the way."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["sent", "received"]

REPORTS = 256
"""Reports that may wait to be taken; each track has about one a second. Past that the oldest are dropped."""

MOST_S = 60.0
"""More is no jitter and no round trip: a client can report anything."""


@dataclass(frozen=True, slots=True)
class LinkReport:
    """One report on one track (RFC 3550 section 6.4): the share of packets ``lost`` since the one before, 0 to 1, and
    the interarrival ``jitter`` and ``round_trip`` in seconds; the last is None where it is not known."""

    direction: Direction
    kind: str
    lost: float
    jitter: float
    round_trip: float | None = None


class LinkFigures:
    """Those of all clients of one session together, since its beginning. ``octets`` and ``packets`` are of RTP, with
    its headers, by direction and kind, those sent again too, which ``resent`` counts."""

    def __init__(self) -> None:
        self.octets: Counter[tuple[Direction, str]] = Counter()
        self.packets: Counter[tuple[Direction, str]] = Counter()
        self.resent = self.keyframe_requests = 0
        self._reports: deque[LinkReport] = deque(maxlen=REPORTS)

    def count(self, direction: Direction, kind: str, octets: int, packets: int = 1) -> None:
        """So many packets went or came."""
        self.octets[direction, kind] += octets
        self.packets[direction, kind] += packets

    def report(
        self, direction: Direction, kind: str, *, lost: float, jitter: float, round_trip: float | None = None
    ) -> None:
        """A report came, or was made."""
        trip = None if round_trip is None else min(round_trip, MOST_S)
        self._reports.append(LinkReport(direction, kind, lost, min(jitter, MOST_S), trip))

    def take_reports(self) -> list[LinkReport]:
        """Those since this was last asked."""
        taken = list(self._reports)
        self._reports.clear()
        return taken
