"""What a generator's steps were measured to take on this machine, and the capacity that follows from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from livehead.engine.base import GeneratorInfo, Preset
from livehead.engine.capacity.model import Capacity, Silence, StepTime, capacity


@dataclass(frozen=True, slots=True)
class Profile:
    """``steps`` are the measured ones of each preset, ``silence`` those of windows of known silence, None where the
    generator makes none. ``on_cpu`` says that steps take one of the ``cores``."""

    presets: Mapping[str, Preset]
    steps: Mapping[str, Sequence[StepTime]]
    cores: float
    on_cpu: bool
    silence: Silence | None = None

    def capacity(self, slowness: float = 1.0) -> Capacity:
        """What the machine holds while every step takes ``slowness`` times as long as measured."""
        slower = {name: [step.slowed(slowness) for step in steps] for name, steps in self.steps.items()}
        silence = None if self.silence is None else self.silence.slowed(slowness)
        return capacity(self.presets, slower, cores=self.cores, on_cpu=self.on_cpu, silence=silence)

    def max_batch(self, info: GeneratorInfo) -> int:
        """How many streams share a step at most: as many as count at any preset, and are computed as one."""
        most = min(info.max_batch, max(info.batches, default=info.max_batch))
        return min(most, self.capacity().max_batch or most)

    def typical(self, batch: int, hop: int) -> float | None:
        """The median of the measured steps with ``batch`` windows of ``hop`` frames, in seconds; None where there were
        none."""
        for name, preset in self.presets.items():
            if preset.hop == hop:
                for step in self.steps.get(name, ()):
                    if step.batch == batch:
                        return step.p50
        return None

    def alone(self) -> Mapping[int, float]:
        """For each preset's hop, what a step with one such window took: the 95th percentile, in seconds."""
        return {
            preset.hop: step.p95
            for name, preset in self.presets.items()
            for step in self.steps.get(name, ())
            if step.batch == 1
        }
