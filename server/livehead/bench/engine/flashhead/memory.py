"""What a FlashHead takes of its card, and for what."""

from __future__ import annotations

import torch

from livehead.bench.engine.inputs import noise, portrait
from livehead.engine.base import Work
from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.runtime.device_memory import OUTSIDE_GB, DeviceMemory, taken


class MemoryMeter:
    """Reads once a model is loaded, once it is warmed up, and in the end. What is measured in between with large
    tensors of its own is left out by :meth:`go_on`. Nothing is counted where the device is the processor."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._loaded: DeviceMemory | None = None
        self._warm: DeviceMemory | None = None
        self._most = 0.0
        self._stream_mb = 0.0

    def loaded(self) -> None:
        self._loaded = taken(self._device)

    def warmed_up(self, engine: FlashHead) -> None:
        self._warm = before = taken(self._device)
        if before is None:
            return
        stream = engine.open(portrait(1), 1)
        engine.step([Work(stream, noise(engine.info.window, 1)[0], engine.info.window)])
        self._stream_mb = (self._now().allocated - before.allocated) * 1000
        engine.close(stream)
        self._most = self._now().most_reserved

    def go_on(self) -> None:
        """Forget what was allocated since then."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self._device)

    def figures(self) -> dict[str, float] | None:
        """In GB, a stream in MB: ``peak_gb`` is the most that was ever reserved, ``card_gb`` about what the process
        takes of the card."""
        if self._loaded is None or self._warm is None:
            return None
        now = self._now()
        most = max(self._most, now.most_reserved)
        return {
            "weights_gb": self._loaded.allocated,
            "graphs_gb": self._warm.pools,
            "stream_mb": self._stream_mb,
            "reserved_gb": now.reserved,
            "peak_gb": most,
            "card_gb": now.reserved + OUTSIDE_GB,
        }

    def _now(self) -> DeviceMemory:
        now = taken(self._device)
        assert now is not None
        return now
