"""Whether something that a program holds goes on growing: memory, descriptors, threads, processes, shared memory.
Pure: no process is looked at, no clock.

A program warms up, and what it holds goes up and down with what it does. So the first part of the samples is left out,
and the rest, the plateau, is divided into up to 60 spans of equal length, whose means count. The slope through these is
Theil's and Sen's, the median of the slopes between all pairs of them (Sen, Journal of the American Statistical
Association 63, 1968), which neither outliers nor one step move. What levels off is no leak either: where the second
half of the plateau grows less than the whole, its slope is the one that counts, and where the two go opposite ways
there is none.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

WARM_UP = 0.4
"""Share of the samples' time that is left out."""

SPANS = 60
LEAST = 8
"""Samples that the plateau has at least."""


@dataclass(frozen=True, slots=True)
class Resource:
    """``allowed`` is how much it may grow over the plateau, in ``unit``, however short that is; ``allowed_hour`` how
    much more for each hour of it."""

    name: str
    unit: str
    allowed: float
    allowed_hour: float = 0.0


MEMORY = Resource("memory", "MB", 16.0, 8.0)
DESCRIPTORS = Resource("descriptors", "", 12.0)
THREADS = Resource("threads", "", 6.0)
PROCESSES = Resource("processes", "", 1.0)
SHARED_SEGMENTS = Resource("shared memory segments", "", 1.0)
SHARED_MEMORY = Resource("shared memory", "MB", 16.0)
DEVICE_MEMORY = Resource("device memory", "MB", 64.0, 16.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """``at`` is in seconds, since anything."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Growth:
    """``per_hour`` is the slope; ``begin`` and ``end`` are the line's values where the plateau begins and ends, and
    ``seconds`` is how long it is. ``limit`` is how much it may have grown."""

    resource: Resource
    begin: float
    end: float
    per_hour: float
    limit: float
    seconds: float

    @property
    def grown(self) -> float:
        return self.end - self.begin

    @property
    def leaks(self) -> bool:
        return self.grown > self.limit

    def __str__(self) -> str:
        """One sentence without its full stop: what it was, and how fast it grew."""
        name, unit = self.resource.name, self.resource.unit and f" {self.resource.unit}"
        size = f"from {self.begin:.1f} to {self.end:.1f}{unit} in {_duration(self.seconds)}"
        if not self.leaks:
            return f"{name} kept level, {size}"
        return f"{name} grew {size}, {self.per_hour:.1f}{unit} an hour; {self.limit:.1f}{unit} is allowed"


def judge(resource: Resource, samples: Sequence[Sample], warm_up: float = WARM_UP) -> Growth:
    """``samples`` are in the order of time; ``warm_up`` is the share of their time that is left out at the beginning.
    Raises ValueError where fewer than :data:`LEAST` are left: they say nothing."""
    since = samples[0].at + warm_up * (samples[-1].at - samples[0].at) if samples else 0.0
    plateau = [sample for sample in samples if sample.at >= since]
    if len(plateau) < LEAST:
        raise ValueError(f"{len(plateau)} samples of {resource.name} after the warm-up: {LEAST} are needed")
    seconds = plateau[-1].at - plateau[0].at
    marks = _means(plateau)
    whole, half = _slope(marks), _slope(marks[len(marks) // 2 :])
    slope = min(whole, half, key=abs) if whole * half > 0 else 0.0
    middle = plateau[0].at + seconds / 2
    level = statistics.median(mark.value - slope * (mark.at - middle) for mark in marks)
    return Growth(
        resource=resource,
        begin=level - slope * seconds / 2,
        end=level + slope * seconds / 2,
        per_hour=slope * 3600,
        limit=resource.allowed + resource.allowed_hour * seconds / 3600,
        seconds=seconds,
    )


def _means(plateau: Sequence[Sample]) -> list[Sample]:
    """Of each span, in the order of time; a span in which nothing was looked at has none."""
    spans = max(LEAST, min(SPANS, len(plateau) // 4))
    begin, length = plateau[0].at, plateau[-1].at - plateau[0].at
    parts: dict[int, list[Sample]] = {}
    for sample in plateau:
        span = min(spans - 1, int(spans * (sample.at - begin) / length)) if length else 0
        parts.setdefault(span, []).append(sample)
    return [
        Sample(statistics.fmean(each.at for each in part), statistics.fmean(each.value for each in part))
        for _, part in sorted(parts.items())
    ]


def _slope(marks: Sequence[Sample]) -> float:
    """Per second; 0 of fewer than two."""
    slopes = [(b.value - a.value) / (b.at - a.at) for a, b in combinations(marks, 2) if b.at > a.at]
    return statistics.median(slopes) if slopes else 0.0


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{seconds:.0f} s"
