"""One segment of speech, as an agent calls an utterance: what was pushed of it, and how far it has been handed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from livehead.client import PlaybackResult
from livehead.core.block import BLOCK_S

ONSET = 328
"""Samples beyond this, of int16, are the first sound of a segment: -40 dBFS."""

Samples: TypeAlias = NDArray[np.int16]


@dataclass(slots=True, eq=False)
class Segment:
    """Times are in seconds of its own audio.

    ``onset`` is where its first sound is, None while there was only silence. ``played`` is how much was handed on;
    ``aligned`` says that this was counted from a sound whose place is known. ``waited`` are the blocks that were
    handed on since ``result`` came. ``starved``: it may have waited for samples, which counting does not see.
    ``peaks`` has the loudest sample of each block.
    """

    pushed: float = 0.0
    onset: float | None = None
    complete: bool = False
    started: bool = False
    begun: bool = False
    aligned: bool = False
    cleared: bool = False
    starved: bool = False
    played: float = 0.0
    waited: int = 0
    overrun: bool = False
    result: PlaybackResult | None = None
    peaks: list[int] = field(default_factory=list)

    def push(self, pcm: Samples, rate: int) -> None:
        """More of it, mono ``(n,)`` at ``rate`` Hz."""
        if self.onset is None:
            first = first_sound(pcm)
            if first is not None:
                self.onset = self.pushed + first / rate
        loud = np.abs(pcm.astype(np.int32))
        places = ((self.pushed + np.arange(len(pcm)) / rate) / BLOCK_S).astype(int)
        for place in np.unique(places).tolist():
            self.peaks += [0] * (place + 1 - len(self.peaks))
            self.peaks[place] = max(self.peaks[place], int(loud[places == place].max()))
        self.pushed += len(pcm) / rate

    @property
    def loud_now(self) -> bool:
        """Whether the block that is to be played, and those beside it, are surely no silence."""
        place = round(self.played / BLOCK_S)
        beside = self.peaks[max(0, place - 1) : place + 2]
        return len(beside) >= 2 and min(beside) > ONSET

    def settle(self, result: PlaybackResult) -> None:
        """The server has told how it ended."""
        self.result = result
        self.overrun = self.played >= self.pushed

    @property
    def interrupted(self) -> bool:
        """Whether it was cut short, as far as is known."""
        return self.cleared or (self.result is not None and self.result.interrupted)

    @property
    def position(self) -> float:
        """How much of it the room was given. What was spoken, where it was spoken to its end; where it was cut short,
        no more than the server has spoken and no more than was handed on."""
        if self.result is None:
            return min(self.played, self.pushed)
        spoken = self.result.spoken_ms / 1000
        return min(self.played, self.pushed, spoken) if self.interrupted else spoken


@dataclass(frozen=True, slots=True)
class SegmentPlayback:
    """What became of a segment. ``position``: seconds of its audio that were played, 0 when it started."""

    state: Literal["started", "finished", "interrupted"]
    position: float = 0.0


def first_sound(pcm: Samples) -> int | None:
    """Index of the first sample beyond :data:`ONSET`."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > ONSET)
    return int(loud[0]) if len(loud) else None
