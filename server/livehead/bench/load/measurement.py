"""How many live sessions the engine holds: its own worker process, windows in real time, and a deadline for each."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from livehead.bench.engine.plan import EnginePlan
from livehead.bench.load.portraits import TintedPortraits
from livehead.bench.load.results import row
from livehead.bench.load.search import Search
from livehead.bench.load.simulated_load import SimulatedLoad
from livehead.bench.load.simulated_session import WindowSpec, window_specs
from livehead.engine.base import EngineSpec, GeneratorInfo
from livehead.engine.choice import FLASHHEAD, PREVIEW, choose
from livehead.engine.cuda_driver import cuda_devices
from livehead.engine.host.host import EngineHost
from livehead.errors import UsageError
from livehead.settings import EngineSettings

TINY = "livehead.bench.engine.flashhead.build:create_tiny"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """``streams`` are the numbers of sessions to hold, one after the other; empty looks for the most that can be held.
    ``hops`` empty stands for that of the preset ``latency``. ``churn_s`` is how often a session leaves and another one
    comes, and how often one changes its portrait, in seconds. ``seed`` draws the phases of the sessions, None spreads
    them evenly. ``allowance_s`` is how long a frame may take from the moment its window is whole; None takes all
    that the preset's bound leaves."""

    engine: EnginePlan = field(default_factory=EnginePlan)
    streams: tuple[int, ...] = ()
    seconds: float = 20.0
    latency: str = "low"
    hops: tuple[int, ...] = ()
    churn_s: float | None = None
    seed: int | None = None
    allowance_s: float | None = None


def run(plan: LoadPlan) -> dict[str, Any]:
    """Figures as bench engine prints them. Blocks. Raises EngineError where the engine does not start, UsageError for
    what it cannot do."""
    return asyncio.run(_measure(plan, _spec(plan.engine), TintedPortraits(plan.seed or 0)))


def _spec(plan: EnginePlan) -> EngineSpec:
    """Says what is missing before a worker is started."""
    if plan.engine == "preview":
        return EngineSpec(PREVIEW, {"size": plan.size})
    options: dict[str, Any] = {
        "variant": plan.variant,
        "size": plan.size,
        "device": plan.device,
        "attention": plan.attention,
        "precision": plan.precision,
    }
    if not plan.synthetic and not plan.tiny:
        options |= choose(EngineSettings(engine="flashhead", models=plan.models, **options)).spec.options
    elif plan.device.startswith("cuda") and not cuda_devices():
        raise UsageError("No CUDA device was found. Use --tiny --device cpu, or --engine preview.")
    options |= {"dtype": plan.dtype, "synthetic": plan.synthetic}
    return EngineSpec(TINY if plan.tiny else FLASHHEAD, options)


async def _measure(plan: LoadPlan, spec: EngineSpec, faces: TintedPortraits) -> dict[str, Any]:
    load = os.getloadavg()[0]
    began = time.monotonic()
    async with EngineHost(spec) as host:
        info = await host.ready()
        ready = round(time.monotonic() - began, 2)
        admitted = dict(host.capacity.streams) if host.capacity else {}
        rows: list[dict[str, Any]] = []
        most: list[dict[str, Any]] = []
        for shape in _shapes(plan, info):
            fitting = admitted[shape.preset] if info.presets[shape.preset].hop == shape.hop else None
            search = None if plan.streams else Search(fitting or _scaled(admitted, info, shape))
            for count in _counts(plan, search):
                seats = SimulatedLoad(host, shape, count, churn_s=plan.churn_s, seed=plan.seed, faces=faces)
                rows.append(row(await seats.hold(plan.seconds)) | {"admitted": fitting})
                if search is not None:
                    found = rows[-1]
                    search.tell(count, held=found["all_met"], busy=found["busy"], share=found["in_time"])
            if search is not None:
                most.append(_found(shape, search, fitting, plan.seconds))
    return _about(plan.engine, info) | {
        "cold_start_s": ready,
        "ready_s": ready,
        "admitted": admitted,
        "phases": "even" if plan.seed is None else f"random, seed {plan.seed}",
        "cpus": os.cpu_count(),
        "load_before": round(load, 2),
        "load": rows,
        "most": most,
    }


def _shapes(plan: LoadPlan, info: GeneratorInfo) -> list[WindowSpec]:
    if plan.latency not in info.presets:
        raise UsageError(f"--latency {plan.latency}: there are {', '.join(info.presets)}")
    found = window_specs(info.presets, plan.latency, plan.hops, plan.allowance_s)
    for shape in found:
        if shape.hop + shape.lookahead > info.window:
            raise UsageError(
                f"--hop {shape.hop}: with {shape.lookahead} of lookahead this model makes {info.window} at most"
            )
    return found


def _scaled(admitted: dict[str, int], info: GeneratorInfo, shape: WindowSpec) -> int:
    """What might fit at a hop that no preset has."""
    return admitted.get(shape.preset, 1) * shape.hop // info.presets[shape.preset].hop


def _counts(plan: LoadPlan, search: Search | None) -> Iterator[int]:
    if search is None:
        yield from plan.streams
        return
    while (count := search.next()) is not None:
        yield count


def _found(shape: WindowSpec, search: Search, admitted: int | None, seconds: float) -> dict[str, Any]:
    return {
        "preset": shape.preset,
        "hop": shape.hop,
        "seconds": seconds,
        "admitted": admitted,
        "held": search.held,
        "failed": search.failed,
        "trials": search.tried,
    }


def _about(plan: EnginePlan, info: GeneratorInfo) -> dict[str, Any]:
    """The fields of bench engine that are known without its own measure; the rest is empty."""
    return {
        "engine": plan.engine,
        "device": info.device,
        "variant": info.variant,
        "size": plan.size,
        "dtype": info.details.get("dtype", "uint8"),
        "attention": info.details.get("attention"),
        "precision": info.details.get("precision"),
        "torch": info.details.get("torch"),
        "synthetic": plan.engine == "flashhead" and (plan.synthetic or plan.tiny),
        "tiny": plan.engine == "flashhead" and plan.tiny,
        "rows": [],
        "window_tflop": None,
        "ceiling_tflops": None,
        "graph_capture_s": None,
        "memory_gb": None,
    }
