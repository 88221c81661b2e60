"""What this worker process takes of the machine's memory and of its device's."""

from __future__ import annotations

import psutil

from livehead.engine.base import EngineSpec
from livehead.engine.cuda_driver import cuda_memory
from livehead.engine.ipc.messages import Footprint

CONTEXT_GB = 0.5
"""Of a device, before anything is loaded: the driver's own."""


def device_of(spec: EngineSpec) -> str:
    """The device that a spec names, ``cpu`` where it names none."""
    return str(spec.options.get("device") or "cpu")


class FootprintMeter:
    """Made before anything is loaded. What others take of the device between then and :meth:`read` counts, too."""

    def __init__(self, spec: EngineSpec) -> None:
        self._device = device_of(spec)
        self._before = None if self._device == "cpu" else cuda_memory(self._device)

    def read(self) -> Footprint:
        """What is taken now."""
        memory = psutil.Process().memory_info().rss / 1e9
        now = None if self._before is None else cuda_memory(self._device)
        if self._before is None or now is None:
            return Footprint(memory)
        return Footprint(memory, max(0.0, self._before[0] - now[0]) + CONTEXT_GB, now[0])
