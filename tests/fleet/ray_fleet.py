"""``livehead fleet`` on a Ray of this machine, as a user starts it, for tests."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from waiting import PATIENCE

START_S = 60.0
END_S = 30.0

CHEAP = ("--engine", "preview", "--size", "64", "--no-standby")
"""Small pictures, and no second worker: the machine has little to do for a session."""


@dataclass
class RayFleet:
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()

    def states(self) -> dict[str, str]:
        """What the command last said of each replica."""
        found = (re.search(r"fleet\.ray\.run: replica (\w+): (\w+)", line) for line in self.lines())
        return {each[1]: each[2] for each in found if each}

    def having(self, state: str) -> list[str]:
        """Replicas that are in that state."""
        return [name for name, known in self.states().items() if known == state]

    @property
    def ray(self) -> str:
        """The address of the Ray that it has started."""
        return next(found[1] for line in self.lines() if (found := re.search(r"Ray runs at (\S+) until", line)))

    def said(self, words: str) -> bool:
        return any(words in line for line in self.lines())


def server_of(replica: str) -> int:
    """The process id of a replica's server."""
    return next(pid for pid, variables in servers().items() if f"LIVEHEAD_REPLICA={replica}" in variables)


def servers() -> dict[int, list[str]]:
    """The servers of all fleets of this machine, by their process ids, with their environment."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"livehead.fleet.leash" in (place / "cmdline").read_bytes().split(b"\0"):
                found[int(place.name)] = (place / "environ").read_bytes().decode(errors="replace").split("\0")
    return found


@contextlib.contextmanager
def running_fleet(folder: Path, *options: str, **environment: str) -> Iterator[RayFleet]:
    """Start the command, wait until it says that it is ready, and end it. Where no address is given, its Ray is a new
    one. The log is shown where a test fails."""
    log = folder / f"fleet-{len(list(folder.glob('fleet-*')))}.log"
    command = [
        sys.executable,
        "-m",
        "livehead",
        "fleet",
        "--data-dir",
        str(folder / "data"),
        "--port",
        "0",
        *CHEAP,
        *options,
    ]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdout=sink, stderr=subprocess.STDOUT, cwd=folder, env=os.environ | environment
        )
    fleet = RayFleet(process, "", log)
    try:
        fleet.url = _url(fleet)
        yield fleet
    finally:
        end(fleet)
        print("\n".join(fleet.lines()))


def end(fleet: RayFleet, number: int = signal.SIGTERM) -> int:
    """End it as a user would; returns its exit status."""
    if fleet.process.poll() is None:
        fleet.process.send_signal(number)
    try:
        return fleet.process.wait(END_S * PATIENCE)
    except subprocess.TimeoutExpired:
        fleet.process.kill()
        raise


def _url(fleet: RayFleet) -> str:
    until = time.monotonic() + START_S * PATIENCE
    while time.monotonic() < until:
        assert fleet.process.poll() is None, "\n".join(fleet.lines())
        found = [line.split()[-1] for line in fleet.lines() if line.startswith("Livehead is at ")]
        if found:
            return found[0]
        time.sleep(0.2)
    raise AssertionError("\n".join(["the fleet was not ready:", *fleet.lines()]))
