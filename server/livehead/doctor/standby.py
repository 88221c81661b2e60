"""Whether there is room for a worker in reserve, as far as that can be known before there is a first one."""

from __future__ import annotations

from collections.abc import Iterator

from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, ok, warn
from livehead.engine.choice import choose
from livehead.engine.host.standby_room import why_no_room
from livehead.engine.ipc.messages import Footprint
from livehead.errors import EngineError
from livehead.settings import Settings

USUAL_GB = {"preview": 0.15, "flashhead": 3.0}
"""What a worker takes of the machine's memory."""


def check_standby(settings: Settings, environment: Environment) -> Iterator[Finding]:
    asked = settings.engine.standby
    if asked is False:
        yield ok("standby", "no worker in reserve, as asked")
        return
    try:
        name = choose(settings.engine).name
    except EngineError:
        return  # check_engine reports it
    on_cpu = name == "preview" or settings.engine.device == "cpu"
    free = environment.free_memory_gb()
    missing = why_no_room(Footprint(USUAL_GB[name]), on_cpu=on_cpu, cores=environment.cores(), free_gb=free)
    if missing is None:
        rest = "" if on_cpu else ", if the GPU has as much memory left as the first one takes"
        yield ok("standby", f"there is room for a worker in reserve{rest}")
    elif asked:
        yield warn("standby", f"no worker in reserve: {missing}", "Free that, or serve with --no-standby.")
    else:
        yield ok("standby", f"no worker in reserve: {missing}")
