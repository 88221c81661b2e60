"""A ``livehead serve`` of our own on a free port, to measure."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from livehead.bench.http import fetch
from livehead.errors import LiveheadError

START_S = 120.0
STOP_S = 20.0
ADDRESS = "Livehead is at "

ONE_MANY = {
    "LIVEHEAD_MAX_SESSIONS_PER_ADDRESS": "1000",
    "LIVEHEAD_MAX_PENDING_PER_ADDRESS": "1000",
    "LIVEHEAD_MAX_CONNECTIONS_PER_ADDRESS": "1000",
    "LIVEHEAD_OFFERS_PER_SECOND": "1000",
}
"""All callers of a benchmark have one address. What it may take is no limit to what is measured."""


ALONE = {"LIVEHEAD_STANDBY": "no"}
"""A second worker that is loaded meanwhile would be measured, too."""


KEYS = ("LIVEHEAD_KEYS", "LIVEHEAD_API_KEYS")


@dataclass(frozen=True, slots=True)
class OwnServer:
    """``log`` is the file of its standard output and error."""

    url: str
    pid: int
    log: Path


@contextlib.contextmanager
def own_server(options: Mapping[str, object], environment: Mapping[str, str] = ONE_MANY) -> Iterator[OwnServer]:
    """Start it with these settings by name, and these in its environment; wait until it is ready, and stop it at the
    end, which SIGTERM brings about as Ctrl-C does. Keys that the environment of this process names are not its own.
    Raises LiveheadError with the last line of its log if it does not start."""
    given = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    with _ended_by_sigterm(), tempfile.TemporaryDirectory(prefix="livehead-bench-") as folder:
        log = Path(folder) / "server.log"
        inherited = {name: value for name, value in os.environ.items() if name not in KEYS}
        path = os.pathsep.join(each or os.getcwd() for each in sys.path)
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "livehead", "serve", "--port", "0", "--data-dir", folder, *given],
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=ALONE | inherited | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | dict(environment),
                process_group=0,  # Ctrl-C reaches us, and we stop it
            )
        try:
            yield OwnServer(_ready(process, log), process.pid, log)
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """As KeyboardInterrupt. Handlers of signals are the main thread's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _ready(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        lines = log.read_text(errors="replace").splitlines()
        if process.poll() is not None:
            raise LiveheadError(f"The server did not start: {lines[-1] if lines else 'it printed nothing'}")
        for line in lines:
            if line.startswith(ADDRESS):
                url = line.removeprefix(ADDRESS).strip()
                with contextlib.suppress(LiveheadError):
                    fetch(f"{url}/readyz")
                    return url
        time.sleep(0.1)
    raise LiveheadError(f"The server was not ready within {START_S:.0f} s.")
