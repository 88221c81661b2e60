"""FlashHead by stage, beside what the device can do at best."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from livehead.bench.engine.flashhead import ceilings
from livehead.bench.engine.flashhead.build import build
from livehead.bench.engine.flashhead.flops import window_tflop
from livehead.bench.engine.flashhead.memory import MemoryMeter
from livehead.bench.engine.inputs import noise, portrait
from livehead.bench.engine.plan import EnginePlan
from livehead.bench.engine.spread import spread
from livehead.core.block import FPS
from livehead.engine.base import Work
from livehead.engine.factory import warm_up_whole
from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.runtime.device_memory import unlimited

STREAM_MS = 1000 / FPS


def measure(plan: EnginePlan) -> dict[str, Any]:
    began = time.perf_counter()
    engine = build(
        plan.variant,
        synthetic=plan.synthetic,
        tiny=plan.tiny,
        models=plan.models,
        size=plan.size,
        device=plan.device,
        dtype=plan.dtype,
        attention=plan.attention,
        precision=plan.precision,
        max_batch=max(plan.batches),
        memory=plan.memory,
    )
    where = engine.model.device
    memory = MemoryMeter(where)
    memory.loaded()
    loaded = time.perf_counter()
    engine.warm_up_first()
    ceilings.wait(where)
    ready = time.perf_counter()
    warm_up_whole(engine)
    ceilings.wait(where)
    whole = time.perf_counter()
    memory.warmed_up(engine)
    with unlimited(where):
        ceiling = ceilings.matmul_tflops(where, engine.model.dtypes.dtype)
        copies = {"ceiling_copy_tb_s": ceilings.copy_tb_s(where), "ceiling_host_gb_s": ceilings.host_gb_s(where)}
        tflop = window_tflop(engine)
    memory.go_on()
    rows = []
    for batch in plan.batches:
        for hop in plan.hops or (engine.info.window,):
            row = _row(engine, batch, hop, plan.windows, lambda: ceilings.wait(where))
            row["tflops"] = tflop * batch / row["cycle_ms"] * 1000
            row["of_ceiling"] = row["tflops"] / ceiling
            rows.append(row)
    used = memory.figures()
    return {
        "engine": "flashhead",
        "device": engine.info.device,
        "variant": plan.variant,
        "size": plan.size,
        "dtype": engine.info.details["dtype"],
        "attention": engine.info.details["attention"],
        "precision": engine.info.details["precision"],
        "torch": engine.info.details["torch"],
        "synthetic": plan.synthetic or plan.tiny,
        "tiny": plan.tiny,
        "rows": rows,
        "window_tflop": tflop,
        "ceiling_tflops": ceiling,
        **copies,
        "cold_start_s": ready - began,
        "graph_capture_s": ready - loaded,
        "larger_batches_s": whole - ready,
        "batches": list(engine.info.batches),
        "memory_gb": used["peak_gb"] if used else None,
        "memory": used,
    }


def _row(engine: FlashHead, batch: int, hop: int, windows: int, wait: Callable[[], None]) -> dict[str, Any]:
    """One batch size and hop. ``window_ms``: audio in to frames on the host, on an idle device. ``cycle_ms``:
    from window to window without a pause, the encode that nobody waits for included. ``stages_ms`` are
    measured apart from both."""
    speech = noise(hop, batch)
    streams = [engine.open(portrait(seed), seed) for seed in range(batch)]
    work = [Work(stream, pcm, hop) for stream, pcm in zip(streams, speech, strict=True)]

    def alone() -> float:
        wait()
        start = time.perf_counter()
        engine.step(work)
        return (time.perf_counter() - start) * 1000

    first = alone()
    for _ in range(2):
        alone()
    times = [alone() for _ in range(windows)]
    wait()
    start = time.perf_counter()
    for _ in range(windows):
        engine.step(work)
    wait()
    cycle = (time.perf_counter() - start) * 1000 / windows
    engine.timer.on = True
    parts = []
    for _ in range(max(3, windows // 4)):
        engine.step(work)
        parts.append(engine.timer.take())
    engine.timer.on = False
    for stream in streams:
        engine.close(stream)
    return {
        "batch": batch,
        "hop": hop,
        "window_ms": spread(times),
        "first_ms": first,
        "cycle_ms": cycle,
        "stages_ms": {name: median(part[name] for part in parts) for name in parts[0]},
        "fps": batch * hop / cycle * 1000,
        "realtime_streams": batch * hop * STREAM_MS / cycle,
    }
