"""The preview generator on one core: milliseconds a frame."""

from __future__ import annotations

import time
from typing import Any

import cv2

from livehead.bench.engine.inputs import noise, portrait
from livehead.bench.engine.plan import EnginePlan
from livehead.bench.engine.spread import spread
from livehead.core.block import FPS
from livehead.engine.base import Generator, Work
from livehead.engine.preview.generator import create

HOP = 4


def measure(plan: EnginePlan) -> dict[str, Any]:
    """The figures of one stream. Raises LiveheadError for a size that cannot be made."""
    began = time.perf_counter()
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        generator: Generator = create(size=plan.size)
        stream = generator.open(portrait(0), 0)
        ready = time.perf_counter()
        hop = plan.hops[0] if plan.hops else HOP
        work = [Work(stream, noise(hop, 1)[0], hop)]
        generator.step(work)
        times = []
        for _ in range(plan.windows):
            start, used = time.perf_counter(), time.process_time()
            generator.step(work)
            # The smaller of the two: another program's share of the core is not the engine's.
            times.append(min(time.perf_counter() - start, time.process_time() - used) * 1000)
        generator.close(stream)
    finally:
        cv2.setNumThreads(threads)
    frame = {name: value / hop for name, value in spread(times).items()}
    row = {
        "batch": 1,
        "hop": hop,
        "window_ms": spread(times),
        "frame_ms": frame,
        "fps": 1000 / frame["p50"],
        "realtime_streams": 1000 / FPS / frame["p50"],
    }
    return {
        "engine": "preview",
        "device": "cpu",
        "variant": None,
        "size": plan.size,
        "dtype": "uint8",
        "synthetic": False,
        "rows": [row],
        "cold_start_s": ready - began,
    }
