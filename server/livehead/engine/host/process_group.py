"""A child process and its helpers, ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress

_POLL_S = 0.01


class ProcessGroup:
    """A child that was started as the leader of its own process group (``process_group=0``).

    The group is only ever killed while its leader has not been reaped: until then nobody else can be given its number.
    Any thread may call any method.
    """

    def __init__(self, leader: subprocess.Popen[bytes]) -> None:
        self._leader = leader
        self._lock = threading.Lock()
        self._code: int | None = None

    @property
    def pid(self) -> int:
        return self._leader.pid

    @property
    def ended(self) -> bool:
        """Whether the leader has ended; helpers may outlive it. Never reaps it."""
        with self._lock:
            return self._code is not None or self._has_ended()

    def kill(self) -> None:
        """Kill the leader and all its helpers. Does nothing once they have been ended."""
        with self._lock:
            if self._code is None:
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)

    def end(self, grace: float) -> int:
        """Give the leader ``grace`` seconds to end, kill what is left of the group, and reap the leader. Blocks.

        Returns its exit code, or minus the signal that killed it. May be called twice.
        """
        deadline = time.monotonic() + grace
        while not self.ended and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        self.kill()
        while not self.ended:
            time.sleep(_POLL_S)
        with self._lock:
            if self._code is None:
                self._code = self._leader.wait()
            return self._code

    def _has_ended(self) -> bool:
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # somebody else reaped it
            return True
