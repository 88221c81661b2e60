"""The preview generator on one core: milliseconds a frame, with each kind of background, of a face that talks and of
one that is silent, some of whose frames are the one before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from livehead.bench.engine.inputs import noise, portrait
from livehead.bench.engine.plan import EnginePlan
from livehead.bench.engine.spread import spread
from livehead.core.block import BLOCK_SAMPLES, FPS, Pcm
from livehead.core.look import LookKind
from livehead.engine.base import Backdrop, Work
from livehead.engine.preview.generator import PreviewGenerator, create
from livehead.engine.preview.stream import PreviewStream

HOP = 4

BACKDROPS: dict[LookKind, Backdrop | None] = {
    "keep": None,
    "colour": Backdrop("colour", rgb=(20, 90, 160)),
    "blur": Backdrop("blur"),
    "transparent": Backdrop("transparent"),
}
"""A picture costs what a colour does."""

WARM_UP = 5
"""Windows before those that count: lips take a while to close, and caches to fill."""


@dataclass(frozen=True, slots=True)
class _Times:
    """Milliseconds of windows of ``hop`` frames."""

    hop: int
    window_ms: list[float]

    @property
    def frame_ms(self) -> dict[str, float]:
        """Of one of their frames."""
        return {name: value / self.hop for name, value in spread(self.window_ms).items()}


def measure(plan: EnginePlan) -> dict[str, Any]:
    """The figures of one stream of each look, whose steps take turns. Raises LiveheadError for a size that cannot be
    made."""
    began = time.perf_counter()
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        generator = create(size=plan.size)
        streams = {"keep": generator.open(portrait(0), 0)}
        ready = time.perf_counter()
        streams |= {look: generator.open(portrait(0), 0, backdrop) for look, backdrop in BACKDROPS.items() if backdrop}
        hop = plan.hops[0] if plan.hops else HOP
        silence = np.zeros(generator.info.silence_hop * BLOCK_SAMPLES, np.float32)
        talking, silent = (_times(generator, streams, pcm, plan.windows) for pcm in (noise(hop, 1)[0], silence))
        for stream in streams.values():
            generator.close(stream)
    finally:
        cv2.setNumThreads(threads)
    return {
        "engine": "preview",
        "device": "cpu",
        "variant": None,
        "size": plan.size,
        "dtype": "uint8",
        "synthetic": False,
        "rows": [_row(look, talking[look], silent[look]) for look in streams],
        "cold_start_s": ready - began,
    }


def _times(
    generator: PreviewGenerator, streams: Mapping[str, PreviewStream], pcm: Pcm, windows: int
) -> dict[str, _Times]:
    """Of windows with this sound, whose streams take turns."""
    hop = pcm.size // BLOCK_SAMPLES
    times: dict[str, list[float]] = {look: [] for look in streams}
    for window in range(-WARM_UP, windows):
        for look, stream in streams.items():
            start, used = time.perf_counter(), time.process_time()
            generator.step([Work(stream, pcm, hop)])
            # The smaller of the two: another program's share of the core is not the engine's.
            took = min(time.perf_counter() - start, time.process_time() - used) * 1000
            if window >= 0:
                times[look].append(took)
    return {look: _Times(hop, each) for look, each in times.items()}


def _row(look: str, talking: _Times, silent: _Times) -> dict[str, Any]:
    frame = talking.frame_ms
    return {
        "look": look,
        "batch": 1,
        "hop": talking.hop,
        "window_ms": spread(talking.window_ms),
        "frame_ms": frame,
        "silent_hop": silent.hop,
        "silent_window_ms": spread(silent.window_ms),
        "silent_frame_ms": silent.frame_ms,
        "fps": 1000 / frame["p50"],
        "realtime_streams": 1000 / FPS / frame["p50"],
    }
