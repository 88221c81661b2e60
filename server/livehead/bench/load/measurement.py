"""How many live sessions the engine sustains: its own worker process, windows in real time, a deadline for each."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from livehead.bench.engine.plan import EnginePlan
from livehead.bench.load.calls.call_results import calls_row
from livehead.bench.load.calls.simulated_calls import SimulatedCalls
from livehead.bench.load.portraits import TintedPortraits
from livehead.bench.load.results import row
from livehead.bench.load.search import Search
from livehead.bench.load.simulated_load import SimulatedLoad
from livehead.bench.load.simulated_session import WindowSpec, window_specs
from livehead.core.latency_choice import AUTO
from livehead.engine.base import EngineSpec, GeneratorInfo
from livehead.engine.capacity.cheapest import cheapest
from livehead.engine.choice import FLASHHEAD, PREVIEW, choose
from livehead.engine.cuda_driver import cuda_devices
from livehead.engine.host.host import EngineHost
from livehead.errors import UsageError
from livehead.settings import EngineSettings

TINY = "livehead.bench.engine.flashhead.build:create_tiny"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """``streams`` are the numbers of sessions to try, one after the other; empty looks for the most that can be held.
    ``hops`` empty stands for the hop of the preset ``latency``. ``churn_s`` is how often, in seconds, a session leaves
    and another joins, and how often one changes its portrait. ``seed`` draws the phases of the sessions; None spreads
    them evenly. ``allowance_s`` is the time from a complete window to its first frame being due; None is all that the
    preset's maximum delay leaves. With ``renders`` each load is measured twice, the second time with so many films that
    are made behind the sessions.

    ``speech`` is the share of the time in which each session speaks, 0 to 1: then the sessions are the server's own,
    and make silence ahead as those do. With a ``latency`` of ``auto`` they are, too, and a governor gives each its
    preset."""

    engine: EnginePlan = field(default_factory=EnginePlan)
    streams: tuple[int, ...] = ()
    seconds: float = 20.0
    latency: str = "low"
    hops: tuple[int, ...] = ()
    churn_s: float | None = None
    seed: int | None = None
    allowance_s: float | None = None
    renders: int = 0
    speech: float | None = None

    @property
    def governed(self) -> bool:
        return self.latency == AUTO

    @property
    def calls(self) -> bool:
        """Whether sessions are those of a server."""
        return self.governed or self.speech is not None


def run(plan: LoadPlan) -> dict[str, Any]:
    """Figures as ``bench engine`` prints them. Blocks. Raises EngineError if the engine does not start, UsageError for
    what it cannot do."""
    return asyncio.run(_measure(plan, _spec(plan.engine), TintedPortraits(plan.seed or 0)))


def _spec(plan: EnginePlan) -> EngineSpec:
    """The engine to start. Raises EngineError or UsageError for what is missing, before a worker is started."""
    if plan.engine == "preview":
        return EngineSpec(PREVIEW, {"size": plan.size})
    options: dict[str, Any] = {
        "variant": plan.variant,
        "size": plan.size,
        "device": plan.device,
        "attention": plan.attention,
        "precision": plan.precision,
        "memory": plan.memory,
    }
    if not plan.synthetic and not plan.tiny:
        options |= choose(EngineSettings(engine="flashhead", models=plan.models, **options)).spec.options
    elif plan.device.startswith("cuda") and not cuda_devices():
        raise UsageError("No CUDA device was found. Use --tiny --device cpu, or --engine preview.")
    options |= {"dtype": plan.dtype, "synthetic": plan.synthetic, "whole": True}
    return EngineSpec(TINY if plan.tiny else FLASHHEAD, options)


async def _measure(plan: LoadPlan, engine_spec: EngineSpec, portraits: TintedPortraits) -> dict[str, Any]:
    load = os.getloadavg()[0]
    began = time.monotonic()
    async with EngineHost(engine_spec) as host:
        info = await host.ready()
        ready = round(time.monotonic() - began, 2)
        admitted, room = _room(plan, host)
        rows: list[dict[str, Any]] = []
        most: list[dict[str, Any]] = []
        for spec in _window_specs(plan, info):
            fitting = _fitting(room, info, spec)
            search = None if plan.streams else Search(fitting or _scaled(room, info, spec))
            for count in _counts(plan, search):
                found = await _hold(plan, host, spec, count, portraits, 0)
                rows.append(found | {"admitted": fitting})
                if plan.renders and search is None:
                    beside = await _hold(plan, host, spec, count, portraits, plan.renders)
                    rows.append(beside | {"admitted": fitting})
                if search is not None:
                    search.tell(count, held=found["all_met"], busy=found["busy"], share=found["in_time"])
            if plan.renders and search is not None and search.held:
                beside = await _hold(plan, host, spec, search.held, portraits, plan.renders)
                rows.append(beside | {"admitted": fitting})
            if search is not None:
                most.append(_found(spec, search, fitting, plan.seconds))
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


def _room(plan: LoadPlan, host: EngineHost) -> tuple[dict[str, int], dict[str, int]]:
    """How many sessions are let in at each preset; and how many fit of those that are simulated."""
    capacity = host.capacity
    if capacity is None:
        return {}, {}
    turns = plan.calls and plan.speech is not None and plan.speech < 1
    return dict(capacity.streams), dict(capacity.streams if turns else capacity.talking or capacity.streams)


def _fitting(room: dict[str, int], info: GeneratorInfo, spec: WindowSpec | None) -> int | None:
    if spec is None:
        return max(room.values(), default=None)
    return room[spec.preset] if info.presets[spec.preset].hop == spec.hop else None


async def _hold(
    plan: LoadPlan, host: EngineHost, spec: WindowSpec | None, count: int, portraits: TintedPortraits, renders: int
) -> dict[str, Any]:
    """One row."""
    if plan.calls or spec is None:
        speech = 1.0 if plan.speech is None else plan.speech
        calls = SimulatedCalls(host, spec, count, speech=speech, seed=plan.seed, portraits=portraits)
        return calls_row(await calls.hold(plan.seconds))
    simulated = SimulatedLoad(
        host,
        spec,
        count,
        churn_s=plan.churn_s,
        seed=plan.seed,
        portraits=portraits,
        renders=renders,
        render_preset=host.info.presets[cheapest(host.info)],
    )
    return row(await simulated.hold(plan.seconds))


def _window_specs(plan: LoadPlan, info: GeneratorInfo) -> Sequence[WindowSpec | None]:
    """None stands for what a governor gives."""
    if plan.calls:
        for name, given in (("--churn", plan.churn_s), ("--renders", plan.renders)):
            if given:
                raise UsageError(f"{name} goes with neither --speech nor --latency auto")
    if plan.governed:
        for name, unfit in (("--hop", plan.hops), ("--allowance", plan.allowance_s)):
            if unfit:
                raise UsageError(f"{name} does not go with --latency auto: the governor and the playout choose those")
        return [None]
    if plan.latency not in info.presets:
        raise UsageError(f"--latency {plan.latency}: there are {', '.join((AUTO, *info.presets))}")
    found = window_specs(info.presets, plan.latency, plan.hops, plan.allowance_s)
    for spec in found:
        if spec.hop + spec.lookahead > info.window:
            raise UsageError(
                f"--hop {spec.hop}: with {spec.lookahead} of lookahead this model makes {info.window} at most"
            )
    return found


def _scaled(room: dict[str, int], info: GeneratorInfo, spec: WindowSpec | None) -> int:
    """A first guess for a hop that no preset has."""
    return 1 if spec is None else room.get(spec.preset, 1) * spec.hop // info.presets[spec.preset].hop


def _counts(plan: LoadPlan, search: Search | None) -> Iterator[int]:
    if search is None:
        yield from plan.streams
        return
    while (count := search.next()) is not None:
        yield count


def _found(spec: WindowSpec | None, search: Search, admitted: int | None, seconds: float) -> dict[str, Any]:
    return {
        "preset": AUTO if spec is None else spec.preset,
        "hop": None if spec is None else spec.hop,
        "seconds": seconds,
        "admitted": admitted,
        "held": search.held,
        "failed": search.failed,
        "trials": search.tried,
    }


def _about(plan: EnginePlan, info: GeneratorInfo) -> dict[str, Any]:
    """The fields of ``bench engine`` that are known without its other measurements; the rest is empty."""
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
