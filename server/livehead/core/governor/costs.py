"""What sessions cost the engine, by preset. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GAIN = 0.9
"""A preset of longer delay is given only where it costs less than this share of one with a lower delay."""


@dataclass(frozen=True, slots=True)
class Costs:
    """The share of the engine that one session takes at each preset, 1 is all of it: while it speaks, and while it is
    silent. ``presets`` are their names, lowest delay first."""

    presets: Sequence[str]
    speaking: Mapping[str, float]
    silent: Mapping[str, float]

    @property
    def given(self) -> list[str]:
        """The presets that a session may be given: the lowest delay, and each that is worth its longer delay."""
        found = [self.presets[0]]
        for name in self.presets[1:]:
            if self.speaking[name] < GAIN * self.speaking[found[-1]]:
                found.append(name)
        return found
