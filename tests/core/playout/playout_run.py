"""A session without its shells: audio and frames arrive as a script says, and every tick is checked.

The checks know nothing of how the playout works. They compare what was handed in with what came out.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Block
from livehead.core.frame import Frame
from livehead.core.playout.playout import Playout
from livehead.core.playout.tick import Kind, Tick
from livehead.core.windows import Windows

EPS = 1e-6
I420 = np.zeros((48, 32), np.uint8)


def audio(k: int, level: float) -> np.ndarray:
    """640 samples that say which block they are."""
    pcm = np.full(BLOCK_SAMPLES, level, np.float32)
    pcm[::2] *= -1
    pcm[0] = np.float32(k % 4096) / 8192 * level
    return pcm


@dataclass(eq=False)
class Run:
    """Feeds a playout. ``late(k)`` is how late block k is whole, ``takes(k)`` how long the engine needs
    for the window of block k (None: it never comes), ``oversleeps(n)`` how late tick n is asked for,
    ``level(k)`` the amplitude, ``pace`` the length of a second of the microphone's clock;
    ``silent``: blocks say that they are."""

    hop: int = 1
    lookahead: int = 0
    max_delay_ms: int = 200
    late: Callable[[int], float] = lambda k: 0.0
    takes: Callable[[int], float | None] = lambda k: 0.010
    oversleeps: Callable[[int], float] = lambda n: 0.0
    level: Callable[[int], float] = lambda k: 0.1
    pace: float = 1.0
    silent: bool = False
    keep_ticks: bool = True

    now: float = 1000.0
    ticks: list[tuple[float, Tick]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.playout = Playout(hop=self.hop, lookahead=self.lookahead, max_delay_ms=self.max_delay_ms)
        self.windows = Windows(self.hop, self.lookahead)
        self.bound = self._held = self._preset_bound = self.max_delay_ms / 1000
        self.prepares = False
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._asked = 0
        self._pending: float | None = None
        self._mic = self.now  # when the first sample of the next block is spoken
        self._whole = self.now
        self.next_k = 0
        self.pushed: dict[int, float] = {}
        self.blocks = self.frames = 0
        self._given: dict[int, list[Frame]] = {}
        self._last: Tick | None = None
        self._last_at = self._sought_at = -1e9
        self._sent_k: int | None = None
        self.sent = self.fresh = self.again = self.blank = 0
        self.recent: deque[tuple[float, Tick]] = deque(maxlen=25)

    # -- the script

    def at(self, time: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), do))

    def speak(self, blocks: int) -> Run:
        """So many blocks of the microphone, then run until the last of them came."""
        for _ in range(blocks):
            self._mic += BLOCK_S * self.pace
            k = self.next_k
            self.next_k += 1
            self._whole = max(self._whole, self._mic + self.late(k))
            self.at(self._whole, lambda k=k: self.push(k))
        return self.run_until(self._whole)

    def pause(self, seconds: float) -> Run:
        """The microphone's clock stands still."""
        self._mic += seconds
        return self

    def push(self, k: int) -> None:
        pcm = audio(k, self.level(k))
        self.pushed[k] = self.now
        if k < self.windows.next_block:
            return
        cut = self.windows.push(k * BLOCK_SAMPLES, pcm)
        for block in cut.blocks:
            self.pushed.setdefault(block.k, self.now)
            self.blocks += 1
            self.playout.push_audio(Block(block.k, block.pcm, self.silent), self.now)
        for window in cut.windows:
            takes = self.takes(window.k)
            if takes is not None:
                self.at(self.now + takes, lambda k=window.k, hop=window.hop: self.give(k, hop))

    def give(self, k: int, hop: int) -> None:
        frames = [Frame(I420) for _ in range(hop)]
        for i, frame in enumerate(frames):
            self._given.setdefault(k + i, []).append(frame)
        self.frames += hop
        self.playout.push_frames(k, frames, self.now)

    def seek(self, blocks: int) -> None:
        """Go on so many blocks further on."""
        self._sought_at = self.now
        self.next_k = max(self.next_k, self.windows.next_block) + blocks
        self.windows.seek(self.next_k)
        self.playout.seek(self.next_k)

    def interrupt(self) -> int | None:
        shown = self.playout.interrupt()
        assert shown == (self._last.frame_k if self._last else None)
        self._interrupted_before = self.windows.next_block
        return shown

    def prepare(self, hop: int, lookahead: int, max_delay_ms: int) -> None:
        self.prepares = True
        self.playout.prepare(hop, lookahead, max_delay_ms)
        self.bound = max(self.bound, max_delay_ms / 1000)

    def unprepare(self) -> None:
        self.prepares = False
        self.playout.unprepare()

    def set_preset(self, hop: int, lookahead: int, max_delay_ms: int, *, quiet_only: bool = False) -> None:
        self.prepares = False
        self.windows.set_hop(hop, lookahead)
        self.playout.set_preset(hop, lookahead, max_delay_ms, quiet_only=quiet_only)
        self._preset_bound = max_delay_ms / 1000
        self.bound = max(self.bound, self._preset_bound)  # until the delay is within it

    # -- the clock

    def run_until(self, end: float) -> Run:
        while True:
            due = self.playout.due
            wake = None
            if due is not None:
                # like a sleeping task: it wakes late by so much, and looks again
                wake = max(self.now, due + self.oversleeps(self._asked))
            event = self._events[0][0] if self._events else None
            if event is not None and event <= end and (wake is None or event <= wake):
                self.now = max(self.now, event)
                heapq.heappop(self._events)[2]()
            elif wake is not None and wake <= end:
                self.now = wake
                self._asked += 1
                self._take(self.playout.tick(self.now))
            else:
                self.now = max(self.now, end)
                return self

    # -- the checks

    def _take(self, tick: Tick | None) -> None:
        assert tick is not None, "a tick that is due was refused"
        last = self._last
        assert self.now - self._last_at >= 0.02 - EPS, "a burst"
        if last is not None:
            assert tick.index > last.index
        if tick.k is None:
            assert tick.kind is Kind.HOLD
            assert not tick.pcm.any()
        else:
            assert self._sent_k is None or tick.k > self._sent_k, "audio went backwards, or was sent twice"
            self._sent_k = tick.k
            self.sent += 1
            assert np.array_equal(tick.pcm, audio(tick.k, self.level(tick.k))), "another block's audio"
            assert self.now - (self.pushed[tick.k] - BLOCK_S * min(1.0, self.pace)) <= self.bound + EPS, (
                "past the bound"
            )
            assert tick.delay_ms <= self.bound * 1000 + EPS
            if tick.delay_ms <= self._preset_bound * 1000 - 2 and not self.prepares:
                self.bound = self._preset_bound
        if tick.kind is Kind.FRESH:
            self.fresh += 1
            assert tick.frame_k == tick.k, "audio and frame apart"
            assert any(tick.frame is given for given in self._given[tick.k]), "a frame that is not this block's"
        elif tick.frame is None:
            self.blank += 1
            assert last is None or last.frame is None, "the frame vanished"
        else:
            self.again += 1
            assert last is not None
            assert tick.frame is last.frame, "neither a fresh frame nor the previous one"
            assert (tick.frame_k, tick.loudness) == (last.frame_k, last.loudness)
        self._last, self._last_at = tick, self.now
        self.recent.append((self.now, tick))
        if self.keep_ticks:
            self.ticks.append((self.now, tick))
        assert self.playout.due is not None
        assert self.playout.due >= self.now + 0.02 - EPS
        # the bound may have been larger a moment ago; around a discontinuity there are two segments
        self._held = max(self.bound, self._held - BLOCK_S / 2)
        segments = 1 + (self.now - self._sought_at < self._held)
        assert self.playout.waiting <= segments * (self._held / BLOCK_S + 3), "blocks pile up"

    def check_totals(self) -> None:
        """Everything that was handed in went out, was counted under a name, or still waits."""
        stats = self.playout.stats
        assert stats.ticks == stats.fresh + stats.repeated + stats.blank == self._asked
        assert (stats.fresh, stats.repeated, stats.blank) == (self.fresh, self.again, self.blank)
        assert self.blocks == self.sent + stats.skipped + self.playout.waiting
        pending = self.frames - stats.fresh - stats.dropped
        assert 0 <= pending <= self.playout.waiting

    def drain(self) -> Run:
        """Run until nothing waits, so that the totals leave no room."""
        self.run_until(self.now + 8.0)
        assert self.playout.waiting == 0
        stats = self.playout.stats
        assert self.frames == stats.fresh + stats.dropped
        self.check_totals()
        return self

    def gaps(self) -> Iterator[float]:
        times = [time for time, _ in self.ticks]
        return (b - a for a, b in pairwise(times))

    def kinds(self, since: float = 0.0) -> list[Kind]:
        return [tick.kind for time, tick in self.ticks if time >= since]


def held(thing: object, seen: set[int] | None = None) -> int:
    """How many objects a playout keeps alive, containers counted by what is in them."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, (int, float, str, np.ndarray, type(None))):
        return 1
    seen.add(id(thing))
    inner: list[object] = []
    if isinstance(thing, dict):
        inner = [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set, deque)):
        inner = list(thing)
    else:
        inner = [getattr(thing, name) for name in [*getattr(thing, "__dict__", {}), *getattr(thing, "__slots__", ())]]
    return 1 + sum(held(each, seen) for each in inner)
