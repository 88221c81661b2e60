"""Where the time of each frame went, from its block's first sample to the socket."""

from __future__ import annotations

from collections import OrderedDict, deque

from livehead.core.latency import STAGES, Latency, Stamp
from livehead.engine.host.stream import WindowTiming

UNDER_WAY = 16
"""Frames that may be at the encoder. It never reports those that it dropped; they give way."""

TRACES = 100


class FrameTrace:
    """One session's. With ``keep`` the frames' times are kept one by one, for :meth:`take`. Times are monotonic
    seconds."""

    def __init__(self, *, keep: bool) -> None:
        self.latency = Latency()
        self._keep = keep
        self._under_way: OrderedDict[int, int] = OrderedDict()  # index of a tick → block of its frame
        self._traces: deque[tuple[float, ...]] = deque(maxlen=TRACES)

    def cut(self, k: int, captured: float, now: float) -> None:
        """Block ``k``, whose first sample came in at ``captured``, is whole."""
        self.latency.stamp(k, Stamp.CAPTURED, captured)
        self.latency.stamp(k, Stamp.CUT, now)

    def generated(self, k: int, count: int, timing: WindowTiming) -> None:
        """The frames of blocks ``k … k + count - 1`` came from the engine."""
        self.latency.generated(k, count, submitted=timing.submitted, started=timing.started, finished=timing.done)

    def early(self, k: int, now: float) -> None:
        """The frame of block ``k`` was made ahead of time, and waited for its block: it spent no time at the engine."""
        for stamp in (Stamp.SUBMITTED, Stamp.STARTED, Stamp.GENERATED):
            self.latency.stamp(k, stamp, now)

    def due(self, k: int, index: int, now: float) -> None:
        """The frame of block ``k`` goes to the encoder as tick ``index``."""
        self.latency.stamp(k, Stamp.DUE, now)
        self._under_way[index] = k
        if len(self._under_way) > UNDER_WAY:
            self._under_way.popitem(last=False)

    def sent(self, index: int, now: float) -> None:
        """The frame of tick ``index`` went to the socket."""
        k = self._under_way.pop(index, None)
        if k is None:
            return
        parts = self.latency.sent(k, now)
        if parts is not None and self._keep and k >= 0:
            spent = (getattr(parts, stage) for stage in STAGES if stage != "total")
            self._traces.append((k, round(now, 5), *(round(each, 2) for each in spent)))

    def take(self) -> tuple[tuple[float, ...], ...]:
        """The frames sent since the last call, as :class:`~livehead.core.messages.from_server.TracedStats` has them."""
        found = tuple(self._traces)
        self._traces.clear()
        return found
