"""A benchmark's own server never outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil

from waiting import PATIENCE

MEASURING = """
import time
from livehead.bench.server_process import own_server

with own_server({"engine": "preview", "size": 64}) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""


def test_a_benchmark_that_is_told_to_end_stops_its_server() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", MEASURING], stdout=subprocess.PIPE, env=environment) as measuring:
        assert measuring.stdout is not None
        server = psutil.Process(int(measuring.stdout.readline()))
        family = [server, *server.children(recursive=True)]
        measuring.send_signal(signal.SIGTERM)
        assert measuring.wait(30 * PATIENCE) != 0
    assert len(family) > 1
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
