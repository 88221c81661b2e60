"""Which windows of a stream that lags are stepped as one. Pure: the clock is passed in.

A step of many models costs about the same whatever its hop. Where several windows of a stream wait, one step with the
sum of their hops makes all their frames, so that load turns into delay before it turns into loss. Windows are merged

- if they follow one another without a gap, and the sum of their hops is a preset's or twice that: what others would
  take may be slow the first time;
- if one step takes clearly less time than one for each, by what steps of those hops were seen or measured to take. A
  model whose step costs by the frame merges nothing;
- if no frame is late that would be in time if the stream's windows were stepped one after the other from now on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from livehead.core.block import BLOCK_S
from livehead.engine.scheduling.step_times import StepTimes
from livehead.engine.scheduling.stream_queue import WindowJob, frames_in_time

PAYS = 0.75
"""A step must take less than this share of what its windows take one by one. All their frames come at its end, so that
it must be worth it; and a cost by the frame, with what each step takes on top, is not taken for a constant one."""


class Merging:
    """``hops`` are those that a step may have, ``window`` is the most frames of a step with its lookahead. ``measured``
    says what a step with one window of so many frames took when the generator was timed, in seconds. It counts where
    none was seen lately."""

    def __init__(
        self, times: StepTimes, *, hops: Collection[int], window: int, measured: Mapping[int, float] | None = None
    ) -> None:
        self._times = times
        self._hops = frozenset(hops)
        self._most = max(hops, default=0)
        self._window = window
        self._measured = measured or {}

    def best(self, windows: Sequence[WindowJob], now: float) -> int:
        """How many of a stream's windows, from the first on, are stepped as one now; at least 1."""
        size, hop = 1, windows[0].hop
        for count, (before, window) in enumerate(pairwise(windows), 2):
            hop += window.hop
            if window.k != before.k + before.hop or hop > self._most:
                break
            fits = hop in self._hops and hop + window.lookahead <= self._window
            if fits and self._pays(windows[:count], hop, now):
                size = count
        return size

    def grows(self, windows: Sequence[WindowJob]) -> bool:
        """Whether one more window like the last of these could come in time to be stepped with them. Where so, they
        share no step with other streams: a batch saves less, and while it takes its time the next ones pile up."""
        first, last = windows[0], windows[-1]
        hop = sum(window.hop for window in windows) + last.hop
        if hop not in self._hops or hop + last.lookahead > self._window:
            return False
        together, alone = self._seconds(hop), self._seconds(last.hop)
        if together is None or alone is None or together > PAYS * (len(windows) + 1) * alone:
            return False
        # a step may have just begun when the last one comes
        return first.deadline - first.submitted >= last.hop * BLOCK_S + 2 * together

    def _pays(self, windows: Sequence[WindowJob], hop: int, now: float) -> bool:
        together = self._seconds(hop)
        if together is None:
            return False
        end, in_time = now, 0
        for window in windows:
            seconds = self._seconds(window.hop)
            if seconds is None:
                return False
            end += seconds
            in_time += frames_in_time(window, end)
        if together > PAYS * (end - now):
            return False
        return sum(frames_in_time(window, now + together) for window in windows) >= in_time

    def _seconds(self, hop: int) -> float | None:
        """What a step with one window takes, nearly always: for a hop that was not seen no more than for the next
        larger one. None where nobody knows."""
        if self._times.knows(1, hop):
            return self._times.expected(1, hop)
        return self._measured[min(known)] if (known := [each for each in self._measured if each >= hop]) else None
