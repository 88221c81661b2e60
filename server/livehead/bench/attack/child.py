"""A helper of the benchmark as a process of its own, with a pipe to it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

END_S = 3.0


@dataclass(slots=True)
class Child:
    process: subprocess.Popen[bytes]
    pipe: Connection

    def receive(self, seconds: float) -> Any:
        """Its next message; None when none comes in time or it has ended."""
        try:
            return self.pipe.recv() if self.pipe.poll(seconds) else None
        except (EOFError, OSError):
            return None


@contextlib.contextmanager
def child(module: str, first: object) -> Iterator[Child]:
    """``python -m MODULE FD``, which gets ``first`` over its pipe. It is always ended."""
    ours, theirs = Pipe()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(each or os.getcwd() for each in sys.path)},
        stdin=subprocess.DEVNULL,
        process_group=0,
    )
    theirs.close()
    try:
        ours.send(first)
        yield Child(process, ours)
    finally:
        ours.close()
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
