"""The callers as processes: started, listened to, started anew where one was killed, and always ended."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Self

from livehead.bench.attack.child import Child, child
from livehead.bench.soak.callers.reports import CallerOrder, ProbeReport, VisitReport

MODULE = "livehead.bench.soak.callers.caller"
END_S = 120.0
"""How long the last visits may take to end, with their films."""


@dataclass(slots=True)
class _Running:
    order: CallerOrder
    child: Child
    stack: contextlib.ExitStack
    killed: bool = False


class CallerProcesses:
    """A context manager. ``visits`` and ``probes`` are what was told so far; ``lost`` counts callers that ended by
    themselves."""

    def __init__(self, orders: Sequence[CallerOrder]) -> None:
        self.visits: list[VisitReport] = []
        self.probes: list[ProbeReport] = []
        self.lost = 0
        self._orders = orders
        self._running: dict[Connection, _Running] = {}
        self._lock = threading.Lock()  # of _running: faults are thrown by another thread
        self._ended = False

    def __enter__(self) -> Self:
        for order in self._orders:
            self._start(order)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            running = list(self._running.values())
            self._running.clear()
        for each in running:
            each.stack.close()

    def listen(self, seconds: float) -> None:
        """Take in what is told within so many seconds."""
        until = time.monotonic() + seconds
        while True:
            with self._lock:
                pipes = list(self._running)
            for pipe in wait(pipes, max(0.0, until - time.monotonic())) if pipes else ():
                assert isinstance(pipe, Connection)
                self._take(pipe)
            if time.monotonic() >= until or not pipes:
                time.sleep(max(0.0, until - time.monotonic()))
                return

    def kill(self, chance: random.Random) -> None:
        """One that makes visits, as if its machine were gone."""
        with self._lock:
            visitors = [each for each in self._running.values() if not each.order.probe and not each.killed]
            if visitors:
                killed = chance.choice(visitors)
                killed.killed = True
                killed.child.process.kill()

    def finish(self, patience: float) -> int:
        """Tell all to stop, and wait until they have. How many did not."""
        self._ended = True
        with self._lock:
            running = list(self._running.values())
        for each in running:
            with contextlib.suppress(OSError):
                each.child.pipe.send("stop")
        until = time.monotonic() + END_S * patience
        while self._running and time.monotonic() < until:
            self.listen(0.2)
        return len(self._running)

    def _start(self, order: CallerOrder) -> None:
        stack = contextlib.ExitStack()
        started = stack.enter_context(child(MODULE, order))
        with self._lock:
            self._running[started.pipe] = _Running(order, started, stack)

    def _take(self, pipe: Connection) -> None:
        try:
            told = pipe.recv()
        except (EOFError, OSError):
            told = None
        if isinstance(told, VisitReport):
            self.visits.append(told)
        elif isinstance(told, ProbeReport):
            self.probes.append(told)
        else:
            self._over(pipe, done=told == "done")

    def _over(self, pipe: Connection, *, done: bool) -> None:
        """One has ended; where it is not the end of all, another one takes its place, and draws other visits."""
        with self._lock:
            over = self._running.pop(pipe)
        over.stack.close()
        self.lost += not done and not over.killed
        if not self._ended:
            order = over.order
            number = order.number + len(self._orders)
            self._start(
                CallerOrder(order.url, order.key, order.seed, number, order.most_s, order.patience, order.probe)
            )
