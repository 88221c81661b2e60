"""What a replay makes of every 40 ms."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.core.block import Pcm
from livehead.core.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """``pcm``, float32 ``(640,)``, was heard, and ``frame`` belongs to it. ``index`` is the media time of the live
    session in blocks."""

    index: int
    pcm: Pcm
    frame: Frame
