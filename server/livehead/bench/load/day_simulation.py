"""One card and its callers in simulated time: the server's scheduler, governor and admission, and a device that takes
what was measured."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count

from livehead.bench.load.day_caller import DayCaller, DayWindow
from livehead.bench.load.day_hour import Hour
from livehead.core.governor.governed import Governed
from livehead.core.governor.governor import Governor
from livehead.core.latency_choice import AUTO
from livehead.engine.capacity.profile import Profile
from livehead.engine.scheduling.merging import Merging
from livehead.engine.scheduling.run import Run
from livehead.engine.scheduling.scheduler import Scheduler
from livehead.engine.scheduling.step_times import StepTimes
from livehead.sessions.governing import PERIOD_S

BACKLOG = 32

MOVES_UP_S = 2.0
"""How long a session takes to go up in delay: its playout goes first, a block at a time."""

JITTER = 0.03
"""A step takes up to so much longer than the median."""


class Simulation:
    """``hour`` is what is counted now; put another one in its place when it is over."""

    def __init__(
        self, profile: Profile, latency: str, chance: random.Random, *, speech: float, phrase_s: tuple[float, float]
    ) -> None:
        capacity = profile.capacity()
        assert capacity.costs is not None
        self.hour = Hour()
        self._profile = profile
        self._capacity = capacity
        self._costs = capacity.costs
        self._latency = latency
        self._chance = chance
        self._speech = speech
        self._phrase_s = phrase_s
        self._governor = Governor()
        self._callers: dict[int, DayCaller] = {}
        self._going_to: dict[int, str] = {}
        times = StepTimes()
        hops = {preset.hop for preset in profile.presets.values()}
        self._alone = {hop: self._seconds(1, hop) for hop in hops}
        self._scheduler: Scheduler[DayWindow] = Scheduler(
            max_batch=capacity.max_batch or 1,
            backlog=BACKLOG,
            times=times,
            merging=Merging(times, hops=hops, window=max(hops), measured=self._alone),
        )
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._free_at = 0.0
        self._now = 0.0
        self._at(0.0, self._govern_again)

    def call(self, at: float, length: float) -> None:
        """Somebody will call, and hang up after ``length`` seconds."""
        self._at(at, lambda: self._open(length))

    def run(self, *, until: float) -> None:
        """Go on until then."""
        while self._events and self._events[0][0] < until:
            at, _, event = heapq.heappop(self._events)
            self._now = max(self._now, at)
            event()
            self._step()
        self._now = until

    # -- callers

    def _open(self, length: float) -> None:
        self.hour.callers += 1
        cheapest = self._capacity.cheapest
        latency = cheapest if self._latency == AUTO else self._latency
        if not self._capacity.room(Counter({latency: len(self._callers)}), latency):
            self.hour.refused += 1
            return
        preset = self._latency
        if preset == AUTO:
            preset = self._governor.newcomer(self._governed(), self._costs, self._now)
        stream = next(self._order)
        silence = self._profile.silence
        shape = self._profile.presets[preset]
        self._callers[stream] = caller = DayCaller(
            stream,
            self._now,
            preset,
            shape,
            self._chance,
            silence_hop=0 if silence is None else silence.hop,
            speech=self._speech,
            phrase_s=self._phrase_s,
            step_s=self._seconds(1, shape.hop),
        )
        self._going_to[stream] = preset
        self.hour.most = max(self.hour.most, len(self._callers))
        self._at(self._now + length, lambda: self._hang_up(caller))
        self._at(caller.turns_at, lambda: self._turn(caller))
        self._cut(caller)
        self._govern()

    def _hang_up(self, caller: DayCaller) -> None:
        del self._callers[caller.stream], self._going_to[caller.stream]
        self._scheduler.forget(caller.stream)
        self._govern()

    def _turn(self, caller: DayCaller) -> None:
        if caller.stream not in self._callers:
            return
        if not caller.speaking:
            self._scheduler.clear(caller.stream)  # silence that was to be made
        caller.turn(self._now)
        self._at(caller.turns_at, lambda: self._turn(caller))
        self._cut(caller)

    def _cut(self, caller: DayCaller) -> None:
        """Send what is due, and come again for the next."""
        if caller.stream not in self._callers:
            return
        while caller.due <= self._now + 1e-9:
            window = caller.cut(self._now)
            if (dropped := self._scheduler.add(window)) is not None:
                self._lose(dropped)
        self._at(caller.due, lambda: self._cut(caller))

    # -- the governor

    def _governed(self) -> list[Governed]:
        return [
            Governed(str(stream), self._going_to[stream], caller.speaking, fixed=self._latency != AUTO)
            for stream, caller in self._callers.items()
        ]

    def _govern_again(self) -> None:
        self.hour.present += PERIOD_S * len(self._callers)
        self._govern()
        self._at(self._now + PERIOD_S, self._govern_again)

    def _govern(self) -> None:
        order = list(self._costs.presets)
        for move in self._governor.plan(self._governed(), self._costs, self._now):
            caller = self._callers[int(move.id)]
            up = order.index(move.preset) > order.index(self._going_to[caller.stream])
            self._going_to[caller.stream] = move.preset
            self.hour.moves[move.reason] += 1
            self._at(self._now + (MOVES_UP_S if up else 0.0), lambda caller=caller: self._take(caller))  # type: ignore[misc]

    def _take(self, caller: DayCaller) -> None:
        if (name := self._going_to.get(caller.stream)) is not None:
            shape = self._profile.presets[name]
            caller.take(name, shape, self._seconds(1, shape.hop))

    # -- the device

    def _step(self) -> None:
        if self._now < self._free_at:
            return
        plan = self._scheduler.next(self._now)
        for window in plan.late:
            self._lose(window)
        if plan.batch:
            batch = plan.batch
            seconds = self._seconds(len(batch), max(run.hop for run in batch))
            seconds *= 1 + JITTER * self._chance.random()
            self.hour.busy += seconds
            self._free_at = self._now + seconds
            self._at(self._free_at, lambda: self._done(batch, seconds))

    def _done(self, batch: Sequence[Run[DayWindow]], seconds: float) -> None:
        self._scheduler.observe(batch, seconds, self._now)
        for run in batch:
            caller = self._callers.get(run.stream)
            for window in run.windows:
                if caller is None or not window.speech:
                    continue
                late = caller.answered(window, self._now)
                self.hour.at[window.preset] += window.hop - late
                self.hour.late += late
                self.hour.delays.append(1000 * caller.delay_s)

    def _lose(self, window: DayWindow) -> None:
        if window.speech:
            self.hour.late += window.hop

    def _seconds(self, batch: int, hop: int) -> float:
        """What a step takes. Sizes that were not measured are put together from those that were."""
        name = next(name for name, preset in self._profile.presets.items() if preset.hop >= hop)
        steps = sorted(self._profile.steps[name], key=lambda step: -step.batch)
        scale = hop / self._profile.presets[name].hop if self._profile.on_cpu else 1.0
        total, left = 0.0, batch
        while left:
            step = next((each for each in steps if each.batch <= left), steps[-1])
            total += step.p50 * scale
            left -= min(left, step.batch)
        return total

    def _at(self, at: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at, next(self._order), event))
