"""What the playout sends every 40 ms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from livehead.core.block import Pcm
from livehead.core.frame import Frame


class Kind(StrEnum):
    FRESH = "fresh"
    """A block and its own frame."""
    REPEAT = "repeat"
    """A block, and the previous frame again."""
    HOLD = "hold"
    """No block: silence, and the previous frame again."""


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """What to send now. ``index`` rises by one a tick, by more where ticks were missed: it is the
    media time of both tracks in blocks. ``k`` is the block of ``pcm``, float32 ``(640,)``, None for
    silence. ``frame`` is None before the first one came; ``frame_k`` and ``loudness`` (0 … 15)
    are those of the block that the frame shows. ``delay_ms`` is the block's."""

    index: int
    kind: Kind
    k: int | None
    pcm: Pcm
    frame: Frame | None
    frame_k: int | None
    loudness: int
    delay_ms: float
