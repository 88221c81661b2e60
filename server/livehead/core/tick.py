"""What the playout sends every 40 ms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from livehead.core.media import Pcm, Picture


class Kind(StrEnum):
    FRESH = "fresh"
    """A block and its own picture."""
    REPEAT = "repeat"
    """A block, and the previous picture again."""
    HOLD = "hold"
    """No block: silence, and the previous picture again."""


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """What to send now. ``index`` rises by one a tick, by more where ticks were missed: it is the
    media time of both tracks in blocks. ``k`` is the block of ``pcm``, float32 ``(640,)``, None for
    silence. ``picture`` is None before the first one came; ``picture_k`` and ``loudness`` (0 … 15)
    are those of the block that the picture shows. ``delay_ms`` is the block's."""

    index: int
    kind: Kind
    k: int | None
    pcm: Pcm
    picture: Picture | None
    picture_k: int | None
    loudness: int
    delay_ms: float
