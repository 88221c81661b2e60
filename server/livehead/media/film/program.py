"""The process that writes a film or makes one complete, as the server sees it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import select
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self, cast

COMMAND = (sys.executable, "-P", "-m", "livehead.media.film.main")

_PIPE_BYTES = 1024 * 1024
_LAST_S = 5.0

logger = logging.getLogger(__name__)


class Program:
    """A context manager: the process does not outlive it. ``descriptors`` are inherited. Everything blocks."""

    def __init__(self, command: tuple[str, ...], *descriptors: int) -> None:
        """Raises ``OSError``."""
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=descriptors)
        self.input = cast(BinaryIO, self._process.stdin)
        self._output = cast(BinaryIO, self._process.stdout).fileno()
        self._lines = b""
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with suppress(OSError):  # a user may have only so much in pipes
                fcntl.fcntl(self.input, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_input()
        try:
            self._process.wait(_LAST_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        complaint = cast(BinaryIO, self._process.stderr).read().decode(errors="replace").strip()
        for pipe in (self._process.stdout, self._process.stderr):
            cast(BinaryIO, pipe).close()
        if self._process.returncode:
            logger.warning("a film's process ended with %d: %s", self._process.returncode, complaint[-200:])

    @property
    def status(self) -> int | None:
        """What it ended with; 1 says that it could not read or write a film. None before."""
        return self._process.returncode

    def end_input(self) -> None:
        """It has got everything. Twice is once."""
        with suppress(OSError):
            self.input.close()

    def kill(self) -> None:
        """From any thread."""
        self._process.kill()

    def seconds(self, within: float) -> float | None:
        """The seconds of film that the process tells next, None where it ends instead or takes longer."""
        while b"\n" not in self._lines:
            if not select.select([self._output], [], [], within)[0]:
                return None
            data = os.read(self._output, 4096)
            if not data:
                return None
            self._lines += data
        line, _, self._lines = self._lines.partition(b"\n")
        return float(json.loads(line)["seconds"])
