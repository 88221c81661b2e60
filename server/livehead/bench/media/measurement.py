"""``livehead bench media``: the encoders and the cost of sending, compared with aiortc's own in one run.

All times are processor time. The ratios carry over to other machines; on a busy one everything costs more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livehead.bench.media.call_cost import KINDS, sending
from livehead.bench.media.clip import PORTRAIT, clip
from livehead.bench.media.encoder_comparison import compare, rate_change, ratios, repeated
from livehead.bench.media.hearing_cost import hearing
from livehead.bench.media.viewer_cost import viewing

SIZE = 512
BITRATE = 800_000
PSNR_TARGET = 45.0
CORE_TARGET = 6.0
PICKED = "h264 livehead"
"""What browsers receive unless they ask for VP8."""

CLIPS = {"sways": True, "still": False}
"""By name, whether the head sways. Figures that depend on the clip are given for each."""

BOTH_WAYS = ("livehead", "stock")
"""The calls that are made with the still head too; the others would add nothing."""


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """``seconds`` is the length of a clip, and of every call; ``size`` its side in pixels; ``bitrate`` in bits a
    second; ``portrait`` a picture file."""

    seconds: float
    size: int = SIZE
    bitrate: int = BITRATE
    portrait: Path = PORTRAIT


def run(plan: MediaPlan) -> dict[str, Any]:
    """The figures. Blocks for about twenty times ``seconds`` plus a minute. Raises LiveheadError."""
    load = os.getloadavg()[0]
    frames = {name: clip(plan.seconds, plan.size, plan.portrait, sways=sways) for name, sways in CLIPS.items()}
    codecs = {name: compare(each, plan.bitrate) for name, each in frames.items()}
    calls = {
        name: sending(each, plan.bitrate, plan.seconds, list(KINDS) if CLIPS[name] else BOTH_WAYS)
        for name, each in frames.items()
    }
    return {
        "codecs": codecs,
        "ratios": {name: ratios(codecs[name], calls[name]) for name in CLIPS},
        "same_frame": repeated(frames["still"][0], plan.bitrate, len(frames["still"])),
        "rate_change": rate_change(frames["sways"]),
        "calls": calls,
        "hearing": hearing(plan.seconds),
        "viewers": viewing(frames["sways"], plan.bitrate, plan.seconds),
        "targets": {
            name: {
                "psnr_y_db": _target(codecs[name][PICKED]["psnr_y_db"], at_least=PSNR_TARGET),
                "session_core_percent": _target(calls[name][PICKED]["core_percent"], at_most=CORE_TARGET),
            }
            for name in CLIPS
        },
        "conditions": {
            "clip": f"portrait {plan.portrait.stem}, drawn by the preview engine, synthetic voice",
            "frames": len(frames["sways"]),
            "size": plan.size,
            "bitrate": plan.bitrate,
            "seconds": plan.seconds,
            "cpus": os.cpu_count(),
            "load_before": round(load, 2),
            "load_after": round(os.getloadavg()[0], 2),
        },
    }


def _target(value: float, *, at_least: float = float("-inf"), at_most: float = float("inf")) -> dict[str, Any]:
    target = at_most if at_least == float("-inf") else at_least
    return {"value": value, "target": target, "met": at_least <= value <= at_most}
