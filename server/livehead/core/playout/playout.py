"""Blocks and frames in, "what to send now" out: the one clock that paces audio and frame.

Audio is the master: every 40 ms one tick takes the next block, and its frame if that is there.
If not, the previous frame is shown again, and the missing one is dropped should it come later; so
a frame is only ever shown with its own audio. The session's loop is

    while True:
        sleep until playout.due, or until something was pushed
        tick = playout.tick(now)
        if tick is not None: send it

All times are seconds of one monotonic clock, passed in.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Block, Pcm
from livehead.core.frame import Frame
from livehead.core.playout.segment import Schedule
from livehead.core.playout.stats import Drop, PlayoutStats, Repeat, Skip, Tally
from livehead.core.playout.target_delay import Delay
from livehead.core.playout.tick import Kind, Tick
from livehead.core.test_pattern import loudness

GAP_S = BLOCK_S / 2
"""Two ticks are never closer than this."""

STALL_S = 2.5 * BLOCK_S
"""A tick that is asked for later than this has missed its time; what it should have sent is skipped."""

SLEW_S = 0.001
"""How far the phase of the ticks moves at one tick when there is no hurry."""

QUIET = 3
"""Blocks up to this loudness (about -46 dB) can be skipped without anybody noticing."""

EARLY_S = 0.0005
"""A tick that is asked for so little before it is due is granted: timers are not exact."""

BURST_S = 0.2
"""Blocks that come so soon after a hopelessly late one belong to the same burst."""

PATIENCE_S = 5.0
"""How long a shrinking delay waits for a quiet block before it skips any."""

SKIP_EVERY = 5
"""At most one block in so many is skipped to shrink the delay."""


@dataclass(slots=True, eq=False)
class _Entry:
    pcm: Pcm
    loudness: int
    frame: Frame | None = None


class _Run:
    """Audio without a break: its schedule, and its blocks that wait to be sent."""

    def __init__(self, k: int, now: float, delay: float) -> None:
        self.schedule = Schedule(k, now, delay)
        self.next = k
        """The block to send next."""
        self.end = k
        """One past the last block that came."""
        self.waiting: dict[int, _Entry] = {}
        self.settling = True
        """Nothing was sent yet, so the schedule may still move freely."""


class Playout:
    """The clock of one session.

    Audio comes in at the pace of real time. A burst of blocks at the start of a run is taken as
    audio that was there already, so whoever has speech at hand may push the first hop at once.
    """

    def __init__(
        self, *, hop: int, lookahead: int, max_delay_ms: int, margin_ms: float = 4.0, generate_ms: float = 10.0
    ) -> None:
        """``generate_ms`` is the first guess of what a step takes; ``margin_ms`` is added to the
        95th percentile of what frames need. Raises ``ValueError`` for a bound that is not over
        ``(hop + lookahead) * 40``."""
        self._delay = Delay(
            hop=hop,
            lookahead=lookahead,
            bound_s=max_delay_ms / 1000,
            margin_s=margin_ms / 1000,
            generate_s=generate_ms / 1000,
        )
        self._runs: deque[_Run] = deque()  # the present one, and at most one that has yet to begin
        self._jump: int | None = None
        self._end: int | None = None
        self._unwanted = -math.inf  # an interrupt dropped the frames before this block
        self._learn_from = -math.inf  # frames before this block were asked for on other terms
        self._hopeless_at: float | None = None
        self._nominal: float | None = None
        self._ticked_at = -math.inf
        self._index = -1
        self._shown: tuple[Frame, int, int] | None = None
        self._k: int | None = None
        self._delay_ms = 0.0
        self._since_skip = 0
        self._excess_since: float | None = None
        self._interrupted = False
        self._tally = Tally()

    @property
    def due(self) -> float | None:
        """When to call :meth:`tick` next, None before the first audio. Read it again after a push:
        the start of a run settles, and growth moves it back."""
        if not self._runs:
            return None
        return max(self._next_nominal(), self._ticked_at + GAP_S)

    def deadline(self, k: int) -> float:
        """When block ``k`` is to be sent as things stand; infinite before the first audio."""
        run = self._run_of(k)
        return run.schedule.due(k) if run else math.inf

    def captured(self, k: int) -> float | None:
        """When the first sample of block ``k`` came in; None for a block of no known run."""
        run = self._run_of(k)
        return run.schedule.captured(k) if run and k >= run.schedule.start else None

    @property
    def sent_k(self) -> int | None:
        """The last block that was sent."""
        return self._k

    @property
    def shown_k(self) -> int | None:
        """The block of the last frame that was shown."""
        return self._shown[1] if self._shown else None

    @property
    def stats(self) -> PlayoutStats:
        tally = self._tally
        return PlayoutStats(
            k=self._k,
            ticks=tally.ticks,
            fresh=tally.fresh,
            blank=tally.blank,
            missed=tally.missed,
            repeats=dict(tally.repeats),
            drops=dict(tally.drops),
            skips=dict(tally.skips),
            delay_ms=self._delay_ms,
            max_delay_ms=round(self._delay.bound * 1000),
            fps=tally.fps,
            skew_ms=tally.skew_ms,
        )

    @property
    def waiting(self) -> int:
        """Blocks that wait to be sent; bounded by the bound of the delay."""
        return sum(len(run.waiting) for run in self._runs)

    def push_audio(self, block: Block, now: float) -> None:
        """Block ``block.k`` became whole at ``now``. Raises ``ValueError`` where k does not rise.

        A break in k begins a new run, as :meth:`seek` does.
        """
        k = block.k
        if self._end is not None and k < self._end:
            raise ValueError(f"block {k} came after block {self._end - 1}: k must rise")
        if self._jump is not None and k < self._jump:
            raise ValueError(f"block {k} came after a jump to {self._jump}")
        run = self._runs[-1] if self._runs else None
        if run is None or k != run.end or self._jump is not None:
            run = self._begin(k, now)
        else:
            before = run.schedule.captured(k)
            run.schedule.arrived(k, now)
            if not run.settling:
                self._delay.rebase(run.schedule.captured(k) - before)
        if self._too_late(run, k, now):
            if not self._slipped(now):
                run.end = self._end = k + 1
                self._tally.skips[Skip.LATE] += 1
                return
            run = self._begin(k, now)
        run.end = self._end = k + 1
        run.waiting[k] = _Entry(block.pcm, loudness(block.pcm))
        if run.settling:
            wanted = run.schedule.captured(run.next) + self._delay.aim
            run.schedule.move(max(wanted, now) - run.schedule.due(run.next))
        while len(run.waiting) > self._delay.bound / BLOCK_S + 2:
            self._skip(run, next(iter(run.waiting)), Skip.BOUND)
            run.schedule.move(-BLOCK_S)

    def push_frames(self, k: int, frames: Sequence[Frame], now: float) -> None:
        """The frames of blocks ``k, k + 1, …`` came at ``now``."""
        captured = self.captured(k)
        run = self._run_of(k)
        if captured is not None and run is not None and self._learn_from <= k < run.end:
            need = now - captured
            self._delay.observe(need, now)
            if k < run.next and need > run.schedule.delay and self._delay.grow(need, now):
                run.schedule.move(max(0.0, self._delay.aim - run.schedule.delay))
        for i, frame in enumerate(frames):
            drop = self._accept(k + i, frame)
            if drop is not None:
                self._tally.drops[drop] += 1

    def push_missing(self, k: int, takes: float, now: float) -> None:
        """There will be no frame of block ``k``: its window was given up at ``now`` as too late, and would have
        taken ``takes`` seconds more. The delay grows as if the frame had come late; without that it would never
        learn that it is too short."""
        captured = self.captured(k)
        run = self._run_of(k)
        if captured is None or run is None or not self._learn_from <= k < run.end:
            return
        need = max(now + takes - captured, run.schedule.delay)
        if self._delay.grow(need, now):
            run.schedule.move(max(0.0, self._delay.aim - run.schedule.delay))

    def tick(self, now: float) -> Tick | None:
        """What to send now, None where nothing is due yet. Exactly one tick falls to every 40 ms."""
        due = self.due
        if due is None or now < due - EARLY_S:
            return None
        nominal = self._next_nominal()
        missed = max(0, math.floor((now - nominal) / BLOCK_S)) if now - nominal > STALL_S else 0
        if missed:
            nominal += missed * BLOCK_S
            self._tally.miss(missed)
        self._index += 1 + missed
        self._switch(nominal)
        run = self._runs[0]
        k = self._choose(run, nominal, now, Skip.STALL if missed else Skip.LATE)
        tick = self._send(run, k, now)
        self._nominal = nominal
        self._ticked_at = now
        self._delay.review(now)
        self._slew(run.schedule)
        return tick

    def set_preset(self, hop: int, lookahead: int, max_delay_ms: int) -> None:
        """Windows have another shape from the next block on. Raises ``ValueError`` like the constructor."""
        self._delay.set_preset(hop, lookahead, max_delay_ms / 1000)
        self._learn_from = -math.inf if self._end is None else self._end
        for run in self._runs:
            run.schedule.move(max(0.0, self._delay.aim - run.schedule.delay))

    def seek(self, k: int, *, restart: bool = False) -> None:
        """The next block to come is ``k`` or later. What came before goes on being sent until that
        is due; the run that begins is timed by its own arrival, with ``restart`` by the least delay even where that
        had grown. Raises ``ValueError`` for a jump back."""
        if self._end is not None and k < self._end:
            raise ValueError(f"block {k} has come already: the timeline only goes forward")
        self._jump = k
        if restart:
            self._delay.restart()

    def restart_from(self, k: int) -> int | None:
        """The run of block ``k``, which has come and is not yet due, does not go on from the frames that still wait,
        but from the one that will be shown last before it: returns that one's block, None if there is none. Windows
        before ``k`` that are under way are given up, and teach nothing."""
        self._learn_from = max(self._learn_from, k)
        start = self.deadline(k)
        last = self.shown_k
        for run in self._runs:
            for waits, entry in run.waiting.items():
                if waits < k and entry.frame is not None and run.schedule.due(waits) < start - GAP_S:
                    last = waits if last is None else max(last, waits)
        return last

    def interrupt(self) -> int | None:
        """Drop every block and frame that was not sent yet, also the frames still to come for
        blocks that came. Returns the block of the last frame shown, None if there was none.
        The last frame holds, with silence, until the next block is due."""
        for run in self._runs:
            for k in list(run.waiting):
                self._skip(run, k, Skip.INTERRUPT)
            run.next = run.end
        if self._end is not None:
            self._unwanted = self._learn_from = self._end
        self._interrupted = True
        return self.shown_k

    # -- runs

    def _begin(self, k: int, now: float) -> _Run:
        if len(self._runs) > 1:
            self._discard(self._runs.pop())
        run = _Run(k, now, self._delay.aim)
        self._runs.append(run)
        self._jump = None
        self._hopeless_at = None
        return run

    def _run_of(self, k: int) -> _Run | None:
        for run in reversed(self._runs):
            if k >= run.schedule.start:
                return run
        return self._runs[0] if self._runs else None

    def _switch(self, nominal: float) -> None:
        while len(self._runs) > 1 and self._runs[1].schedule.origin <= nominal + EARLY_S:
            self._discard(self._runs.popleft())

    def _discard(self, run: _Run) -> None:
        for k in list(run.waiting):
            self._skip(run, k, Skip.JUMP)

    # -- time

    def _next_nominal(self) -> float:
        """When the next tick should be, had the last one been on time."""
        schedule = self._runs[0].schedule
        if self._nominal is None:
            return schedule.origin
        if len(self._runs) > 1 and self._runs[1].schedule.origin <= self._nominal + BLOCK_S + GAP_S:
            return max(self._runs[1].schedule.origin, self._nominal + GAP_S)
        return schedule.first_due(self._nominal + GAP_S)

    def _too_late(self, run: _Run, k: int, now: float) -> bool:
        """Whether block ``k`` missed its tick for good. If the bound allows it, the delay grows instead."""
        if run.settling or self._runs[0] is not run or self._nominal is None:
            return False
        if k >= run.schedule.block_at(self._next_nominal()):
            return False
        soonest = max(now, self._nominal + GAP_S)
        need = soonest - run.schedule.captured(k)
        burst = self._hopeless_at is not None and now - self._hopeless_at < BURST_S
        if burst and need <= self._delay.bound:
            return True  # the end of a burst: it would only carry the delay up to the bound
        if self._delay.grow(need, now):
            run.schedule.move(soonest - run.schedule.due(k))
            return False
        return True

    def _slipped(self, now: float) -> bool:
        """Blocks that are hopelessly late, but come at an unhurried pace: the sender paused."""
        before, self._hopeless_at = self._hopeless_at, now
        return before is not None and GAP_S < now - before < 1.0

    def _slew(self, schedule: Schedule) -> None:
        if schedule.delay < self._delay.least:
            schedule.move(min(SLEW_S, self._delay.least - schedule.delay))
        elif 0 < schedule.delay - self._delay.aim < BLOCK_S:
            schedule.move(-min(SLEW_S, schedule.delay - self._delay.aim))

    # -- blocks

    def _choose(self, run: _Run, nominal: float, now: float, reason: Skip) -> int:
        """The block for this tick; what must not be sent any more is skipped on the way."""
        k = run.schedule.block_at(nominal)
        for old in [old for old in run.waiting if old < k]:
            self._skip(run, old, reason)
        while k in run.waiting and now - run.schedule.captured(k) > self._delay.bound:
            self._skip(run, k, Skip.BOUND)
            if run.schedule.delay <= self._delay.bound:
                return k  # only this tick is late, the schedule is not
            run.schedule.move(-BLOCK_S)
            k += 1
        self._since_skip += 1
        if self._may_shrink(run, k, now):
            self._skip(run, k, Skip.SHRINK)
            run.schedule.move(-BLOCK_S)
            self._since_skip = 0
            k += 1
        return k

    def _may_shrink(self, run: _Run, k: int, now: float) -> bool:
        if run.schedule.delay - self._delay.aim < BLOCK_S:
            self._excess_since = None
            return False
        if self._excess_since is None:
            self._excess_since = now
        block, after = run.waiting.get(k), run.waiting.get(k + 1)
        if block is None or after is None or self._since_skip < SKIP_EVERY:
            return False
        if block.frame is not None and after.frame is None:
            return False
        return block.loudness <= QUIET or now - self._excess_since >= PATIENCE_S

    def _skip(self, run: _Run, k: int, reason: Skip) -> None:
        entry = run.waiting.pop(k)
        run.next = max(run.next, k + 1)
        self._tally.skips[reason] += 1
        if entry.frame is not None:
            self._tally.drops[Drop.INTERRUPT if reason is Skip.INTERRUPT else Drop.SKIPPED] += 1

    def _accept(self, k: int, frame: Frame) -> Drop | None:
        if k < self._unwanted:
            return Drop.INTERRUPT
        run = self._run_of(k)
        if run is None or k >= run.end:
            return Drop.UNKNOWN
        entry = run.waiting.get(k)
        if entry is None:
            return Drop.LATE
        if entry.frame is not None:
            return Drop.DUPLICATE
        entry.frame = frame
        return None

    def _send(self, run: _Run, k: int, now: float) -> Tick:
        entry = run.waiting.pop(k, None)
        if entry is None:
            kind, pcm, sent = Kind.HOLD, np.zeros(BLOCK_SAMPLES, np.float32), None
            reason = Repeat.GROWTH if k < run.next else Repeat.NO_AUDIO
            if self._interrupted:
                reason = Repeat.INTERRUPT
            elif reason is Repeat.NO_AUDIO:
                self._delay.underrun(now)
        else:
            kind, pcm, sent, reason = Kind.REPEAT, entry.pcm, k, Repeat.NO_FRAME
            run.next = k + 1
            run.settling = self._interrupted = False
            self._k = k
            self._delay_ms = (now - run.schedule.captured(k)) * 1000
            if entry.frame is None:
                self._delay.underrun(now)
            else:
                kind = Kind.FRESH
                self._shown = (entry.frame, k, entry.loudness)
        self._tally.tick(fresh=kind is Kind.FRESH, blank=self._shown is None, reason=reason)
        frame, frame_k, level = self._shown or (None, None, 0)
        return Tick(self._index, kind, sent, pcm, frame, frame_k, level, self._delay_ms)
