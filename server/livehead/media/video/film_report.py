"""What is told of a film that was made offline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from livehead.core.block import FPS


@dataclass(frozen=True, slots=True)
class FilmReport:
    """``frames`` of 40 ms each, made in ``elapsed`` seconds."""

    out: Path
    frames: int
    elapsed: float

    @property
    def seconds(self) -> float:
        """Length of the video."""
        return self.frames / FPS

    @property
    def speed(self) -> float:
        """How many times faster than real time."""
        return self.seconds / max(self.elapsed, 1e-9)
