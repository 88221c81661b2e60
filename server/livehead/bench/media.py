"""``livehead bench media``: the encoders and what sending costs, beside what aiortc brings, in one run.

Everything is processor time. It is the ratios that hold between machines; on a busy one all of it costs more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from livehead.bench.clip import PORTRAIT, clip
from livehead.bench.encoding import compare, rate_change, ratios
from livehead.bench.sending import sending

SIZE = 512
BITRATE = 800_000
PSNR_TARGET = 45.0
CORE_TARGET = 6.0
PICKED = "h264 livehead"
"""What browsers get unless they ask for VP8."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``seconds`` is the length of the clip, and of every call; ``size`` its side in pixels; ``bitrate`` in bits a
    second."""

    seconds: float
    size: int = SIZE
    bitrate: int = BITRATE


def run(plan: Plan) -> dict[str, Any]:
    """The figures. Blocks for about ten times ``seconds``, and half a minute more. Raises LiveheadError."""
    load = os.getloadavg()[0]
    pictures = clip(plan.seconds, plan.size)
    codecs = compare(pictures, plan.bitrate)
    calls = sending(pictures, plan.bitrate, plan.seconds)
    quality, cost = codecs[PICKED]["psnr_y_db"], calls[PICKED]["core_percent"]
    return {
        "codecs": codecs,
        "ratios": ratios(codecs, calls),
        "rate_change": rate_change(pictures),
        "calls": calls,
        "targets": {
            "psnr_y_db": {"value": quality, "target": PSNR_TARGET, "met": quality >= PSNR_TARGET},
            "session_core_percent": {"value": cost, "target": CORE_TARGET, "met": cost <= CORE_TARGET},
        },
        "conditions": {
            "clip": f"portrait {PORTRAIT}, preview engine, synthetic voice",
            "pictures": len(pictures),
            "size": plan.size,
            "bitrate": plan.bitrate,
            "seconds": plan.seconds,
            "cpus": os.cpu_count(),
            "load_before": round(load, 2),
            "load_after": round(os.getloadavg()[0], 2),
        },
    }
