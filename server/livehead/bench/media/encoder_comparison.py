"""The quality that each encoder gives the clip, and its cost in processor time, never wall-clock time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livehead.bench.media.clip import back_and_forth
from livehead.bench.media.encoders import CODECS, STOCK_SHARE, Encode, is_keyframe, ours, stock
from livehead.bench.media.quality import quality
from livehead.core.block import FPS

SETTLED = FPS
"""Frames of the first second, not in the means: the keyframe, and the rate settling."""

STEPS = (800_000, 500_000, 1_500_000)
STEP_S = (4, 4, 10)
WINDOW = FPS // 2
NEAR = 0.15
"""The rate counts as followed when the mean of half a second is within this share of it."""

SAME_BITS = "h264 stock, same bits"

Clip = NDArray[np.uint8]


def new_encoders(size: int) -> dict[str, tuple[str, Encode]]:
    """By name, the codec and a new encoder."""
    found: dict[str, tuple[str, Encode]] = {}
    for codec in CODECS:
        found[f"{codec} livehead"] = codec, ours(codec, size)[0]
        found[f"{codec} stock"] = codec, stock(codec)
    return found


def compare(frames: Clip, bitrate: int) -> dict[str, dict[str, Any]]:
    """Figures of every encoder, and of aiortc's H264 when it is made to spend as many bits. The encoders take turns
    frame by frame: whatever else the machine does affects them all, and each finds the caches as the others left
    them, as in a call."""
    rows = new_encoders(frames.shape[2])
    rows[SAME_BITS] = "h264", stock("h264", STOCK_SHARE)
    encoded: dict[str, list[bytes]] = {name: [] for name in rows}
    spent: dict[str, list[float]] = {name: [] for name in rows}
    for n, frame in enumerate(frames):
        for name, (_, encode) in rows.items():
            began = time.process_time()
            encoded[name].append(encode(frame, n, bitrate))
            spent[name].append((time.process_time() - began) * 1000)
    return {name: _figures(codec, frames, encoded[name], spent[name]) for name, (codec, _) in rows.items()}


def _figures(codec: str, frames: Clip, encoded: Sequence[bytes], spent: Sequence[float]) -> dict[str, Any]:
    found = quality(codec, list(frames), encoded, SETTLED)
    settled = min(SETTLED, len(encoded) - 1)
    sizes = [len(data) for data in encoded]
    each = statistics.fmean(spent[settled:])
    return {
        "psnr_y_db": round(found.y, 2),
        "psnr_db": round(found.planes, 2),
        "psnr_y_worst_db": round(found.worst, 2),
        "psnr_y_first_db": round(found.first, 2),
        "cpu_ms": round(each, 3),
        "cpu_ms_p95": round(float(np.percentile(spent[settled:], 95)), 3),
        "core_percent": round(each * FPS / 10, 2),
        "start_ms": round(spent[0], 2),
        "kbits": round(statistics.fmean(sizes[settled:]) * 8 * FPS / 1000, 1),
        "keyframes": sum(is_keyframe(codec, data) for data in encoded),
        "keyframe_kb": round(sizes[0] / 1000, 1),
        "largest_kb": round(max(sizes[1:], default=0) / 1000, 1),
    }


def repeated(frame: NDArray[np.uint8], bitrate: int, count: int) -> dict[str, dict[str, float]]:
    """What each codec of ours takes for the same frame again and again, as of a face at rest, once that is as good as
    it gets: the second half of ``count`` frames, which take turns as in :func:`compare`."""
    encoders = {codec: ours(codec, frame.shape[1])[0] for codec in CODECS}
    sizes: dict[str, list[int]] = {codec: [] for codec in CODECS}
    spent: dict[str, list[float]] = {codec: [] for codec in CODECS}
    for n in range(count):
        for codec, encode in encoders.items():
            began = time.process_time()
            sizes[codec].append(len(encode(frame, n, bitrate)))
            spent[codec].append((time.process_time() - began) * 1000)
    return {
        f"{codec} livehead": {
            "cpu_ms": round(statistics.fmean(spent[codec][count // 2 :]), 3),
            "kbits": round(statistics.fmean(sizes[codec][count // 2 :]) * 8 * FPS / 1000, 1),
        }
        for codec in CODECS
    }


def rate_change(frames: Clip) -> dict[str, list[dict[str, Any]]]:
    """The rates of :data:`STEPS`, one after another: how soon each is followed, and with how many keyframes."""
    size = frames.shape[2]
    return {name: _steps(codec, encode, frames) for name, (codec, encode) in new_encoders(size).items()}


def _steps(codec: str, encode: Encode, frames: Clip) -> list[dict[str, Any]]:
    order = back_and_forth(len(frames), sum(STEP_S) * FPS)
    n, found = 0, list[dict[str, Any]]()
    for bitrate, seconds in zip(STEPS, STEP_S, strict=True):
        encoded = [encode(frames[order[i]], i, bitrate) for i in range(n, n + seconds * FPS)]
        n += seconds * FPS
        sizes = [len(data) for data in encoded]
        late = sizes[len(sizes) // 2 :]
        found.append(
            {
                "target_kbits": bitrate // 1000,
                "kbits": round(statistics.fmean(late) * 8 * FPS / 1000, 1),
                "followed_s": followed_after(sizes, bitrate),
                "keyframes": sum(is_keyframe(codec, data) for data in encoded) - (not found),
                "largest_kb": round(max(sizes[1:] if not found else sizes) / 1000, 1),
            }
        )
    return found


def followed_after(sizes: Sequence[int], bitrate: int) -> float | None:
    """Seconds until the end of the first half second whose mean is near the rate, so half a second at best; None for
    never."""
    for end in range(WINDOW, len(sizes) + 1):
        mean = sum(sizes[end - WINDOW : end]) * 8 * FPS / WINDOW
        if abs(mean / bitrate - 1) <= NEAR:
            return round(end / FPS, 2)
    return None


def ratios(
    rows: Mapping[str, Mapping[str, Any]], calls: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Livehead compared with the stock encoder of the same codec: cost as ratios, quality as differences."""
    found = {}
    for codec in CODECS:
        own, other = rows[f"{codec} livehead"], rows[f"{codec} stock"]
        found[codec] = {
            "encode": round(own["cpu_ms"] / other["cpu_ms"], 3),
            "call": round(calls[f"{codec} livehead"]["core_percent"] / calls[f"{codec} stock"]["core_percent"], 3),
            "psnr_y_db": round(own["psnr_y_db"] - other["psnr_y_db"], 2),
            "psnr_db": round(own["psnr_db"] - other["psnr_db"], 2),
        }
    return found
