"""The worker process: the one process that owns the generator and its device.

Its main thread makes the generator and runs :mod:`livehead.engine.worker.loop`; the threads of
:mod:`livehead.engine.ipc.endpoint` talk to the host meanwhile.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livehead.avatars import DEFAULT_ID, builtin_avatars, load_portrait
from livehead.engine.base import Generator, GeneratorInfo, WarmingUp
from livehead.engine.capacity.measure import measure_profile
from livehead.engine.capacity.profile import Profile
from livehead.engine.factory import make, warm_up_whole
from livehead.engine.ipc.endpoint import Endpoint, leave
from livehead.engine.ipc.frame_ring import FrameRing
from livehead.engine.ipc.messages import Failed, Profiled, Ready, Start
from livehead.engine.look import looks_of
from livehead.engine.worker.faults import typed
from livehead.engine.worker.footprint import FootprintMeter, device_of
from livehead.engine.worker.growth import Growth
from livehead.engine.worker.loop import WorkerLoop
from livehead.engine.worker.preparer import give_way
from livehead.engine.worker.real_time import Made, make_in_real_time
from livehead.engine.worker.rehearsal import rehearse
from livehead.logs import configure, flush

OOM_SCORE = 500
"""As if this process took half of the memory that there is on top of its own."""


def _portrait() -> NDArray[np.uint8]:
    return load_portrait(next(avatar.path for avatar in builtin_avatars() if avatar.id == DEFAULT_ID))


def _measure(generator: Generator) -> Profile:
    return measure_profile(generator, _portrait())


def _load(start: Start) -> Made:
    """Only the first worker is timed. One in reserve does once what it has never done before, so that this is not left
    to the moment in which live streams wait for it."""
    if start.profile is None:
        return make_in_real_time(start.spec, _measure)
    generator = make(start.spec)
    if start.reserve:
        warm_up_whole(generator)
        rehearse(generator, _portrait())
    return Made(generator, start.profile, start.spec)


def _load_patiently(start: Start) -> Made:
    """The same in a thread that gives way to live streams, since a process that gave way could not come back."""

    def give_way_and_load() -> Made:
        give_way()
        return _load(start)

    with ThreadPoolExecutor(1, "load") as pool:
        return pool.submit(give_way_and_load).result()


def serve(memory: int, start: Start, endpoint: Endpoint) -> None:
    """Make the generator and the ring, say so, and work."""
    meter = FootprintMeter(start.spec)
    patiently = start.reserve and device_of(start.spec) == "cpu"  # libraries of devices keep state in a thread
    made = _load_patiently(start) if patiently else _load(start)
    generator, profile = made.generator, made.profile
    info = generator.info
    # The largest batch fits at once, and some more while the host copies that out.
    slots = info.max_batch * info.window + max(32, info.window)
    if "transparent" in info.looks:
        slots *= 2
    ring = FrameRing(memory, width=info.width, height=info.height, slots=slots, create=True)
    growth = None
    if isinstance(generator, WarmingUp) and generator.warming_up:
        growth = Growth(
            generator,
            lambda: _measure(generator),
            lambda profile: endpoint.send(Profiled(_described(made), profile, meter.read())),
        )
    endpoint.send(Ready(_described(made), slots, profile, meter.read(), made.spec, warming_up=growth is not None))
    WorkerLoop(
        generator,
        ring,
        endpoint,
        backlog=start.backlog,
        max_batch=profile.max_batch(generator.info),
        measured=profile.alone(),
        reserve=start.reserve,
        growth=growth,
    ).run()


def _described(made: Made) -> GeneratorInfo:
    """The generator with all backgrounds that a stream can have, also those that are composed into its portrait, and
    with the reason for its size where that was not asked for."""
    info = made.generator.info
    details = {**info.details, "size": made.why} if made.why else info.details
    return replace(info, looks=looks_of(info), details=details)


def _be_killed_first() -> None:
    """Where the machine has no memory left, Linux kills this process rather than the server: another worker is there
    in a moment, and calls go on."""
    if sys.platform == "linux":
        with suppress(OSError):  # where /proc is not ours to write, as in some containers
            Path("/proc/self/oom_score_adj").write_text(f"{OOM_SCORE}")


def main(pipe_fd: int, memory: int) -> int:
    # The host owns the shutdown: a Ctrl-C or a service manager's TERM to the whole group must not take the
    # frames away while the server still drains. When the host is gone, the pipe's end says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for descriptor in (pipe_fd, memory):
        os.set_inheritable(descriptor, False)  # a helper process that held the pipe would hide this one's end
    pipe: Connection = Connection(pipe_fd)
    try:
        start = pipe.recv()
    except EOFError:
        return 0
    form, replica = start.log
    configure(debug=start.debug, form=form, replica=replica)
    os.nice(start.nice)
    _be_killed_first()
    endpoint = Endpoint(pipe, backlog=start.backlog, heartbeat_period=start.heartbeat_period)
    endpoint.start()
    try:
        serve(memory, start, endpoint)
    except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told and starts anew
        endpoint.send(Failed(typed(error), traceback.format_exc()))
        return 1
    return 0


if __name__ == "__main__":
    code = main(int(sys.argv[1]), int(sys.argv[2]))
    flush()
    leave(code)
