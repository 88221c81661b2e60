"""Step times as they were measured, for simulations: for each preset ``batch: (median, 95th percentile)`` in ms."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from livehead.engine.base import Preset
from livehead.engine.capacity.model import SLOW_FRAME_S, Capacity, StepTime, capacity

Times = Mapping[int, tuple[float, float]]


@dataclass(frozen=True)
class Device:
    """``times`` of each preset. On the CPU a step takes as long as it has frames, elsewhere as its batch is large:
    in between as the next larger one, or with ``parts`` as the steps of 4 and 1 that it is put together from."""

    presets: Mapping[str, Preset]
    times: Mapping[str, Times]
    on_cpu: bool = False
    mixed_hops: bool = True
    parts: bool = False

    def capacity(self, cores: float = 64.0) -> Capacity:
        steps = {
            name: [StepTime(batch, p50 / 1000, p95 / 1000) for batch, (p50, p95) in times.items()]
            for name, times in self.times.items()
        }
        return capacity(self.presets, steps, cores=cores, on_cpu=self.on_cpu)

    @property
    def slow_hour(self) -> float:
        """How many times as long steps take in the slow hour that admission reckons with."""
        return 1000 * SLOW_FRAME_S / next(iter(self.times.values()))[1][0] if self.on_cpu else 1.0

    def cost(self, seed: int) -> Callable[[int, int], float]:
        """What a step of (batch, frames) takes, in seconds: now and then as much as the slow ones that were seen."""
        chance = random.Random(seed)
        by_frames = {preset.hop: self.times[name] for name, preset in self.presets.items()}
        any_hop = next(iter(self.times.values()))

        def cost(batch: int, frames: int) -> float:
            times = by_frames[frames] if self.on_cpu else any_hop
            if self.parts and batch not in times:
                return batch // 4 * cost(4, 0) + batch % 4 * cost(1, 0)
            p50, p95 = times[min(size for size in times if size >= batch)]
            return (p50 if chance.random() < 0.9 else chance.uniform(p50, 1.05 * p95)) / 1000

        return cost


PREVIEW = Device(
    {"low": Preset(1, 0, 200), "balanced": Preset(1, 0, 400), "throughput": Preset(2, 0, 600)},
    {"low": {1: (4.2, 5.1)}, "balanced": {1: (4.2, 5.1)}, "throughput": {1: (8.2, 8.9)}},
    on_cpu=True,
)
"""The preview engine, 512², one core of a server's, as the worker times it when it starts."""

_LITE = {1: (132.1, 133.0), 2: (205.9, 218.0), 4: (386.3, 386.9), 8: (758.8, 760.0)}
_LITE_PRESETS = {"low": Preset(4, 1, 600), "balanced": Preset(8, 1, 900), "throughput": Preset(24, 0, 1600)}

LITE = Device(_LITE_PRESETS, dict.fromkeys(_LITE_PRESETS, _LITE))
"""FlashHead Lite, 512², bfloat16, NVIDIA H200, torch 2.11, before any tuning for speed. A window takes as long at
any hop."""

LITE_FASTER = Device(
    _LITE_PRESETS,
    {name: {size: (p50 / 3, p95 / 3) for size, (p50, p95) in _LITE.items()} for name in _LITE_PRESETS},
)
"""The same three times as fast: no measurement, but what the presets are meant for."""

_RECORDED = {1: (49.8, 50.6), 2: (99.6, 101.2), 4: (178.7, 186.4), 8: (357.4, 372.8)}

LITE_RECORDED = Device(_LITE_PRESETS, dict.fromkeys(_LITE_PRESETS, _RECORDED), parts=True)
"""The same on the same machine with its own kernels, and steps recorded for one and for four streams, others being put
together from those: a step of two or of eight gains nothing."""
