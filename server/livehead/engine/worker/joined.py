"""The samples of windows that are stepped as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.engine.ipc.messages import Submit
from livehead.engine.scheduling.run import Run


class HasPcm(Protocol):
    """``pcm`` is float32 ``((hop + lookahead) * 640,)``."""

    @property
    def hop(self) -> int: ...
    @property
    def pcm(self) -> Pcm: ...


def joined_pcm(windows: Sequence[HasPcm]) -> Pcm:
    """The hops of all of them, which follow one another, and the last one's lookahead."""
    *before, last = windows
    return np.concatenate([*(window.pcm[: window.hop * BLOCK_SAMPLES] for window in before), last.pcm])


def joined(run: Run[Submit]) -> Submit:
    """As one window: with the first one's place and deadline, and the hop of all."""
    if len(run.windows) == 1:
        return run.windows[0]
    return replace(run.windows[0], hop=run.hop, pcm=joined_pcm(run.windows))
