"""How long blocks must wait for their frames: learnt from when frames really come."""

from __future__ import annotations

from collections import deque

from livehead.core.block import BLOCK_S
from livehead.core.latency import rank

MEMORY_S = 10.0
"""How long a required delay is remembered, …"""

MEMORY_WINDOWS = 20
"""… and for so many windows if those take longer."""

CLEAN_S = 2.0
"""Without an underrun for so long, the target may come down."""

HICCUP_S = 0.5
"""Frames that come late so close to one another are late for the same reason."""

START_S = 2.0
"""While a session starts the engine warms up, encoders open and keys are made: what frames require then is not
remembered. Until there is better, the median of it is the guess."""

REVIEW_S = 0.2
"""How often the target is reviewed."""

SLACK_S = 0.010
"""Kept between the target and the max delay: a tick that is a little late must not cost a block."""

STEP_S = 0.002
"""Smaller gains are not worth a change."""

OVERHEAD_S = 0.2
"""What windows of another shape are expected to require at most beyond the wait for their audio. An engine that is
late by more than that is overloaded by windows of the present shape."""


class TargetDelay:
    """The delay to keep, in seconds, between ``(hop + lookahead)`` blocks and the max delay.

    The delay that a frame *required* is the time from its block's first sample to its own coming. One hiccup, the
    worst of the last :data:`MEMORY_S`, counts for nothing: it may never come again. Of the others, :attr:`required`
    is the 95th percentile plus a margin. :attr:`target` is never under it and jumps up at an underrun. After
    :data:`CLEAN_S` without one it comes down to what all frames but those of that hiccup required: so a single late
    frame is soon forgotten, and a machine that is late again and again keeps its delay. What would have required
    more than the max delay teaches nothing: no delay that is allowed would have saved that frame.
    """

    def __init__(self, *, hop: int, lookahead: int, max_s: float, margin_s: float, generate_s: float) -> None:
        self._margin = margin_s
        self._generate = generate_s
        self._seen: deque[tuple[float, float]] = deque(maxlen=round(MEMORY_S / BLOCK_S))
        self._at_start: deque[float] = deque(maxlen=round(START_S / BLOCK_S))
        self._shift = 0.0
        self._started: float | None = None
        self._clean_since: float | None = None
        self._reviewed = float("-inf")
        self._floor, self._most = _limits(hop, lookahead, max_s)
        self._preset_max = self.max = max_s
        self._extended = 0.0
        self.usual = 0.0
        """What frames took lately beyond the wait for their audio, over all sessions; see :meth:`review`."""
        self.target = self.required = min(self._most, self._floor + self._generate + self._margin)

    def needed(self, hop: int, lookahead: int, max_s: float, generate_s: float = 0.0) -> float:
        """The delay that windows of another shape are going to need: they take as long beyond the wait for their audio
        as those of now do, and ``generate_s`` at least. Raises ``ValueError`` for a max delay that is not over that
        wait."""
        floor, most = _limits(hop, lookahead, max_s)
        least = max(self._generate, generate_s) + self._margin
        return min(most, floor + min(OVERHEAD_S, max(self.required - self._floor, least)))

    def extend(self, target: float, max_s: float) -> None:
        """A longer delay is being prepared: ``target`` may be reached now, and ``max_s`` is the bound if it is more."""
        self._extended = target
        self.max = max(self.max, max_s)

    def contract(self) -> None:
        """No longer delay is being prepared any more. The bound comes down with the delay: see :meth:`bind`."""
        self._extended = 0.0
        self.target = min(self.target, self._limit)

    def bind(self, delay: float) -> None:
        """The delay is this now. Where that is within the preset's bound, it stays so."""
        if delay <= self._preset_max:
            self.max = self._preset_max

    def set_preset(self, hop: int, lookahead: int, max_s: float, generate_s: float = 0.0) -> None:
        """Windows have another shape: the target is what those :meth:`needed`. What frames took beyond the wait for
        their audio is remembered. A bound that is less than the one before holds as soon as the delay is within it:
        see :meth:`bind`. Raises ``ValueError`` for a max delay that is not over the wait for hop and lookahead: nothing
        could ever be shown."""
        needed = self.needed(hop, lookahead, max_s, generate_s)
        before, (self._floor, self._most) = self._floor, _limits(hop, lookahead, max_s)
        self._preset_max = max_s
        self.max = max(self.max, max_s)
        self._extended = 0.0
        self.target = self.required = needed
        seen = [(at, self._carry(required, before)) for at, required in self._seen]
        at_start = [self._carry(required, before) for required in self._at_start]
        self._seen.clear()
        self._at_start.clear()
        self._seen.extend(seen)
        self._at_start.extend(at_start)

    def observe(self, required: float, now: float) -> None:
        """A frame came."""
        if self._started is None:
            self._started = now
        if required > self._limit:
            return
        if now - self._started < START_S:
            self._at_start.append(required + self._shift)
        else:
            self._seen.append((now, required + self._shift))

    def expect(self, takes: float, now: float) -> None:
        """A window took ``takes`` seconds whose blocks nobody waited for: what its frames would have required else
        counts as those at the start do."""
        if self._started is None:
            self._started = now
        self._at_start.append(min(self._most, self._floor + takes) + self._shift)

    def rebase(self, by: float) -> None:
        """The estimate of when blocks were captured moved by so many seconds: every frame required less by as
        much."""
        self._shift += by

    def underrun(self, now: float) -> None:
        """Something was not there when it was due."""
        self._clean_since = now

    def grow(self, required: float, now: float) -> bool:
        """Something came too late: let the target be what it required. False, and nothing is learnt, where that is
        beyond the max delay."""
        self._clean_since = now
        if required > self._limit:
            return False
        self.target = max(self.target, min(self._limit, required + self._margin))
        return True

    def restart(self) -> None:
        """What comes next has nothing to do with what was: no more than is usually required is needed."""
        self.target = self.required

    def review(self, now: float) -> None:
        """Look at what was required lately, by this session's frames and by those of others. To be called at every
        tick."""
        if self._clean_since is None:
            self._clean_since = now
        if now - self._reviewed < REVIEW_S:
            return
        self._reviewed = now
        while len(self._seen) > MEMORY_WINDOWS and self._seen[0][0] < now - MEMORY_S:
            self._seen.popleft()
        usual = self._without_worst_hiccup() or self._guess()
        if not usual:
            return
        self.required = self._with_margin(rank(usual, 0.95))
        all_but_one = self._with_margin(usual[-1])
        clean = now - self._clean_since >= CLEAN_S
        if self.required > self.target:
            self.target = self.required
        elif clean and all_but_one < self.target - STEP_S:
            self.target = all_but_one

    def _without_worst_hiccup(self) -> list[float]:
        """What was required, sorted. Of several that are as bad, the oldest counts for nothing."""
        if not self._seen:
            return []
        worst, _ = max(self._seen, key=lambda each: round(each[1], 3))
        return sorted(required for at, required in self._seen if abs(at - worst) > HICCUP_S)

    def _guess(self) -> list[float]:
        """The median of what little is known."""
        known = sorted([*self._at_start, *(required for _, required in self._seen)])
        return [rank(known, 0.5)] if known else []

    def _with_margin(self, required: float) -> float:
        required = max(required - self._shift, self._floor + min(OVERHEAD_S, self.usual))
        return min(self._limit, max(self._floor, required + self._margin))

    @property
    def _limit(self) -> float:
        """The longest delay to aim at."""
        return max(self._most, self._extended)

    def _carry(self, required: float, floor: float) -> float:
        """What a frame required, remembered, when its window had another ``floor``."""
        overhead = required - self._shift - floor
        return self._floor + min(OVERHEAD_S, max(0.0, overhead)) + self._shift


def _limits(hop: int, lookahead: int, max_s: float) -> tuple[float, float]:
    """The wait for the audio of a window, and the longest delay to aim at, in seconds."""
    if hop < 1 or lookahead < 0:
        raise ValueError(f"hop must be at least 1 and lookahead at least 0, got {hop} and {lookahead}")
    floor = (hop + lookahead) * BLOCK_S
    if max_s <= floor:
        raise ValueError(
            f"a max delay of {max_s * 1000:.0f} ms is not over the {floor * 1000:.0f} ms that "
            f"{hop} + {lookahead} blocks take to come in"
        )
    return floor, max_s - min(SLACK_S, (max_s - floor) / 2)
