"""Which latency preset makes frames for least. Pure."""

from __future__ import annotations

from livehead.engine.base import GeneratorInfo


def cheapest(info: GeneratorInfo) -> str:
    """The preset for films, where nobody waits for a frame: longer windows cost a device less, and on the CPU, where
    they cost the same, short ones fit into the gaps between live frames."""
    hops = {name: preset.hop for name, preset in info.presets.items()}
    choose = min if info.device == "cpu" else max
    return choose(hops, key=lambda name: hops[name])
