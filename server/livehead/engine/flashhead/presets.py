"""What the latency presets mean for the two models."""

from __future__ import annotations

from collections.abc import Mapping

from livehead.engine.base import Preset
from livehead.engine.flashhead.weights.config import Variant

PRESETS: Mapping[Variant, Mapping[str, Preset]] = {
    # A picture is sent (hop + lookahead) · 40 ms after its sound at the earliest, plus the window (50 ms, H200) and
    # 20 ms in the queue: 270, 430 and 1030 ms. The bound leaves as much again for a busy or slower card.
    "lite": {"low": Preset(4, 1, 600), "balanced": Preset(8, 1, 900), "throughput": Preset(24, 0, 1600)},
    # A window takes 400 to 450 ms there, so a hop under 12 cannot hold real time. 1110, 1350 and 1590 ms.
    "pro": {"low": Preset(14, 2, 1600), "balanced": Preset(20, 2, 1900), "throughput": Preset(28, 0, 2300)},
}
