"""``livehead serve`` as users start it, but for a watch that looks at its event loop 500 times a second, and a pipe
over which it says what the watch saw, and what there is in its memory.

    python tests/soak/watched_server.py FD serve --port 0 …

What is told is processor time of the event loop's thread, so that it does not matter what else the machine does.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import gc
import os
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import livehead.app
from fakes import FakeGenerator
from livehead.cli import main
from livehead.commands import serve
from livehead.engine.base import EngineSpec
from livehead.engine.capacity import measure
from livehead.engine.choice import Choice
from livehead.event_loop import EventLoopWatch
from livehead.settings import EngineSettings
from serving import ALONE, Process, started

PERIOD_S = 0.002
LONG_S = 0.012
"""A look that comes so late is worth a stack."""


@dataclass(frozen=True, slots=True)
class Held:
    """How long the event loop was held, in ms of processor time: at most, and in 999 of 1,000 looks. ``stacks`` are
    what it did then, by how often."""

    looks: int
    longest: float
    p999: float
    stacks: Counter[str]


class WatchedServer(Process):
    """``livehead serve`` with its pipe."""

    pipe: Connection

    def held(self) -> Held:
        """Since it was asked last."""
        held, stacks = self._ask("held")
        ordered = sorted(held)
        p999 = ordered[min(len(ordered) - 1, int(0.999 * len(ordered)))] if ordered else 0.0
        return Held(len(ordered), max(ordered, default=0.0) * 1e3, p999 * 1e3, Counter(stacks))

    def tasks(self) -> Counter[str]:
        """The event loop's tasks, by what they run."""
        return Counter(self._ask("tasks"))

    def objects(self) -> Counter[str]:
        """What the garbage collector knows, by type, after a collection."""
        return Counter(self._ask("objects"))

    def _ask(self, what: str) -> tuple[list[float], list[str]]:
        self.pipe.send(what)
        assert self.pipe.poll(60), "the server does not say anything"
        return self.pipe.recv()


@contextlib.contextmanager
def watched(
    folder: Path, *options: str, large: bool = False, stacks: bool = False, **environment: str
) -> Iterator[WatchedServer]:
    """Start it on a free port, wait until it is ready, and end it. ``large`` is with an engine that costs nothing, as
    if on a large machine. With ``stacks`` what holds the loop is noted, which holds it up a little itself."""
    ours, theirs = Pipe()
    how = ["stacks" if stacks else "", "large" if large else ""]
    command = [sys.executable, __file__, str(theirs.fileno()), *how, "serve", "--port", "0"]
    log = folder / "server.log"
    path = {"PYTHONPATH": os.pathsep.join(each or str(folder) for each in sys.path)}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*command, *options],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=ALONE | os.environ | path | environment,
            cwd=folder,
            pass_fds=[theirs.fileno()],
        )
    theirs.close()
    with ours, started(process, log) as server:
        found = WatchedServer(server.process, server.url, server.log)
        found.pipe = ours
        found.held()  # its start
        yield found


class Watch(EventLoopWatch):
    """Keeps every look."""

    def __init__(self, pipe: Connection, stacks: bool, observe: object) -> None:
        super().__init__(self._note, period=PERIOD_S)
        self._looks: collections.deque[float] = collections.deque(maxlen=2_000_000)
        self._stacks: collections.deque[str] = collections.deque(maxlen=5000)
        self._looked = time.thread_time()
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.get_ident()
        threading.Thread(target=self._answer, args=(pipe,), daemon=True).start()
        if stacks:
            threading.Thread(target=self._sample, daemon=True).start()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        await super()._run()

    def _note(self, delay: float, held: float) -> None:
        self._looks.append(held)
        self._looked = time.thread_time()

    def _answer(self, pipe: Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                match pipe.recv():
                    case "held":
                        looks, stacks = list(self._looks), list(self._stacks)
                        self._looks.clear()
                        self._stacks.clear()
                        pipe.send((looks, stacks))
                    case "tasks":
                        pipe.send(asyncio.run_coroutine_threadsafe(_tasks(), self._loop).result())
                    case "objects":
                        gc.collect()
                        pipe.send([type(each).__name__ for each in gc.get_objects()])

    def _sample(self) -> None:
        clock = time.pthread_getcpuclockid(self._thread)
        while True:
            time.sleep(0.004)
            if time.clock_gettime(clock) - self._looked > LONG_S:
                frame = sys._current_frames()[self._thread]
                self._stacks.append("".join(traceback.format_stack(frame)))


async def _tasks() -> list[str]:
    return [each.get_coro().__qualname__ for each in asyncio.all_tasks()]


CORES = 64.0
"""As if the machine were large: there is room for many calls, and for all that they ask of the event loop at once."""


def create(**options: Any) -> FakeGenerator:
    """The factory of an engine that costs nothing, on that machine; called in its worker."""
    measure.usable_cores = lambda: CORES
    return FakeGenerator(**options)


def _choose(settings: EngineSettings) -> Choice:
    return Choice("fake", None, EngineSpec("watched_server:create", {"device": "cpu", "max_batch": 16}), "as asked")


if __name__ == "__main__":  # the engine's worker imports this module for its factory
    livehead.app.EventLoopWatch = functools.partial(Watch, Connection(int(sys.argv[1])), sys.argv[2] == "stacks")
    if sys.argv[3] == "large":
        serve.choose = _choose
    sys.exit(main(sys.argv[4:]))
