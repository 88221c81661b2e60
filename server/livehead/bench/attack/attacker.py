"""The attacker, in a process of its own, so that what it costs is neither the server's nor the callers'.

    python -m livehead.bench.attack.attacker FD

It receives an :class:`~livehead.bench.attack.attack.AttackOrder`, says ``"ready"``, receives the
:class:`~livehead.bench.attack.wire.Target`, attacks it, and sends an :class:`~livehead.bench.attack.attack.Attacked`
at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import sys
import time
from multiprocessing.connection import Connection

import uvloop

from livehead.bench.attack.attack import Attacked, AttackOrder
from livehead.bench.attack.attacks.catalogue import ATTACKS
from livehead.bench.attack.line import Line
from livehead.bench.attack.wire import Target

NICE = 10
"""On a machine with few cores the attacker is not to take the processor from the server and the callers."""

FILES = 4096
ENDING_S = 5.0


async def attack(order: AttackOrder, target: Target) -> Attacked:
    line = Line(order.mbit)
    attacking = ATTACKS[order.name](target, line)
    task = asyncio.create_task(attacking.run(), name="attack")
    await asyncio.wait([task], timeout=order.seconds)
    error = None
    if task.done():
        error = repr(task.exception()) if task.exception() else "ended early"
    task.cancel()
    await asyncio.wait([task], timeout=ENDING_S)
    return Attacked(dict(attacking.outcome), line.sent, time.process_time(), error)


def main(fd: int) -> None:
    logging.disable(logging.CRITICAL)  # what breaks in the attacker's own connections is the purpose
    os.nice(NICE)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if hard < 0 else min(FILES, hard), hard))
    pipe = Connection(fd)
    try:
        order: AttackOrder = pipe.recv()
        pipe.send("ready")
        target: Target = pipe.recv()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            pipe.send(runner.run(attack(order, target)))
    except (EOFError, KeyboardInterrupt):
        return


if __name__ == "__main__":
    main(int(sys.argv[1]))
