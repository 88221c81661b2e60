"""Where a block's time goes: stamps per block, a breakdown, percentiles over the last blocks.

All times are seconds of one monotonic clock, passed in.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import pairwise


class Stamp(StrEnum):
    """The moments of a block's life, in order."""

    CAPTURED = "captured"
    """Its first sample came in."""
    CUT = "cut"
    """Its last sample left the jitter buffer: the block is whole."""
    SUBMITTED = "submitted"
    """The window that holds it was full and went to the engine."""
    STARTED = "started"
    """The engine began the step that makes its frame."""
    GENERATED = "generated"
    """Its frame was ready in the server."""
    DUE = "due"
    """The playout took it."""
    SENT = "sent"
    """Its encoded frame was handed to the socket."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A block's way from its first sample to the socket in milliseconds; the parts add up to ``total``."""

    buffer: float
    """First sample to whole block: the jitter buffer and the block's own 40 ms."""
    window: float
    """Waiting for the rest of the hop and the lookahead."""
    queue: float
    generate: float
    playout: float
    """The frame waiting for its turn."""
    send: float
    """Encoding and handing over."""
    total: float


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of a figure in milliseconds over the last blocks; all 0 while nothing was measured."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0


STAGES = tuple(field.name for field in fields(Breakdown))
_ORDER = tuple(Stamp)


class Latency:
    """Collects the stamps of one session. At most ``open_blocks`` blocks are under way and
    ``window`` finished ones are remembered, as plain tuples of the parts, which are no work for the garbage collector;
    the oldest give way."""

    def __init__(self, *, window: int = 250, open_blocks: int = 512) -> None:
        self._open: OrderedDict[int, dict[Stamp, float]] = OrderedDict()
        self._open_blocks = open_blocks
        self._done: deque[tuple[float, ...]] = deque(maxlen=window)
        self._generate: deque[float] = deque(maxlen=window)

    def stamp(self, k: int, stamp: Stamp, at: float, *, hop: int = 1) -> None:
        """Note a moment for blocks ``k … k + hop - 1``. The first note of a moment counts."""
        for block in range(k, k + hop):
            stamps = self._open.get(block)
            if stamps is None:
                if stamp is not Stamp.CAPTURED:
                    continue  # finished, forgotten or never begun
                stamps = self._open[block] = {}
                if len(self._open) > self._open_blocks:
                    self._open.popitem(last=False)
            stamps.setdefault(stamp, at)

    def generated(self, k: int, hop: int, *, submitted: float, started: float, finished: float) -> None:
        """Note a whole step at once: the engine's own times, seconds of the same clock."""
        self.stamp(k, Stamp.SUBMITTED, submitted, hop=hop)
        self.stamp(k, Stamp.STARTED, started, hop=hop)
        self.stamp(k, Stamp.GENERATED, finished, hop=hop)
        self._generate.append((finished - started) * 1000)

    def sent(self, k: int, at: float) -> Breakdown | None:
        """Finish block ``k``. None when one of its stamps is missing: its frame never came, say."""
        stamps = self._open.pop(k, None)
        if stamps is None:
            return None
        stamps[Stamp.SENT] = at
        if len(stamps) != len(_ORDER):
            return None
        parts = tuple((stamps[b] - stamps[a]) * 1000 for a, b in pairwise(_ORDER))
        done = (*parts, (at - stamps[Stamp.CAPTURED]) * 1000)
        self._done.append(done)
        return Breakdown(*done)

    def forget(self, before: int) -> None:
        """Drop what is open before block ``before``: it was skipped or interrupted."""
        for k in [k for k in self._open if k < before]:
            del self._open[k]

    @property
    def generate_ms(self) -> Percentiles:
        """Of the engine's steps, also those whose frames came too late."""
        return percentiles(self._generate)

    def breakdown(self) -> Mapping[str, Percentiles]:
        """Percentiles of every part, by the names of :class:`Breakdown`."""
        return {stage: percentiles(done[place] for done in self._done) for place, stage in enumerate(STAGES)}

    def mean(self) -> Breakdown | None:
        """The mean of every part. Means add up, percentiles do not."""
        if not self._done:
            return None
        count = len(self._done)
        return Breakdown(*(sum(values) / count for values in zip(*self._done, strict=True)))


def percentiles(values: Iterable[float]) -> Percentiles:
    """Nearest-rank percentiles."""
    ranked = sorted(values)
    return Percentiles(rank(ranked, 0.50), rank(ranked, 0.95), rank(ranked, 0.99))


def rank(ranked: list[float], share: float) -> float:
    """The smallest of the sorted values that ``share`` of them do not pass; 0 if there are none."""
    if not ranked:
        return 0.0
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]
