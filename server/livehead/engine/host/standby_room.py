"""Whether a second worker fits beside the one in use."""

from __future__ import annotations

from livehead.engine.ipc.messages import Footprint

DEVICE = 1.15
"""Times what the first one took of the device is to be free there."""

MEMORY = 2.0
MORE_GB = 1.0
"""Times what the first one takes of the machine's memory is to be free, and so much more: loading takes more for a
moment, and live sessions grow."""

CORES = 2
"""Generators on the processor keep one busy."""


def why_no_room(first: Footprint, *, on_cpu: bool, cores: float, free_gb: float) -> str | None:
    """What stands in the way and what it would take, None where it fits. ``first`` is what the first worker takes;
    ``free_gb`` is the machine's memory that is free now."""
    if on_cpu and cores < CORES:
        return f"it takes {CORES} cores, and there is {cores:g}"
    if first.device_memory is not None and first.device_free is not None:
        needed = DEVICE * first.device_memory
        if first.device_free < needed:
            return f"it takes {needed:.1f} GB of the device's memory, of which {first.device_free:.1f} GB are free"
    needed = MEMORY * first.memory + MORE_GB
    if free_gb < needed:
        return f"it takes {needed:.1f} GB of memory, of which {free_gb:.1f} GB are free"
    return None
