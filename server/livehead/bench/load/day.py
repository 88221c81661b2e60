"""A day of one card, simulated in seconds: callers come and go, speak in phrases, and are governed and admitted as the
server does it. The scheduler, the governor and the capacity are the server's own; the device is a table of step times.

A simulated hour is a few minutes long, with as many callers as an hour is to have, so that calls are short and come
thick: harder for the governor than a day at its own pace.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livehead.bench.load.day_hour import Hour
from livehead.bench.load.day_simulation import Simulation
from livehead.engine.base import Preset
from livehead.engine.capacity.model import SPEECH_SHARE, Silence, StepTime
from livehead.engine.capacity.profile import Profile

LITE: Mapping[str, Preset] = {
    "low": Preset(4, 1, 600),
    "balanced": Preset(8, 1, 900),
    "throughput": Preset(24, 0, 1600),
}
"""FlashHead Lite's, which imports PyTorch where it is defined."""

H100_MS = {1: (44.0, 45.5), 4: (155.0, 158.0)}
"""What a step of Lite takes on an H100, by batch: median and 95th percentile, of any hop. Batches of two are not
computed as such there."""


def lite_on_h100() -> Profile:
    steps = [StepTime(batch, p50 / 1000, p95 / 1000) for batch, (p50, p95) in H100_MS.items()]
    return Profile(LITE, dict.fromkeys(LITE, steps), 16, False, Silence(LITE["throughput"].hop, steps))


@dataclass(frozen=True, slots=True)
class DayPlan:
    """``callers`` is how many call in the quietest hour and in the busiest, ``latency`` what they choose. A call lasts
    ``call_s`` on average and 10 s at least, and a caller speaks ``speech`` of that, in phrases of ``phrase_s``, the
    shortest and the longest. ``hour_s`` is how long an hour is simulated; ``profile`` what steps were measured to take.
    """

    profile: Profile = field(default_factory=lite_on_h100)
    callers: tuple[int, int] = (10, 60)
    latency: str = "auto"
    hours: int = 24
    hour_s: float = 240.0
    call_s: float = 120.0
    speech: float = SPEECH_SHARE
    phrase_s: tuple[float, float] = (1.0, 6.0)
    seed: int = 1


def run(plan: DayPlan) -> dict[str, Any]:
    """A row for each hour, and one for all of them. Deterministic."""
    chance = random.Random(plan.seed)
    simulation = Simulation(
        plan.profile, plan.latency, random.Random(chance.random()), speech=plan.speech, phrase_s=plan.phrase_s
    )
    for hour in range(plan.hours):
        begins = hour * plan.hour_s
        for _ in range(callers(plan, hour)):
            length = 10 + chance.expovariate(1 / max(1.0, plan.call_s - 10))
            simulation.call(begins + chance.uniform(0, plan.hour_s), length)
    rows = []
    for hour in range(plan.hours):
        simulation.run(until=(hour + 1) * plan.hour_s)
        rows.append(simulation.hour)
        simulation.hour = Hour()
    held = plan.profile.capacity()
    return {
        "latency": plan.latency,
        "seed": plan.seed,
        "hour_s": plan.hour_s,
        "call_s": plan.call_s,
        "speech": plan.speech,
        "phrase_s": plan.phrase_s,
        "step_ms": {step.batch: round(step.p50 * 1000, 1) for step in next(iter(plan.profile.steps.values()))},
        "admitted": dict(held.streams),
        "talking": dict(held.talking),
        "hours": [{"hour": hour, **row.figures(plan.hour_s)} for hour, row in enumerate(rows)],
        "day": Hour.sum(rows).figures(plan.hour_s * plan.hours),
    }


def callers(plan: DayPlan, hour: int) -> int:
    """How many call in an hour: the day goes up from the night to the afternoon and down again, as a cosine."""
    least, most = plan.callers
    return round(least + (most - least) * (1 - math.cos(2 * math.pi * (hour - 3) / 24)) / 2)


def table(figures: Mapping[str, Any]) -> str:
    """Lines to be printed; the JSON follows them."""
    presets = list(figures["admitted"])
    phrases = "{:g} to {:g} s".format(*figures["phrase_s"])
    admitted = ", ".join(f"{count} at {name}" for name, count in figures["admitted"].items())
    lines = [
        f"A simulated day at {figures['latency']}: steps of {_steps(figures['step_ms'])}; room for {admitted}",
        f"hours of {figures['hour_s']:g} s, calls of {figures['call_s']:g} s on average, speech "
        f"{figures['speech']:.0%} of the time in phrases of {phrases}, seed {figures['seed']}",
        "",
        _line("hour", "callers", "refused", "most", *presets, "p50 ms", "p95 ms", "late", "moves", "a min", "busy"),
    ]
    for row in [*figures["hours"], {"hour": "day", **figures["day"]}]:
        lines.append(
            _line(
                *(row["hour"], row["callers"], row["refused"], row["most"]),
                *(f"{row['at'].get(name, 0):.0%}" for name in presets),
                *(row["delay_ms"]["p50"], row["delay_ms"]["p95"], f"{row['late']:.2%}"),
                *(row["moves"], f"{row['moves_a_minute']:.2f}", f"{row['busy']:.0%}"),
            )
        )
    return "\n".join(lines)


def _steps(ms: Mapping[int, float]) -> str:
    return ", ".join(f"{each:g} ms for {batch}" for batch, each in ms.items())


def _line(*cells: object) -> str:
    return "".join(f"{cell!s:>11}" for cell in cells)
