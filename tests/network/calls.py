"""Measuring clients at the far ends of the links, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from lab import Lab

from livehead.bench.latency.client import ClientSpec, MeasuredSpan
from livehead.bench.latency.recorders.recording import Recording

AUDIO_S = 60.0
START_S = 40.0


class Call:
    """One client's. ``spec.stimulus`` is what it says into its microphone."""

    def __init__(self, link: str, spec: ClientSpec, process: subprocess.Popen[bytes], pipe: Connection) -> None:
        self.link = link
        self.spec = spec
        self._process = process
        self._pipe = pipe

    def dial(self) -> None:
        self._expect("ready", START_S)
        self._pipe.send("go")

    def live(self) -> None:
        """Wait for the first frame."""
        self._expect("live", START_S)

    def measure(self, begins: float, ends: float) -> None:
        self._pipe.send(MeasuredSpan(begins, ends))

    def recording(self, within: float) -> Recording:
        said = self._receive(within)
        assert isinstance(said, Recording)
        assert said.error is None, f"{self.link}: {said.error}"
        return said

    def end(self) -> None:
        self._pipe.close()
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _expect(self, word: str, within: float) -> None:
        said = self._receive(within)
        assert said == word, f"{self.link}: {getattr(said, 'error', said)}"

    def _receive(self, within: float) -> Any:
        assert self._pipe.poll(within), f"{self.link}: the client says nothing"
        return self._pipe.recv()


@contextlib.contextmanager
def calling(lab: Lab, port: int, links: list[str], latency: str | None = None) -> Iterator[list[Call]]:
    """Clients that are connected and see frames; none is left behind."""
    with contextlib.ExitStack() as stack:
        calls = []
        for seed, link in enumerate(links):
            spec = ClientSpec(f"http://{lab.host(link)}:{port}", latency, None, AUDIO_S, 0.0, 0.0, seed)
            ours, theirs = Pipe()
            with lab.inside(link):
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "livehead.bench.latency.client", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
                    stdin=subprocess.DEVNULL,
                )
            theirs.close()
            call = Call(link, spec, process, ours)
            stack.callback(call.end)
            ours.send(spec)
            calls.append(call)
        for call in calls:
            call.dial()
            time.sleep(0.2)
        for call in calls:
            call.live()
        yield calls
