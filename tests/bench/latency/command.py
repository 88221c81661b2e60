"""``livehead bench latency`` in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "livehead", "bench", "latency", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
