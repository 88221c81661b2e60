"""Whether what a generator gave can be shown: one that is wrong about a stream must not end the worker of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from livehead.engine.base import Frames, GeneratorInfo
from livehead.engine.ipc.messages import Submit
from livehead.errors import EngineError


def check_count(frames: Sequence[Any], batch: Sequence[Submit]) -> None:
    """Raises :class:`EngineError` where it is not known which frames are whose."""
    if len(frames) != len(batch):
        raise EngineError(f"a step with {len(batch)} streams gave the frames of {len(frames)}")


def checked(frames: Frames | None, window: Submit, info: GeneratorInfo, *, halves: int) -> Frames:
    """The frames of a window as they are. ``halves`` is 2 where their lower half is alpha. Raises :class:`EngineError`
    for what cannot be shown."""
    if frames is None:
        raise EngineError("the model gave no numbers")
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        raise EngineError(f"frames are {getattr(frames, 'dtype', type(frames).__name__)}, not uint8")
    wanted = (window.hop, halves * (info.height * 3 // 2), info.width)
    if frames.shape != wanted:
        raise EngineError(f"frames are of shape {frames.shape}, not {wanted}")
    return frames
