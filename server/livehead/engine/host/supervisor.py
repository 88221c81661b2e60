"""Who is in use: starts a worker, puts the one in reserve in its place when it is lost, or starts another one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import psutil

from livehead.cores import usable_cores
from livehead.engine.free_memory import free_gb
from livehead.engine.host.process import WorkerEvent, WorkerProcess
from livehead.engine.host.reserve import Reserve
from livehead.engine.host.standby_room import why_no_room
from livehead.engine.host.worker_life import Limits, WorkerLife
from livehead.engine.ipc.messages import Profiled, Ready, Start
from livehead.errors import EngineError

logger = logging.getLogger(__name__)

BACKOFF = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before the first, second, … restart in a row. The first is at once: people are watching."""

RESERVE_BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""The same for a worker that is lost in reserve: nobody is watching."""

CALM = 10.0
"""Seconds a worker must have been ready for its end to count as the first in a row again, and for another one to be
loaded beside it."""

SETTLE_S = 4.0
"""The same for the reserve of the first worker, where both work on the processor."""

WARM_S = 60.0
"""So long the reserve waits for the first worker to have done the rest of its warm-up."""

PATIENCE = 6.0
"""Times as long may a worker in reserve be silent or busy: it gives way to live sessions, who may leave it little."""

StandbyState: TypeAlias = Literal["off", "loading", "ready"]


class Supervisor:
    """:meth:`run` goes on until it is cancelled, and leaves no process behind.

    ``on_event`` gets what workers say, also the one in reserve; :attr:`in_use` tells which is which. ``on_down`` gets
    the worker in use when it is lost, the reason, and the error where it was never ready. Where another one takes over
    at once, ``on_take_over`` is called in place of that: it is told which one is lost; :attr:`in_use` is
    the other one then. All are called on the event loop.

    ``standby``: whether there is a reserve; None for one where there is room. It is loaded beside a worker that has
    been ready for ``calm`` seconds, and beside the first one sooner.
    """

    def __init__(
        self,
        start: Start,
        limits: Limits,
        *,
        standby: bool | None,
        backoff: Sequence[float],
        calm: float,
        on_event: Callable[[WorkerLife, WorkerEvent], None],
        on_down: Callable[[WorkerLife, str, EngineError | None], None],
        on_take_over: Callable[[WorkerLife], None],
    ) -> None:
        self.in_use: WorkerLife | None = None
        self.restarts = 0
        self.takeovers = 0
        self._start = start
        self._limits = limits
        self._standby = standby
        self._backoff = tuple(backoff)
        self._calm = calm
        self._on_event = on_event
        self._on_down = on_down
        self._on_take_over = on_take_over
        self._first: Ready | None = None
        self._losses = 0
        self._no_room = ""
        self._lives: set[WorkerLife] = set()
        self._reserve = Reserve(
            lambda: self._begin(replace(self._start, reserve=True), PATIENCE),
            calm=self._may_load,
            room=self._has_room,
            backoff=RESERVE_BACKOFF,
        )

    @property
    def worker(self) -> WorkerProcess | None:
        """The process in use."""
        return None if self.in_use is None else self.in_use.process

    @property
    def reserve(self) -> WorkerLife | None:
        """The worker in reserve, loaded or loading."""
        return self._reserve.life

    @property
    def standby(self) -> StandbyState:
        """How the reserve is doing."""
        if self._standby is False or self._no_room:
            return "off"
        return "ready" if self._reserve.ready else "loading"

    def remember(self, ready: Ready) -> None:
        """Workers started from now on are as this one, and do not measure the machine again, so that frames are back
        sooner."""
        self._first = ready
        self._start = replace(self._start, spec=ready.spec, profile=ready.profile)

    def correct(self, profiled: Profiled) -> None:
        """Remember what the worker has become instead of what it was when it was ready."""
        assert self._first is not None
        info, profile, footprint = profiled.info, profiled.profile, profiled.footprint
        self.remember(replace(self._first, info=info, profile=profile, footprint=footprint, warming_up=False))

    async def run(self) -> None:
        keeping = None if self._standby is False else asyncio.create_task(self._reserve.run(), name="engine-reserve")
        try:
            life = self._begin(self._start)
            while True:
                life = await self._use(life)
        finally:
            tasks = [life.task for life in self._lives] + ([] if keeping is None else [keeping])
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def _use(self, life: WorkerLife) -> WorkerLife:
        """Until it is lost. Returns the next one."""
        self.in_use = life
        life.limits = self._limits
        await life.gone.wait()
        self._losses = 1 if life.calm > CALM else self._losses + 1
        if not self._reserve.ready:
            await life.lost
        following = self._reserve.take()
        if following is not None and following.ready is not None:
            self.takeovers += 1
            self.in_use = following
            self._on_take_over(life)
            life.lost.add_done_callback(lambda lost: logger.error("%s: the one in reserve took over", lost.result()))
            return following
        self.in_use = None
        self.restarts += 1
        await self._give_up(life)
        if following is None:
            pause = self._backoff[min(self._losses, len(self._backoff)) - 1]
            logger.info("starting the engine again in %.1f s", pause)
            await asyncio.sleep(pause)
            following = self._begin(self._start)
        return following

    async def _give_up(self, life: WorkerLife) -> None:
        reason = await life.lost
        logger.error("engine down: %s", reason)
        self._on_down(life, reason, life.failure if life.ready is None else None)

    def _begin(self, start: Start, patience: float = 1.0) -> WorkerLife:
        limits = Limits(
            patience * self._limits.heartbeat, patience * self._limits.stuck, patience * self._limits.start_timeout
        )
        life = WorkerLife(start, limits, self._on_event)
        self._lives.add(life)
        life.task.add_done_callback(lambda _: self._lives.discard(life))
        return life

    # -- the reserve

    def _may_load(self) -> bool:
        """Portraits are prepared in the first seconds of a server, and not on its device."""
        life, first = self.in_use, self._first
        if life is None or life.ready is None or first is None:
            return False
        if first.warming_up and life.calm < WARM_S:
            return False  # it will be faster and take more, as soon as nobody is there
        again = self.takeovers + self.restarts > 0
        wait = self._calm if again else min(self._calm, SETTLE_S) if first.info.device == "cpu" else 0.0
        return life.calm >= wait

    def _has_room(self) -> bool:
        assert self._first is not None
        before, self._no_room = self._no_room, self._why_no_room(self._first) or ""
        if self._no_room and not before:
            level = logging.WARNING if self._standby else logging.INFO
            logger.log(level, "no worker in reserve: %s", self._no_room)
        return not self._no_room

    @staticmethod
    def _why_no_room(first: Ready) -> str | None:
        return why_no_room(
            first.footprint,
            on_cpu=first.info.device == "cpu",
            cores=usable_cores(),
            free_gb=free_gb(psutil.virtual_memory().available),
        )
