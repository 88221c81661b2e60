"""How fast a generator makes frames here, beside what the machine can do at best."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import cv2
import numpy as np

from livehead.avatars import BUILTIN
from livehead.core.block import BLOCK_SAMPLES, FPS
from livehead.engine.base import Generator, Work
from livehead.engine.preview.generator import create as create_preview
from livehead.errors import EngineError

STREAM_MS = 1000 / FPS
PREVIEW_HOP = 4
_DEVICE = "livehead.bench.engine.flashhead.ceilings"
"""Imports torch, so it is imported where FlashHead is to be measured and not before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. ``hops`` empty stands for the largest; ``tiny`` is a small random model for any machine."""

    engine: Literal["flashhead", "preview"] = "flashhead"
    variant: Literal["lite", "pro"] = "lite"
    batches: tuple[int, ...] = (1, 2, 4, 8)
    hops: tuple[int, ...] = ()
    synthetic: bool = False
    tiny: bool = False
    device: str = "cuda"
    dtype: str = "bfloat16"
    models: Path = Path("models")
    size: int = 512
    attention: str = "auto"
    products: str = "exact"
    windows: int = 30


def run(plan: Plan) -> dict[str, Any]:
    """Figures as bench engine prints them. Raises LiveheadError for a device, weights or size that is not there,
    ValueError for a hop that the model cannot make."""
    return _preview(plan) if plan.engine == "preview" else _flashhead(plan)


def _flashhead(plan: Plan) -> dict[str, Any]:
    began = time.perf_counter()
    device = importlib.import_module(_DEVICE)
    engine = device.build(
        plan.variant,
        synthetic=plan.synthetic,
        tiny=plan.tiny,
        models=plan.models,
        size=plan.size,
        device=plan.device,
        dtype=plan.dtype,
        attention=plan.attention,
        products=plan.products,
        max_batch=max(plan.batches),
    )
    where = engine.model.device
    loaded = time.perf_counter()
    engine.warm_up()
    device.wait(where)
    ready = time.perf_counter()
    ceiling = device.matmul_tflops(where, device.dtype_of(engine))
    tflop = device.window_tflop(engine)
    copies = {"ceiling_copy_tb_s": device.copy_tb_s(where), "ceiling_host_gb_s": device.host_gb_s(where)}
    rows = []
    for batch in plan.batches:
        for hop in plan.hops or (engine.info.window,):
            row = _row(engine, batch, hop, plan.windows, lambda: device.wait(where))
            row["tflops"] = tflop * batch / row["cycle_ms"] * 1000
            row["of_ceiling"] = row["tflops"] / ceiling
            rows.append(row)
    return {
        "engine": "flashhead",
        "device": engine.info.device,
        "variant": plan.variant,
        "size": plan.size,
        "dtype": engine.info.details["dtype"],
        "attention": engine.info.details["attention"],
        "products": engine.info.details["products"],
        "torch": engine.info.details["torch"],
        "synthetic": plan.synthetic or plan.tiny,
        "tiny": plan.tiny,
        "rows": rows,
        "window_tflop": tflop,
        "ceiling_tflops": ceiling,
        **copies,
        "cold_start_s": ready - began,
        "graph_capture_s": ready - loaded,
        "memory_gb": device.memory_gb(where),
    }


def _row(engine: Any, batch: int, hop: int, windows: int, wait: Callable[[], None]) -> dict[str, Any]:
    """One batch size and hop. ``window_ms``: audio in to frames on the host, on an idle device. ``cycle_ms``:
    from window to window without a pause, the encode that nobody waits for included. ``stages_ms`` are
    measured apart from both."""
    speech = _speech(hop, batch)
    streams = [engine.open(_portrait(seed), seed) for seed in range(batch)]
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
    engine.stages.on = True
    parts = []
    for _ in range(max(3, windows // 4)):
        engine.step(work)
        parts.append(engine.stages.take())
    engine.stages.on = False
    for stream in streams:
        engine.close(stream)
    return {
        "batch": batch,
        "hop": hop,
        "window_ms": _spread(times),
        "first_ms": first,
        "cycle_ms": cycle,
        "stages_ms": {name: median(part[name] for part in parts) for name in parts[0]},
        "fps": batch * hop / cycle * 1000,
        "realtime_streams": batch * hop * STREAM_MS / cycle,
    }


def _preview(plan: Plan) -> dict[str, Any]:
    """One core, the built-in portrait's size: milliseconds a frame."""
    began = time.perf_counter()
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        engine: Generator = create_preview(size=plan.size)
        stream = engine.open(_portrait(0), 0)
        ready = time.perf_counter()
        hop = plan.hops[0] if plan.hops else PREVIEW_HOP
        work = [Work(stream, _speech(hop, 1)[0], hop)]
        engine.step(work)
        times = []
        for _ in range(plan.windows):
            start, used = time.perf_counter(), time.process_time()
            engine.step(work)
            # The smaller of the two: another program's share of the core is not the engine's.
            times.append(min(time.perf_counter() - start, time.process_time() - used) * 1000)
        engine.close(stream)
    finally:
        cv2.setNumThreads(threads)
    frame = {name: value / hop for name, value in _spread(times).items()}
    row = {
        "batch": 1,
        "hop": hop,
        "window_ms": _spread(times),
        "frame_ms": frame,
        "fps": 1000 / frame["p50"],
        "realtime_streams": STREAM_MS / frame["p50"],
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


def _spread(times: Sequence[float]) -> dict[str, float]:
    return {"p50": float(np.percentile(times, 50)), "p95": float(np.percentile(times, 95)), "max": max(times)}


def _speech(hop: int, count: int) -> list[Any]:
    rng = np.random.default_rng(hop)
    return [(rng.standard_normal(hop * BLOCK_SAMPLES) * 0.1).astype(np.float32) for _ in range(count)]


def _portrait(seed: int) -> Any:
    """A built-in portrait, in other colours for each seed; uint8 RGB."""
    frame = cv2.imread(str(BUILTIN / "default.png"))
    if frame is None:
        raise EngineError(f"{BUILTIN / 'default.png'} cannot be read. Install Livehead again.")
    return np.roll(frame[..., ::-1], seed, axis=2)


def table(figures: Mapping[str, Any]) -> str:
    """The figures as lines for people."""
    if figures["engine"] == "preview":
        row = figures["rows"][0]
        frame = row["frame_ms"]
        return (
            f"preview, {figures['size']} px, one core: {frame['p50']:.2f} ms a frame (p95 {frame['p95']:.2f}), "
            f"{row['realtime_streams']:.1f} real-time streams"
        )
    weights = ", random weights" if figures["synthetic"] else ""
    products = "" if figures["products"] == "exact" else f", {figures['products']} products"
    lines = [
        f"FlashHead {figures['variant']}, {figures['size']} px, {figures['dtype']}, {figures['attention']} attention"
        f"{products}{weights}; {figures['device']}",
        f"ceilings: {figures['ceiling_tflops']:.4g} TFLOP/s matmul, {figures['ceiling_copy_tb_s']:.2f} TB/s copy, "
        f"{figures['ceiling_host_gb_s']:.0f} GB/s to the host; a window is {figures['window_tflop']:.3g} TFLOP",
        f"from nothing to ready {figures['cold_start_s']:.1f} s, of which warming up and graphs "
        f"{figures['graph_capture_s']:.1f} s",
        "",
    ]
    names = list(figures["rows"][0]["stages_ms"])
    heads = ["batch", "hop", "p50 ms", "p95 ms", "cycle", *names, "TFLOP/s", "of best", "streams"]
    lines.append("".join(f"{head:>9}" for head in heads))
    for row in figures["rows"]:
        window = row["window_ms"]
        cells = [str(row["batch"]), str(row["hop"]), f"{window['p50']:.1f}", f"{window['p95']:.1f}"]
        cells += [f"{row['cycle_ms']:.1f}", *(f"{row['stages_ms'][name]:.2f}" for name in names)]
        cells += [f"{row['tflops']:.4g}", f"{row['of_ceiling']:.0%}", f"{row['realtime_streams']:.1f}"]
        lines.append("".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)
