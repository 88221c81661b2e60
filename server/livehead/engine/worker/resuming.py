"""A stream goes on where another worker left it: as the worker does it, and as a replay does it again."""

from __future__ import annotations

from typing import Any

from livehead.engine.base import Generator, Resuming
from livehead.engine.resume_point import ResumePoint
from livehead.engine.worker.frame_history import FrameHistory


def resume(generator: Generator, state: Any, history: FrameHistory, point: ResumePoint) -> None:
    """``state`` is the generator's part of the stream that has ``history``. Raises what the generator raises."""
    shown = history.begin_at(point)
    if isinstance(generator, Resuming):
        generator.resume(state, shown, point.heard, point.made)
    else:
        generator.rewind(state, shown, 0)
