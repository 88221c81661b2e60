"""How long each stage of a window takes, on the device's own clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class StageTimer:
    """Off until ``on`` is set; a stage then costs one comparison."""

    def __init__(self, device: torch.device) -> None:
        self.on = False
        self._cuda = device.type == "cuda"
        self._spans: list[tuple[str, torch.cuda.Event | float, torch.cuda.Event | float]] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time the work that is launched inside as stage ``name``."""
        if not self.on:
            yield
            return
        start = self._now()
        yield
        self._spans.append((name, start, self._now()))

    def take(self) -> dict[str, float]:
        """Milliseconds by stage since the last call. Waits for the device."""
        if self._cuda:
            torch.cuda.synchronize()
        result: dict[str, float] = {}
        for name, start, end in self._spans:
            if isinstance(start, float) and isinstance(end, float):
                length = (end - start) * 1000
            else:
                assert isinstance(start, torch.cuda.Event)
                assert isinstance(end, torch.cuda.Event)
                length = start.elapsed_time(end)
            result[name] = result.get(name, 0.0) + length
        self._spans.clear()
        return result

    def _now(self) -> torch.cuda.Event | float:
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
