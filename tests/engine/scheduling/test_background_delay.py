"""Live sessions learn their delay from when frames come. With renders behind them they learn nothing worse, and one
that was slow for a moment finds back to its short delay."""

from __future__ import annotations

import heapq
import math
import random
from statistics import mean

import pytest
from simulation import Job
from steptables import LITE_RECORDED, PREVIEW, Device

from livehead.core.block import BLOCK_S, FPS
from livehead.core.playout.target_delay import TargetDelay
from livehead.engine.scheduling.background import BackgroundScheduler
from livehead.engine.scheduling.forecast import Forecast
from livehead.engine.scheduling.scheduler import Scheduler

SECONDS = 40.0
WAY_S = 0.0015
"""From the end of a step to the session."""


class Learning:
    """Sessions of a preset that begin with nearly the longest delay, and renders that always have windows waiting."""

    def __init__(self, device: Device, preset: str, count: int, renders: int) -> None:
        self.it = device.presets[preset]
        self.floor = (self.it.hop + self.it.lookahead) * BLOCK_S
        self.cost = device.cost(seed=3)
        most = {"max_batch": device.capacity().max_batch or 1, "mixed_hops": device.mixed_hops}
        self.live: Scheduler[Job] = Scheduler(backlog=32, **most)  # type: ignore[arg-type]
        self.forecast = Forecast(self.live.times, **most)  # type: ignore[arg-type]
        choose = min if device.on_cpu else max
        self.hop = choose(each.hop for each in device.presets.values())
        measured = {self.hop: self.cost(1, self.hop)}
        self.behind: BackgroundScheduler[Job] = BackgroundScheduler(
            self.live.times,
            self.forecast,
            backlog=32,
            measured=measured,
            **most,  # type: ignore[arg-type]
        )
        longest = self.it.max_delay_ms / 1000
        self.delays = [
            TargetDelay(hop=self.it.hop, lookahead=self.it.lookahead, max_s=longest, margin_s=0.004, generate_s=0.01)
            for _ in range(count)
        ]
        for delay in self.delays:
            delay.target = 0.9 * longest
        self.renders = renders
        self.late = 0
        self.rendered = 0

    def run(self) -> Learning:
        chance = random.Random(1)
        period = self.it.hop * BLOCK_S
        arrivals = [(chance.random() * period, stream, 0) for stream in range(len(self.delays))]
        heapq.heapify(arrivals)
        came: dict[tuple[int, int], float] = {}
        for stream in range(self.renders):
            for k in range(2):
                self.behind.add(Job(1000 + stream, k, self.hop, math.inf))
        now = 0.0
        while now < SECONDS:
            while arrivals[0][0] <= now:
                at, stream, k = heapq.heappop(arrivals)
                self.delays[stream].review(at)
                job = Job(stream, k, self.it.hop, at - self.floor + self.delays[stream].target)
                self.forecast.submitted(job, at)
                self.live.add(job)
                came[stream, k] = at
                heapq.heappush(arrivals, (at + period, stream, k + self.it.hop))
            plan = self.live.next(now)
            self.late += len(plan.late)
            batch = plan.batch or self.behind.next(now)
            if not batch:
                now = max(now + 1e-6, min(arrivals[0][0], now + 0.01))
                continue
            seconds = self.cost(len(batch), sum(job.hop for job in batch))
            now += seconds
            (self.live if plan.batch else self.behind).observe(batch, seconds, now)
            for job in batch:
                if not plan.batch:
                    self.rendered += job.hop
                    self.behind.add(Job(job.stream, job.k + 2, self.hop, math.inf))
                    continue
                required = now + WAY_S - came[job.stream, job.k] + self.floor
                self.delays[job.stream].observe(required, now)
                if now + WAY_S > job.deadline:
                    self.late += 1
                    self.delays[job.stream].grow(required, now)
        return self

    @property
    def delay(self) -> float:
        return mean(delay.target for delay in self.delays)


@pytest.mark.parametrize(
    ("device", "preset", "count"),
    [(PREVIEW, "low", 2), (PREVIEW, "low", 4), (LITE_RECORDED, "low", 1), (LITE_RECORDED, "balanced", 3)],
    ids=["preview, half full", "preview, full", "lite, half full", "lite balanced, half full"],
)
def test_live_delays_stay_short_and_films_are_made_faster_than_they_play(
    device: Device, preset: str, count: int
) -> None:
    alone = Learning(device, preset, count, 0).run()
    beside = Learning(device, preset, count, 3).run()
    assert beside.late <= alone.late + 1  # a kind of step that nobody has seen is tried once
    assert beside.delay <= alone.delay + 0.005
    assert beside.rendered / SECONDS > 3 * FPS
