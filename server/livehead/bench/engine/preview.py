"""The preview generator on one core: milliseconds a frame, with each kind of background."""

from __future__ import annotations

import time
from typing import Any

import cv2

from livehead.bench.engine.inputs import noise, portrait
from livehead.bench.engine.plan import EnginePlan
from livehead.bench.engine.spread import spread
from livehead.core.block import FPS
from livehead.core.look import LookKind
from livehead.engine.base import Backdrop, Work
from livehead.engine.preview.generator import create

HOP = 4

BACKDROPS: dict[LookKind, Backdrop | None] = {
    "keep": None,
    "colour": Backdrop("colour", rgb=(20, 90, 160)),
    "blur": Backdrop("blur"),
    "transparent": Backdrop("transparent"),
}
"""A picture costs what a colour does."""


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
        works = {look: [Work(stream, noise(hop, 1)[0], hop)] for look, stream in streams.items()}
        for work in works.values():
            generator.step(work)
        times: dict[str, list[float]] = {look: [] for look in works}
        for _ in range(plan.windows):
            for look, work in works.items():
                start, used = time.perf_counter(), time.process_time()
                generator.step(work)
                # The smaller of the two: another program's share of the core is not the engine's.
                times[look].append(min(time.perf_counter() - start, time.process_time() - used) * 1000)
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
        "rows": [_row(look, hop, times[look]) for look in times],
        "cold_start_s": ready - began,
    }


def _row(look: str, hop: int, times: list[float]) -> dict[str, Any]:
    frame = {name: value / hop for name, value in spread(times).items()}
    return {
        "look": look,
        "batch": 1,
        "hop": hop,
        "window_ms": spread(times),
        "frame_ms": frame,
        "fps": 1000 / frame["p50"],
        "realtime_streams": 1000 / FPS / frame["p50"],
    }
