"""Blocks and frames in, "what to send now" out: the one clock that paces audio and video.

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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Block
from livehead.core.frame import Frame
from livehead.core.playout.growing import Growing
from livehead.core.playout.late_audio import LateAudio
from livehead.core.playout.segment import Segment, Waiting
from livehead.core.playout.shrinking import Shrinking
from livehead.core.playout.stats import Counters, Drop, PlayoutStats, Repeat, Skip
from livehead.core.playout.target_delay import TargetDelay
from livehead.core.playout.tick import Kind, Tick
from livehead.core.playout.tick_clock import GAP_S, TickClock
from livehead.core.playout.timeline import EARLY_S, Timeline
from livehead.core.test_pattern import loudness

SLEW_S = 0.001
"""How far the phase of the ticks moves at one tick when there is no hurry."""


SETTLE_BLOCKS = 5
"""The first frames of a segment take longer, because the engine starts anew for it; that is not remembered."""


@dataclass(slots=True)
class _Sent:
    """What was sent last: the block, its delay in seconds, and the frame that is shown with its block's loudness."""

    k: int | None = None
    delay: float = 0.0
    frame: Frame | None = None
    frame_k: int | None = None
    loudness: int = 0


@dataclass(slots=True)
class _Interruption:
    """``unwanted``: frames before this block are not to be shown any more. ``learn_from``: frames before this block
    were asked for on other terms, and teach nothing. ``holds``: nothing was sent since an interrupt."""

    unwanted: float = -math.inf
    learn_from: float = -math.inf
    holds: bool = False


class Playout:
    """The clock of one session.

    Audio comes in at the pace of real time. A burst of blocks at the start of a segment is taken as
    audio that was there already, so whoever has speech at hand may push the first hop at once.
    """

    def __init__(
        self, *, hop: int, lookahead: int, max_delay_ms: int, margin_ms: float = 4.0, generate_ms: float = 10.0
    ) -> None:
        """``generate_ms`` is the first guess of what a step takes; ``margin_ms`` is added to the
        95th percentile of what frames require. Raises ``ValueError`` for a max delay that is not over
        ``(hop + lookahead) * 40``."""
        self._delay = TargetDelay(
            hop=hop,
            lookahead=lookahead,
            max_s=max_delay_ms / 1000,
            margin_s=margin_ms / 1000,
            generate_s=generate_ms / 1000,
        )
        self._timeline = Timeline()
        self._clock = TickClock()
        self._growing = Growing()
        self._shrinking = Shrinking()
        self._late_audio = LateAudio()
        self._interruption = _Interruption()
        self._sent = _Sent()
        self._counters = Counters()

    @property
    def due(self) -> float | None:
        """When to call :meth:`tick` next, None before the first audio. Read it again after a push:
        the start of a segment settles, and growth moves it back."""
        return self._clock.due(self._timeline)

    def deadline(self, k: int) -> float:
        """When block ``k`` is to be sent as things stand; infinite before the first audio."""
        segment = self._timeline.of(k)
        return segment.schedule.due(k) if segment else math.inf

    def captured(self, k: int) -> float | None:
        """When the first sample of block ``k`` came in; None for a block of no known segment."""
        segment = self._timeline.of(k)
        return segment.schedule.captured(k) if segment and k >= segment.start else None

    @property
    def sent_k(self) -> int | None:
        """The last block that was sent."""
        return self._sent.k

    @property
    def shown_k(self) -> int | None:
        """The block of the last frame that was shown."""
        return self._sent.frame_k

    @property
    def stats(self) -> PlayoutStats:
        return self._counters.stats(
            k=self._sent.k, delay_ms=self._sent.delay * 1000, max_delay_ms=round(self._delay.max * 1000)
        )

    @property
    def max_delay_ms(self) -> float:
        """The bound of the delay."""
        return self._delay.max * 1000

    @property
    def lacking(self) -> int:
        """Blocks so far that were sent without a frame of their own."""
        return self._counters.repeats[Repeat.NO_FRAME]

    @property
    def waiting(self) -> int:
        """Blocks that wait to be sent; bounded by the max delay."""
        return sum(len(segment.waiting) for segment in self._timeline)

    # -- in

    def push_audio(self, block: Block, now: float) -> None:
        """Block ``block.k`` became whole at ``now``. Raises ``ValueError`` where k does not rise.

        A break in k begins a new segment, as :meth:`seek` does.
        """
        k = block.k
        segment = self._timeline.open_for(block)
        if segment is None:
            segment = self._begin(k, now)
        else:
            before = segment.schedule.captured(k)
            segment.schedule.arrived(k, now)
            if not segment.settling:
                self._delay.rebase(segment.schedule.captured(k) - before)
        if self._too_late(segment, k, now):
            if not self._late_audio.paused(now):
                segment.end = self._timeline.end = k + 1
                self._counters.skips[Skip.LATE] += 1
                return
            segment = self._begin(k, now)
        segment.end = self._timeline.end = k + 1
        segment.waiting[k] = Waiting(block.pcm, loudness(block.pcm), block.silent)
        if segment.settling:
            wanted = segment.schedule.captured(segment.next) + self._delay.target
            segment.schedule.move(max(wanted, now) - segment.schedule.due(segment.next))
        while len(segment.waiting) > self._delay.max / BLOCK_S + 2:
            self._skip(segment, next(iter(segment.waiting)), Skip.BOUND)
            segment.schedule.move(-BLOCK_S)

    def push_frames(self, k: int, frames: Sequence[Frame], now: float, *, early: bool = False) -> None:
        """The frames of blocks ``k, k + 1, …`` came at ``now``. ``early``: they were asked for before their blocks
        came, so it is no news that they are not late."""
        segment = self._learns_from(k)
        if segment is not None:
            required = now - segment.schedule.captured(k)
            if k >= segment.start + SETTLE_BLOCKS and not early:
                self._delay.observe(required, now)
            if k < segment.next and required > segment.schedule.delay and self._delay.grow(required, now):
                segment.stretch(self._delay.target)
        for i, frame in enumerate(frames):
            drop = self._accept(k + i, frame)
            if drop is not None:
                self._counters.drops[drop] += 1

    def push_missing(self, k: int, takes: float, now: float) -> None:
        """There will be no frame of block ``k``: its window was given up at ``now`` as too late, and would have
        taken ``takes`` seconds more. The delay grows as if the frame had come late; without that it would never
        learn that it is too short."""
        segment = self._learns_from(k)
        if segment is None:
            return
        required = max(now + takes - segment.schedule.captured(k), segment.schedule.delay)
        self._delay.observe(required, now)
        if self._delay.grow(required, now):
            segment.stretch(self._delay.target)

    def expect(self, takes: float, now: float) -> None:
        """A window that was asked for ahead of time took ``takes`` seconds: before there are others, that says what
        delay frames will require."""
        self._delay.expect(takes, now)

    def expect_usual(self, takes: float) -> None:
        """Beyond the wait for their audio, frames of all sessions took ``takes`` seconds lately: those of this one are
        not expected to take less."""
        self._delay.usual = takes

    # -- out

    def tick(self, now: float) -> Tick | None:
        """What to send now, None where nothing is due yet. Exactly one tick falls to every 40 ms."""
        due, upcoming = self.due, self._clock.upcoming(self._timeline)
        if due is None or upcoming is None or now < due - EARLY_S:
            return None
        missed = self._clock.tick(upcoming, now)
        if missed:
            self._counters.miss(missed)
        nominal = upcoming + missed * BLOCK_S
        while (over := self._timeline.advance(nominal)) is not None:
            self._discard(over)
        segment = self._timeline.current
        assert segment is not None
        k = self._choose(segment, nominal, now, Skip.STALL if missed else Skip.LATE)
        tick = self._send(segment, k, now)
        self._delay.review(now)
        self._slew(segment)
        if self._growing.target is None:
            self._delay.bind(segment.schedule.delay)
        return tick

    # -- changes

    def prepare(self, hop: int, lookahead: int, max_delay_ms: int, *, generate_ms: float = 0.0) -> None:
        """Windows are to have another shape soon: let the delay grow to what those are going to need, by holding a
        tick now and then. No block is lost, and no picture is held for more than two ticks. To be called again as
        often as one likes, until :attr:`prepared`; ``generate_ms`` is what a step is known to take. Meanwhile the
        larger of both bounds holds. Raises ``ValueError`` like the constructor."""
        target = self._delay.needed(hop, lookahead, max_delay_ms / 1000, generate_ms / 1000)
        self._growing.target = target
        self._delay.extend(target, max_delay_ms / 1000)

    @property
    def prepared(self) -> bool:
        """Whether the delay is as long as what was prepared needs. It is where nothing was sent yet."""
        segment = self._timeline.current
        return segment is None or segment.settling or self._growing.missing(segment) < EARLY_S

    def unprepare(self) -> None:
        """Windows keep their shape. A delay that has grown comes down by quiet blocks. Nothing happens where nothing
        was prepared."""
        if self._growing.target is not None:
            self._growing.target = None
            self._delay.contract()
            self._shrinking.move(quiet_only=True)

    def set_preset(
        self, hop: int, lookahead: int, max_delay_ms: int, *, generate_ms: float = 0.0, quiet_only: bool = False
    ) -> None:
        """Windows have another shape from the next one on. A delay that is too long for them comes down by skipping
        blocks; with ``quiet_only``, none that anybody would miss. Its bound comes down with it. A delay that is too
        short, as it was not prepared, grows when frames are late. ``generate_ms`` as in :meth:`prepare`. Raises
        ``ValueError`` like the constructor."""
        self._delay.set_preset(hop, lookahead, max_delay_ms / 1000, generate_ms / 1000)
        self._growing.target = None
        self._interruption.learn_from = -math.inf if self._timeline.end is None else self._timeline.end
        self._shrinking.move(quiet_only=quiet_only, old_until=self._interruption.learn_from)
        if self._timeline.current is None:
            self._delay.bind(0.0)
        for segment in self._timeline:
            if segment.settling:
                segment.stretch(self._delay.target)

    @property
    def moving(self) -> bool:
        """Whether the delay is on its way to what another shape of windows needs."""
        return self._growing.target is not None or self._shrinking.moving

    def settled(self, k: int) -> bool:
        """Whether what block ``k`` waits is what blocks wait with windows of this shape."""
        return not self.moving and k >= self._interruption.learn_from

    def seek(self, k: int, *, restart: bool = False) -> None:
        """The next block to come is ``k`` or later. What came before goes on being sent until that is due; the
        segment that begins is timed by its own arrival, with ``restart`` by the delay that is usually required even
        where the target had grown. Raises ``ValueError`` for a block that has come already."""
        self._timeline.seek(k)
        if restart:
            self._delay.restart()

    def restart_from(self, k: int) -> int | None:
        """The engine restarts with block ``k``, which has come and is not yet due. Returns the block of the frame that
        will be shown last before it, None if there is none: that is what the engine goes on from. Windows before
        ``k`` that are under way are given up, and teach nothing."""
        self._interruption.learn_from = max(self._interruption.learn_from, k)
        start = self.deadline(k)
        last = self.shown_k
        for segment in self._timeline:
            for waits, entry in segment.waiting.items():
                if waits < k and entry.frame is not None and segment.schedule.due(waits) < start - GAP_S:
                    last = waits if last is None else max(last, waits)
        return last

    def last_frame(self, k: int) -> int | None:
        """The block of the last frame that there is of blocks before ``k``, shown or not; None where there is none."""
        last = self.shown_k
        for segment in self._timeline:
            for waits, entry in segment.waiting.items():
                if waits < k and entry.frame is not None:
                    last = waits if last is None else max(last, waits)
        return last

    def close(self) -> None:
        """Nothing is sent any more: the frames that wait, and the one that is shown, are let go. Whatever else holds a
        session that has ended, its frames are most of its memory."""
        self._timeline.clear()
        self._sent.frame = None

    def take_back(self, k: int) -> None:
        """Blocks from ``k`` on that were not sent yet lose their frames, to get others. Those of blocks that have come
        already are asked for late, and teach nothing."""
        for segment in self._timeline:
            for waits, entry in segment.waiting.items():
                if waits >= k:
                    entry.frame = None
        if self._timeline.end is not None:
            self._interruption.learn_from = max(self._interruption.learn_from, self._timeline.end)

    def interrupt(self) -> int | None:
        """Drop every block and frame that was not sent yet, also the frames still to come for
        blocks that came. Returns the block of the last frame shown, None if there was none.
        The last frame holds, with silence, until the next block is due."""
        for segment in self._timeline:
            for k in list(segment.waiting):
                self._skip(segment, k, Skip.INTERRUPT)
            segment.next = segment.end
        if self._timeline.end is not None:
            self._interruption.unwanted = self._interruption.learn_from = self._timeline.end
        self._interruption.holds = True
        return self.shown_k

    # -- time

    def _begin(self, k: int, now: float) -> Segment:
        segment, displaced = self._timeline.begin(k, now, self._delay.target)
        if displaced is not None:
            self._discard(displaced)
        self._late_audio.forget()
        return segment

    def _learns_from(self, k: int) -> Segment | None:
        """The segment of block ``k`` if its frame, which comes now or never, says what delay is required."""
        segment = self._timeline.of(k)
        if segment is None or k < segment.start or not self._interruption.learn_from <= k < segment.end:
            return None
        return segment

    def _too_late(self, segment: Segment, k: int, now: float) -> bool:
        """Whether block ``k`` missed its tick for good. If the max delay allows it, the delay grows instead."""
        upcoming, nominal = self._clock.upcoming(self._timeline), self._clock.nominal
        if segment.settling or self._timeline.current is not segment or nominal is None or upcoming is None:
            return False
        if k >= segment.schedule.block_at(upcoming):
            return False
        soonest = max(now, nominal + GAP_S)
        required = soonest - segment.schedule.captured(k)
        if self._late_audio.is_burst(now) and required <= self._delay.max:
            return True  # the end of a burst: it would only carry the delay up to its max
        if self._delay.grow(required, now):
            segment.schedule.move(soonest - segment.schedule.due(k))
            return False
        return True

    def _slew(self, segment: Segment) -> None:
        schedule = segment.schedule
        missing = max(self._growing.missing(segment), self._delay.required - schedule.delay)
        if missing > 0:
            schedule.move(min(SLEW_S, missing))
        elif self._growing.target is None and 0 < schedule.delay - self._delay.target < BLOCK_S:
            schedule.move(-min(SLEW_S, schedule.delay - self._delay.target))

    # -- blocks

    def _choose(self, segment: Segment, nominal: float, now: float, reason: Skip) -> int:
        """The block for this tick; what must not be sent any more is skipped on the way."""
        k = segment.schedule.block_at(nominal)
        for old in [old for old in segment.waiting if old < k]:
            self._skip(segment, old, reason)
        while k in segment.waiting and now - segment.schedule.captured(k) > self._delay.max:
            self._skip(segment, k, Skip.BOUND)
            if segment.schedule.delay <= self._delay.max:
                return k  # only this tick is late, the schedule is not
            segment.schedule.move(-BLOCK_S)
            k += 1
        if self._growing.holds(segment, k, shown_again=self._counters.shown_again):
            segment.schedule.move(BLOCK_S)
            k -= 1
        elif self._growing.target is None and self._shrinking.skips(segment, k, self._delay.target, now):
            self._skip(segment, k, Skip.SHRINK)
            segment.schedule.move(-BLOCK_S)
            k += 1
        return k

    def _discard(self, segment: Segment) -> None:
        for k in list(segment.waiting):
            self._skip(segment, k, Skip.DISCONTINUITY)

    def _skip(self, segment: Segment, k: int, reason: Skip) -> None:
        entry = segment.skip(k)
        self._counters.skips[reason] += 1
        if entry.frame is not None:
            self._counters.drops[Drop.INTERRUPT if reason is Skip.INTERRUPT else Drop.SKIPPED] += 1

    def _accept(self, k: int, frame: Frame) -> Drop | None:
        if k < self._interruption.unwanted:
            return Drop.INTERRUPT
        segment = self._timeline.of(k)
        if segment is None or k >= segment.end:
            return Drop.UNKNOWN
        entry = segment.waiting.get(k)
        if entry is None:
            return Drop.LATE
        if entry.frame is not None:
            return Drop.DUPLICATE
        entry.frame = frame
        return None

    def _send(self, segment: Segment, k: int, now: float) -> Tick:
        kind, pcm, reason = Kind.HOLD, np.zeros(BLOCK_SAMPLES, np.float32), self._why_hold(segment, k)
        entry = segment.take(k)
        sent = self._sent
        if entry is not None:
            kind, pcm, reason = Kind.REPEAT, entry.pcm, Repeat.NO_FRAME
            self._interruption.holds = False
            sent.k, sent.delay = k, now - segment.schedule.captured(k)
            if entry.frame is not None:
                kind = Kind.FRESH
                sent.frame, sent.frame_k, sent.loudness = entry.frame, k, entry.loudness
        if reason in (Repeat.NO_FRAME, Repeat.NO_AUDIO) and kind is not Kind.FRESH:
            self._delay.underrun(now)
        self._counters.tick(fresh=kind is Kind.FRESH, blank=sent.frame is None, reason=reason)
        block = None if entry is None else k
        return Tick(self._clock.index, kind, block, pcm, sent.frame, sent.frame_k, sent.loudness, sent.delay * 1000)

    def _why_hold(self, segment: Segment, k: int) -> Repeat:
        """Why there is nothing to send, if block ``k`` has not come."""
        if self._interruption.holds:
            return Repeat.INTERRUPT
        if self._growing.held:
            return Repeat.MOVE
        return Repeat.GROWTH if k < segment.next else Repeat.NO_AUDIO
