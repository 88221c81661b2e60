"""The measuring clients as processes: started, led through a call together, and always ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

from livehead.bench.latency.client import ClientSpec
from livehead.bench.latency.recorders.recording import Recording

END_S = 5.0


@dataclass(slots=True)
class ClientProcess:
    """A process of :mod:`livehead.bench.latency.client` and our end of its pipe."""

    process: subprocess.Popen[bytes]
    pipe: Connection

    def receive(self) -> Any:
        """Its next message; a recording of the failure if it has ended."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            return Recording(error="the measuring client ended by itself")


@contextlib.contextmanager
def client_processes(specs: Sequence[ClientSpec]) -> Iterator[list[ClientProcess]]:
    """One process for each spec. None is left behind."""
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    clients: list[ClientProcess] = []
    try:
        for spec in specs:
            ours, theirs = Pipe()
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "livehead.bench.latency.client", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
            theirs.close()
            clients.append(ClientProcess(process, ours))
            ours.send(spec)
        yield clients
    finally:
        for client in clients:
            client.pipe.close()
            if client.process.poll() is None:
                client.process.terminate()
        for client in clients:
            try:
                client.process.wait(END_S)
            except subprocess.TimeoutExpired:
                client.process.kill()
                client.process.wait()


def await_clients(
    clients: Sequence[ClientProcess], done: dict[int, Recording], word: str | None, seconds: float
) -> None:
    """Wait until every client that is not in ``done`` has said ``word`` or given its recording, which is put into
    ``done``. One that does neither within ``seconds`` gets a recording of that failure."""
    until = time.monotonic() + seconds
    pending = {client.pipe: number for number, client in enumerate(clients) if number not in done}
    while pending:
        ready = wait(list(pending), max(0.0, until - time.monotonic()))
        if not ready:
            for number in pending.values():
                done[number] = Recording(error=f"the measuring client did not answer within {seconds:.0f} s")
            return
        for pipe in ready:
            assert isinstance(pipe, Connection)
            number = pending.pop(pipe)
            message = clients[number].receive()
            if isinstance(message, Recording):
                done[number] = message
            elif message != word:
                pending[pipe] = number
