"""Which latency preset makes frames for least. Pure."""

from __future__ import annotations

from livehead.core.latency_choice import AUTO
from livehead.engine.base import GeneratorInfo


def cheapest(info: GeneratorInfo) -> str:
    """The preset for films, where nobody waits for a frame: longer windows cost a device less, and on the CPU, where
    they cost the same, short ones fit into the gaps between live frames."""
    hops = {name: preset.hop for name, preset in info.presets.items()}
    choose = min if info.device == "cpu" else max
    return choose(hops, key=lambda name: hops[name])


def film_preset(info: GeneratorInfo, latency: str) -> str:
    """The preset for a film: the one of that name, and the cheapest where ``latency`` is ``auto``."""
    return cheapest(info) if latency == AUTO else latency
