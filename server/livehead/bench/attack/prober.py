"""Asks for /healthz all the time, in a process of its own and from an address of its own.

    python -m livehead.bench.attack.prober FD

It receives a :class:`~livehead.bench.attack.wire.Target`, and sends lists of
:class:`~livehead.bench.attack.health.Probe` until it is ended. A new probe begins every 50 ms, whether or not those
before it were answered: a server that is silent for a second shows in twenty probes, not in one.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from multiprocessing.connection import Connection

from livehead.bench.attack.health import EVERY_S, PATIENCE_S, REPORT_S, Probe
from livehead.bench.attack.line import Line
from livehead.bench.attack.wire import Target, Wire


async def _ask(target: Target, done: list[Probe]) -> None:
    sent, took = time.monotonic(), math.inf
    try:
        async with asyncio.timeout(PATIENCE_S):
            wire = await Wire.open(target, Line(1000))
            try:
                answer = await wire.request("GET", "/healthz", headers={"Connection": "close"})
            finally:
                wire.abort()
        if answer.status == 200:
            took = (time.monotonic() - sent) * 1000
    except (OSError, EOFError, TimeoutError):
        await asyncio.sleep(0)  # a failure, and counted as one below
    done.append(Probe(sent, took))


async def _watch(target: Target, pipe: Connection) -> None:
    done: list[Probe] = []
    begun = reported = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(sys.maxsize):
            await asyncio.sleep(max(0.0, begun + number * EVERY_S - time.monotonic()))
            group.create_task(_ask(target, done))
            if done and time.monotonic() - reported > REPORT_S:
                pipe.send(done[:])
                done.clear()
                reported = time.monotonic()


def main(fd: int) -> None:
    pipe = Connection(fd)
    try:
        asyncio.run(_watch(pipe.recv(), pipe))
    except (EOFError, KeyboardInterrupt, OSError):
        return
    except ExceptionGroup:
        return


if __name__ == "__main__":
    main(int(sys.argv[1]))
