"""A process that decodes one file of a stranger's, and ends with it.

It is started from a thread, with ``vfork``. The event loop's own way forks, which copies the page tables of a server
that is full of pictures, 10 to 30 ms, and waits in the loop until the other program runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LOGGED = 2000
"""Characters of what a decoder says on stderr."""

_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
"""Variables of the environment that the decoder gets: the server's secrets are in others."""

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Ended:
    """``code`` is negative for a signal; ``complaint`` is the end of what it said on stderr."""

    code: int
    output: bytes
    complaint: str


class DecoderProcess:
    """:meth:`run` blocks until it has ended; :meth:`kill` ends it from any thread, also before it was started.

    ``most`` bounds the bytes of its output that are read; ``seconds`` is how long it may take by the clock."""

    def __init__(self, command: tuple[str, ...], *, most: int, seconds: float) -> None:
        self._command = command
        self._most = most
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def run(self, data: bytes = b"") -> Ended:
        """``data`` is its standard input. What took too long has ended by SIGALRM, what was killed by SIGKILL. Raises
        OSError where there is no process to be had."""
        with _memory(data) as given, _memory() as made, _memory() as said:
            code = self._run(given, made, said)
            complaint = _read(said, self._most).decode(errors="replace")[-MAX_LOGGED:].strip()
            return Ended(code, _read(made, self._most), complaint)

    def kill(self) -> None:
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.kill()

    def _run(self, given: int, made: int, said: int) -> int:
        with self._lock:
            if self._killed:
                return -signal.SIGKILL
            self._process = process = subprocess.Popen(
                self._command,
                stdin=given,
                stdout=made,
                stderr=said,
                env=_environment(),
                start_new_session=True,  # Ctrl-C in a terminal is for the server
            )
        try:
            return process.wait(self._seconds)
        except subprocess.TimeoutExpired:
            return -signal.SIGALRM
        finally:
            process.kill()
            process.wait()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}


@contextlib.contextmanager
def _memory(data: bytes = b"") -> Iterator[int]:
    """A file in memory: unlike a pipe, it needs nobody to write and read at the other end meanwhile, and its size is
    bounded by the largest file that the process may write."""
    handle = os.memfd_create("livehead-decoder", os.MFD_CLOEXEC)
    try:
        with open(handle, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


def _read(handle: int, most: int) -> bytes:
    os.lseek(handle, 0, os.SEEK_SET)
    with open(handle, "rb", closefd=False) as file:
        return file.read(most)
