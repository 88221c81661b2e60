"""What a simulated call saw: its frames, its delay, its windows and its moves between presets. Pure.

Times are monotonic seconds, passed in; what was before ``begin`` does not count, save moves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from livehead.core.playout.tick import Kind

MOVE_S = 15.0
"""So long after a move was begun, a picture that stands still belongs to it: it waits for silence, and the delay comes
down afterwards, by quiet blocks only."""


@dataclass
class CallFigures:
    """``asked`` counts the blocks that were sent, ``in_time`` those with their own frame, ``late`` those whose frame
    came afterwards, ``never`` those that got none. ``gap`` is the longest run of ticks without a new picture, and
    ``move_gap`` the longest soon after a move. ``steps`` and ``frames`` that the engine made are told apart by whether
    they were of silence, ``hops`` counts the windows with speech by their hop, ``presets`` the ticks at each preset.
    ``delays`` are in milliseconds, of each block that was sent with its frame."""

    begin: float = 0.0
    windows: int = 0
    asked: int = 0
    in_time: int = 0
    late: int = 0
    gap: int = 0
    move_gap: int = 0
    moves: list[tuple[float, str, str]] = field(default_factory=list)
    rewinds: int = 0
    spoke: int = 0
    ticks: int = 0
    steps: Counter[bool] = field(default_factory=Counter)
    frames: Counter[bool] = field(default_factory=Counter)
    hops: Counter[int] = field(default_factory=Counter)
    presets: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    _still: int = 0
    _silent: dict[int, bool] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        return self.asked - self.in_time

    @property
    def never(self) -> int:
        return max(0, self.lost - self.late)

    def move(self, before: str, after: str, now: float) -> None:
        """The session is to go over to another preset."""
        self.moves.append((now, before, after))

    def submitted(self, k: int, hop: int, now: float, *, silent: bool) -> None:
        """The engine was given a window."""
        self._silent[k] = silent
        while len(self._silent) > 256:
            del self._silent[next(iter(self._silent))]
        if now >= self.begin:
            self.windows += 1
            if not silent:
                self.hops[hop] += 1

    def made(self, k: int, hop: int, now: float) -> None:
        """The engine made the frames of ``hop`` blocks from ``k`` on, in one step."""
        if now >= self.begin:
            silent = self._silent.get(k, False)
            self.steps[silent] += 1
            self.frames[silent] += hop

    def rewound(self, now: float) -> None:
        """The engine took back frames that will not be shown."""
        self.rewinds += now >= self.begin

    def tick(self, kind: Kind, k: int | None, delay_ms: float, now: float, *, preset: str, speaks: bool) -> None:
        """What was sent."""
        self._still = 0 if kind is Kind.FRESH else self._still + 1
        if self.moves and now <= self.moves[-1][0] + MOVE_S:
            self.move_gap = max(self.move_gap, self._still)
        if now < self.begin:
            return
        self.ticks += 1
        self.spoke += speaks
        self.presets[preset] += 1
        self.gap = max(self.gap, self._still)
        if k is None:
            return
        self.asked += 1
        if kind is Kind.FRESH:
            self.in_time += 1
            self.delays.append(delay_ms)
