"""``python -m livehead`` as a child that does not outlive its parent: ``python -m livehead.fleet.leash serve …``."""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

PARENT = "LIVEHEAD_PARENT"
"""Environment variable: the id of the process that this one ends with."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when the thread that started it ends, however that comes about."""


def hold(parent: int) -> None:
    """End with the process ``parent``, at once, even where that is killed. Linux alone can do that; elsewhere nothing
    is done."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it ended before
        os._exit(1)


if __name__ == "__main__":
    hold(int(os.environ.pop(PARENT)))
    runpy.run_module("livehead", run_name="__main__", alter_sys=True)
