"""One caller, in a process of its own, so that it can be killed and what it costs is not the server's.

    python -m livehead.bench.soak.callers.caller FD

FD is one end of a pipe. The caller receives a :class:`CallerOrder` and goes from visit to visit, or probes, and sends a
report of each, until it is told ``"stop"`` or the pipe is closed; then ``"done"``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import time
from multiprocessing.connection import Connection

import uvloop

from livehead.bench.soak.callers.acts import Acts
from livehead.bench.soak.callers.babble import Babble
from livehead.bench.soak.callers.probe import Probe
from livehead.bench.soak.callers.reports import CallerOrder, VisitReport
from livehead.bench.soak.callers.server import CallersServer, RefusedError
from livehead.bench.soak.callers.visits import Visit, visits
from livehead.errors import LiveheadError

NICE = 5
"""On a machine with few cores callers are not to take the processor from the server and the probe."""

BETWEEN_S = 0.5
"""Between two visits."""

LONGEST_WAIT_S = 5.0
"""Where the server says to come back later, a caller does so after so long at most."""

SPARE_S = 200.0
"""A visit that takes so much longer than it should is given up. What it waits for has times of its own."""


class Caller:
    def __init__(self, order: CallerOrder, pipe: Connection) -> None:
        self._order = order
        self._pipe = pipe
        self._stop = asyncio.Event()

    async def run(self) -> None:
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._told)
        babble = Babble(self._order.seed * 1000 + self._order.number)
        async with CallersServer(self._order.url, self._order.key, self._order.patience) as server:
            if self._order.probe:
                await Probe(server, babble, self._stop, self._send).run()
                return
            acts = Acts(server, babble, self._stop)
            for visit in visits(self._order.seed, self._order.number, self._order.most_s):
                if self._stop.is_set():
                    return
                report = await self._visit(acts, visit)
                self._send(report)
                wait = BETWEEN_S
                if report.refusal is not None:
                    wait = min(LONGEST_WAIT_S, report.refusal.retry_after or LONGEST_WAIT_S)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._stop.wait()

    async def _visit(self, acts: Acts, visit: Visit) -> VisitReport:
        report = VisitReport(self._order.number, visit.kind, time.monotonic(), visit.bad_line, visit.ending)
        try:
            async with asyncio.timeout(visit.seconds + SPARE_S * self._order.patience):
                await acts.visit(visit, report)
        except RefusedError as error:
            report.refusal = error.refusal
        except TimeoutError:
            report.error = "it did not end in time"
        except (LiveheadError, OSError) as error:
            report.error = str(error) or type(error).__name__
        except Exception as error:
            logging.getLogger(__name__).exception("a visit failed")
            report.error = f"{type(error).__name__}: {error}"
        report.ends = time.monotonic()
        return report

    def _told(self) -> None:
        """Whatever it is, it is the end."""
        with contextlib.suppress(EOFError, OSError):
            self._pipe.recv()
        asyncio.get_running_loop().remove_reader(self._pipe.fileno())
        self._stop.set()

    def _send(self, report: object) -> None:
        with contextlib.suppress(OSError):  # nobody is there any more
            self._pipe.send(report)


def main(fd: int) -> None:
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("livehead.client").setLevel(logging.CRITICAL)  # what it loses is reported
    pipe = Connection(fd)
    try:
        order: CallerOrder = pipe.recv()
        if not order.probe:
            os.nice(NICE)
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Caller(order, pipe).run())
        pipe.send("done")
    except (EOFError, KeyboardInterrupt, OSError):
        return


if __name__ == "__main__":
    main(int(sys.argv[1]))
