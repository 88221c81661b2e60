"""What a caller saw and heard, from its recording."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from livehead.bench.latency.alignment import align
from livehead.bench.latency.recorders.counters import Unwrapped
from livehead.bench.latency.recorders.recording import DecodedFrame, Recording
from livehead.bench.latency.skew import skew
from livehead.bench.latency.stimulus import Stimulus
from livehead.core.latency import percentiles

LOUD = 8
SERVER_PARTS = 5
"""Of a traced block: the times before encoding, which is no part of the delay."""


@dataclass(frozen=True)
class Judged:
    """Times are monotonic seconds. ``frames`` holds each block's first frame, by its k, within the measurement."""

    recording: Recording
    source: Stimulus
    frames: Mapping[int, DecodedFrame]

    @classmethod
    def of(cls, recording: Recording, source: Stimulus) -> Judged:
        unwrap = Unwrapped(16)
        first: dict[int, DecodedFrame] = {}
        for seen in recording.frames:
            if seen.k is not None and recording.begins <= seen.decoded < recording.ends:
                first.setdefault(unwrap(seen.k), seen)
        return cls(recording, source, first)

    @property
    def seconds(self) -> float:
        return self.recording.ends - self.recording.begins

    @property
    def fps(self) -> float:
        """Frames a second, repeats not counted."""
        return len(self.frames) / self.seconds

    @property
    def longest_gap(self) -> float:
        """Seconds without a new frame."""
        times = [self.recording.begins, *sorted(seen.decoded for seen in self.frames.values()), self.recording.ends]
        return max(after - before for before, after in pairwise(times))

    @property
    def concealed(self) -> float:
        """Share of the caller's audio that the server had to make up, 0 to 1."""
        told = self.figures()
        (_, first), (_, last) = told[0], told[-1]
        return float(last["concealed_ms"] - first["concealed_ms"]) / (40 * (last["k"] - first["k"]))

    @property
    def delays(self) -> list[tuple[float, float]]:
        """For each frame that was sent, when, and its block's delay in the server in milliseconds."""
        blocks = [block for _, told in self.recording.stats for block in told.get("blocks", ())]
        return [(block[1], sum(block[2 : 2 + SERVER_PARTS])) for block in blocks]

    @property
    def bound_ms(self) -> float:
        return float(self.figures()[0][1]["bound_ms"])

    def figures(self) -> list[tuple[float, Mapping[str, Any]]]:
        """What the server told while it was measured, and when that came."""
        return [(at, told) for at, told in self.recording.stats if self.recording.begins <= at <= self.recording.ends]

    def delay(self, begins: float, ends: float) -> float:
        """The median delay in the server between two times, in milliseconds."""
        return percentiles(ms for at, ms in self.delays if begins <= at < ends).p50

    def buffered(self, begins: float, ends: float) -> float:
        """The median time from the first sample of a block to its last one's coming, in milliseconds."""
        blocks = [block for _, told in self.recording.stats for block in told.get("blocks", ())]
        return percentiles(block[2] for block in blocks if begins <= block[1] < ends).p50

    def latencies(self) -> list[tuple[float, float]]:
        """For each frame: when it was there, and how many milliseconds after its audio was spoken."""
        blocks = sorted(self.frames)
        power = self.source.power
        at = align(power, [(k, self.frames[k].loudness or 0) for k in blocks])
        began = self.recording.began
        return [(self.frames[k].decoded, (self.frames[k].decoded - began) * 1000 - at.heard_ms(k)) for k in blocks]

    def skews(self) -> list[float]:
        """The frame behind the voice in milliseconds, as a browser plays them."""
        blocks = sorted(self.frames)
        power = self.source.power
        at = align(power, [(k, self.frames[k].loudness or 0) for k in blocks])
        shown = [(k, self.frames[k].timestamp, self.frames[k].decoded) for k in blocks]
        return list(skew(self.recording, power, shown, at).played)

    def bursts(self) -> tuple[int, int, int]:
        """How many bursts were spoken, how many of them were seen and how many heard within a second."""
        times = [self.recording.began + onset for onset in self.source.onsets]
        spoken = [at for at in times if self.recording.begins <= at < self.recording.ends - 1]
        loud = sorted(seen.decoded for seen in self.frames.values() if (seen.loudness or 0) >= LOUD)
        heard = sorted(audio.arrived for audio in self.recording.audio_packets if max(audio.power) > 0.01)
        return len(spoken), sum(_soon(loud, at) for at in spoken), sum(_soon(heard, at) for at in spoken)


def _soon(times: list[float], at: float) -> bool:
    place = bisect_right(times, at)
    return place < len(times) and times[place] < at + 1.0
