"""CPU and memory of a process with its children."""

from __future__ import annotations

import subprocess
import sys
import time

from livehead.bench.usage import family, usage

PARENT = """
import subprocess, sys
code = "kept = bytearray(64 << 20); print('up', flush=True)\\nwhile True: pass"
child = subprocess.Popen([sys.executable, "-c", code])
child.wait()
"""


def test_children_count_with_their_parent() -> None:
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        before = usage(process.pid)
        time.sleep(1.0)
        after = usage(process.pid)
        assert len(family(process.pid)) == 2
        assert 0.1 < after.cpu_s - before.cpu_s < 1.5
        assert after.rss_mb > 64
        assert after.machine_s - before.machine_s >= 0.9 * (after.cpu_s - before.cpu_s)
    finally:
        for each in reversed(family(process.pid)):
            each.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_process_that_is_gone_takes_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert usage(process.pid).cpu_s == 0
