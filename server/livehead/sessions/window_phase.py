"""When one session's windows become whole, beside those of the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from itertools import combinations

from livehead.core.block import BLOCK_SAMPLES, SAMPLE_RATE
from livehead.core.governor.phases import Choice, Phases
from livehead.core.playout.playout import Playout
from livehead.core.windows import Window, Windows

SHORTEST = 4
"""Windows of fewer blocks come too often to be kept apart."""

FIRST_WINDOWS = 2
"""At most so many short windows are made in place of the first one."""

SETTLED_S = 10.0
"""A session that speaks on and on is shifted once in so long."""


class WindowPhase:
    """One session's. Where its windows begin anew, the first ones may be shorter than the others, or begin a little
    earlier than they have to: whichever keeps it apart from other sessions. Shorter ones may also come while it speaks
    on, where others have come or gone. No frame is later for it."""

    def __init__(
        self,
        phases: Phases,
        session: str,
        hops: Collection[int],
        windows: Windows,
        playout: Playout,
        clock: Callable[[], float],
    ) -> None:
        """``hops`` are those that a step may have."""
        self._phases = phases
        self._session = session
        self._hops = hops
        self._windows = windows
        self._playout = playout
        self._clock = clock
        self._shifted = -math.inf

    def begin(self, begins: Sequence[int] = ()) -> int:
        """Windows begin anew, with one of these blocks; without any, with the one that comes next anyway. The first is
        preferred. Returns which it is."""
        windows = self._windows
        begins = begins or (windows.first,)
        if windows.hop < SHORTEST or self._idles(begins[0] + windows.hop):
            self.free()
            windows.move_to(begins[0])
            return begins[0]
        options: dict[int, tuple[int, tuple[int, ...]]] = {}  # by phase, the cheapest
        for begin in begins:
            options.setdefault(begin % windows.hop, (begin, ()))
        for begin in begins:
            for shift, hops in self._first_hops().items():
                options.setdefault((begin + shift) % windows.hop, (begin, hops))
        choices = [
            Choice(
                self._whole_at(begin + sum(hops) + windows.hop + windows.lookahead),
                len(hops),
                (begins[0] - begin) / windows.hop,
            )
            for begin, hops in options.values()
        ]
        now = self._clock()
        begin, hops = [*options.values()][self._phases.take(self._session, windows.hop, choices, now)]
        if hops:
            self._shifted = now
        windows.move_to(begin)
        windows.begin_with(hops)
        return begin

    def made(self, window: Window) -> None:
        """A window became whole."""
        if window.hop == self._windows.hop >= SHORTEST and not self._idles(window.k + window.hop):
            whole = window.k + window.hop + window.lookahead
            self._phases.note(self._session, window.hop, self._whole_at(whole))
            now = self._clock()
            if now >= self._shifted + SETTLED_S and self._phases.may_shift(now):
                self.begin()

    def free(self) -> None:
        """Windows are asked for ahead of time, or not at all."""
        self._phases.free(self._session)

    @staticmethod
    def _idles(block: int) -> bool:
        """Whether nothing was heard before ``block``. Windows begin anew with the first sound."""
        return block <= 0

    def _first_hops(self) -> dict[int, tuple[int, ...]]:
        """The short windows by how many blocks those after them are shifted, with as few as possible."""
        hop = self._windows.hop
        short = sorted(each for each in self._hops if each < hop)
        shifts: dict[int, tuple[int, ...]] = {}
        for count in range(1, FIRST_WINDOWS + 1):
            for hops in combinations(short, count):
                shifts.setdefault(sum(hops) % hop, hops)
        return shifts

    def _whole_at(self, block: int) -> float:
        """When all blocks before ``block`` have come."""
        captured = self._playout.captured(block)
        if captured is not None:
            return captured
        missing = block * BLOCK_SAMPLES - self._windows.next_sample
        return self._clock() + missing / SAMPLE_RATE
