"""What a wheel has to fit: this Python, and the torch that it has. Torch is asked in a process of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass

SECONDS = 60.0

_ASK = """
import json, torch
print(json.dumps([torch.__version__, torch.version.cuda, bool(torch._C._GLIBCXX_USE_CXX11_ABI)]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """``python`` and ``platform`` as in the names of wheels: ``cp312``, ``linux_x86_64``. ``torch`` is a version,
    ``cuda`` the one that it was built for, ``abi`` whether its C++ ABI is that of C++11; None where there is none.
    ``error`` says why torch could not be asked."""

    python: str
    platform: str
    torch: str | None = None
    cuda: str | None = None
    abi: bool | None = None
    error: str = ""


def this_python() -> Interpreter:
    """This interpreter, without its torch."""
    return Interpreter(
        f"cp{sys.version_info.major}{sys.version_info.minor}", f"{sys.platform}_{platform.machine().lower()}"
    )


def ask_interpreter(seconds: float = SECONDS) -> Interpreter:
    """This interpreter and its torch. Takes as long as importing torch does, some seconds."""
    here = this_python()
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _ASK],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Interpreter(here.python, here.platform, error=f"torch did not answer within {seconds:.0f} s")
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"it exited with {done.returncode}"])[-1]
        missing = "No module named 'torch'" in last
        return Interpreter(
            here.python, here.platform, error="torch is not installed" if missing else f"torch cannot be used: {last}"
        )
    torch, cuda, abi = json.loads(done.stdout.strip().splitlines()[-1])
    return Interpreter(here.python, here.platform, torch, cuda, abi)
