"""Programs of deploy/ as they are started there: run until they say that they are ready, and ended after the test."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

WITHIN_S = 120.0


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str], ready: Callable[[str], bool]
) -> Iterator[None]:
    """Run ``command`` in the folder of ``log``. ``ready`` is asked with what it has said so far."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdout=sink, stderr=subprocess.STDOUT, env=os.environ | environment, cwd=log.parent
        )
    try:
        until = time.monotonic() + WITHIN_S
        while not ready(log.read_text()):
            assert process.poll() is None, f"it ended:\n{log.read_text()}"
            assert time.monotonic() < until, f"it is not ready:\n{log.read_text()}"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
