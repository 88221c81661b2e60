"""What a player would see and hear of a film."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from livehead.core import test_pattern

RATE = 48_000


@dataclass(frozen=True)
class Played:
    """``codes`` has the time of every picture, in seconds, and what its test pattern says; ``sound`` is mono at 48 kHz,
    from time 0."""

    codes: list[tuple[float, test_pattern.Reading | None]]
    sound: NDArray[np.float32]
    last: NDArray[np.uint8]
    tags: dict[str, str]

    @cached_property
    def seen(self) -> list[float]:
        """When the test pattern became loud."""
        loud = [(at, code is not None and code.loudness >= 8) for at, code in self.codes]
        return [at for (_, before), (at, now) in pairwise(loud) if now and not before]

    @cached_property
    def heard(self) -> list[float]:
        """When the sound became loud, after a tenth of a second of silence."""
        loud = np.flatnonzero(np.abs(self.sound) > 0.1) / RATE
        return [float(at) for at in loud[np.diff(loud, prepend=-1.0) > 0.1]]

    def skews(self) -> list[float]:
        """Seconds from each onset that is seen to the one that is heard."""
        return [min((at - heard for heard in self.heard), key=abs) for at in self.seen]


def play(path: Path) -> Played:
    """What is whole of it, as players do."""
    with av.open(str(path)) as film:
        tags = dict(film.metadata)
        frames = [(float(frame.time), frame.to_ndarray(format="yuv420p")) for frame in decode(film, "video")]
        codes = [(at, test_pattern.read(i420[: len(i420) * 2 // 3])) for at, i420 in frames]
    with av.open(str(path)) as film:
        pieces = list(decode(film, "audio"))
        assert pieces[0].time == 0
        sound = np.concatenate([np.asarray(each.to_ndarray()).reshape(-1) for each in pieces])
    return Played(codes, sound, frames[-1][1], tags)


def decode(film: Any, kind: str) -> Iterator[Any]:
    for packet in film.demux(**{kind: 0}):
        if not packet.is_corrupt:
            yield from packet.decode()
