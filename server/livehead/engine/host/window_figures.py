"""How the windows of all streams fared, since the server's start."""

from __future__ import annotations

from collections import Counter

from livehead.core.distribution import Distribution
from livehead.engine.ipc.messages import FramesReady, Submit

WAIT_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56)
STEP_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 0.8, 1.6)


class WindowFigures:
    """Those of live streams. ``asked`` is what was handed to the worker, ``made`` what its frames came of, ``late`` how
    many of these came after the time of their first frame, ``merged`` how many were stepped as one with the window
    before, ``dropped`` what gave no frames, by :data:`~livehead.engine.ipc.messages.DropReason`. ``waits`` are the
    times from asking to the beginning of the step, in seconds, ``steps`` what steps took, by how many windows shared
    one: those of films, too."""

    def __init__(self) -> None:
        self.asked = self.made = self.merged = self.late = 0
        self.dropped: Counter[str] = Counter()
        self.waits = Distribution(WAIT_S)
        self.steps: dict[str, Distribution] = {}

    def stepped(self, ready: FramesReady) -> None:
        """A step was made; told for each of the windows that shared it."""
        if ready.place == 0:
            name = batch_name(ready.batch)
            steps = self.steps.get(name)
            if steps is None:
                steps = self.steps[name] = Distribution(STEP_S)
            steps.observe(ready.done - ready.started)

    def answered(self, windows: list[Submit], ready: FramesReady) -> None:
        """The frames of these windows of one stream came, stepped as one."""
        self.made += len(windows)
        self.merged += max(0, len(windows) - 1)
        for window in windows:
            self.waits.observe(ready.started - window.submitted)
            self.late += ready.done > window.deadline


def batch_name(batch: int) -> str:
    """``1``, ``2``, ``3-4``, ``5-8``, …: few names, however large batches may be."""
    if batch <= 2:
        return str(batch)
    most = 1 << (batch - 1).bit_length()
    return f"{most // 2 + 1}-{most}"
