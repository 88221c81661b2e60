"""One life of the worker process, seen from the host: its pipe, its frame ring, its two threads.

The worker is started with ``subprocess`` and not with ``multiprocessing``: the spawned child would
import the parent's main module again (the whole server, a second or two of every restart), and a
daemonic parent could not start it at all. What it inherits is a socket, the ring's memory and the
parent's import path, nothing else.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TypeAlias

from livehead.core.frame import Frame
from livehead.engine.host.process_group import ProcessGroup
from livehead.engine.ipc.frame_ring import FrameRing, create_memory
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import FramesReady, Heartbeat, Ready, Start, Stop, ToHost
from livehead.engine.ipc.receiving import receive
from livehead.errors import EngineError

logger = logging.getLogger(__name__)

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""By default numeric libraries start a thread per core and spin while they wait, which on two cores takes time from
the event loop. One stream's frame is little work: one thread in the worker is enough. A value that the user has set
in the environment wins."""


@dataclass(frozen=True, slots=True, eq=False)
class FramesArrived:
    """Frames, already copied out of the ring."""

    ready: FramesReady
    frames: list[Frame]


@dataclass(frozen=True, slots=True)
class PipeEnded:
    """The worker has closed its end of the pipe, or died: nothing more comes from it but :class:`WorkerLost`, which may
    take as long as the system needs to clear up a process."""


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker is gone. Nothing comes after it."""

    reason: str


WorkerEvent: TypeAlias = ToHost | FramesArrived | PipeEnded | WorkerLost


class WorkerProcess:
    """Starts, reads, writes and ends one worker.

    What is put into ``outbox`` is sent to it. ``deliver`` is called in a thread of this object's own, once for every
    message from the worker and last of all with :class:`WorkerLost`. :meth:`launch` and :meth:`close` block: call them
    from a thread.
    """

    def __init__(self, start: Start, deliver: Callable[[WorkerEvent], None]) -> None:
        self.outbox = MessageQueue(start.backlog)
        self._start = start
        self._deliver = deliver
        self._lock = threading.Lock()
        self._group: ProcessGroup | None = None
        self._threads: list[threading.Thread] = []
        self._pipe: Connection | None = None
        self._heard = time.monotonic()
        self._heartbeat: Heartbeat | None = None
        self._closed = False
        self._ring_lock = threading.Lock()
        self._ring: FrameRing | None = None
        self._last_call: tuple[int, ...] = ()
        self._rubbish = ""

    @property
    def pid(self) -> int | None:
        return None if self._group is None else self._group.pid

    @property
    def ended(self) -> bool:
        """Whether the process has ended, even if its pipe does not say so because one of the generator's helpers
        outlives it and holds the pipe open."""
        return self._group is not None and self._group.ended

    def launch(self) -> None:
        """Start the process and its two threads. Does nothing once closed. Raises ``OSError`` or ``RuntimeError`` where
        the system has no processes, descriptors or threads left."""
        with self._lock:
            if self._closed:
                return
            host_end, worker_end = Pipe()
            memory = create_memory()
            try:
                self._group = ProcessGroup(self._spawn(worker_end.fileno(), memory))
            except OSError:
                os.close(memory)
                host_end.close()
                raise
            finally:
                worker_end.close()  # or the end of the worker would never be seen
            self._pipe = host_end
            self.outbox.put(self._start)
            self._threads = [
                threading.Thread(target=self._write, args=(host_end,), name="engine-writer", daemon=True),
                threading.Thread(target=self._read, args=(host_end, memory), name="engine-reader", daemon=True),
            ]
            for thread in self._threads:
                thread.start()

    @property
    def under_way(self) -> tuple[int, ...]:
        """The streams that its call under way is for, or was when it ended."""
        with self._ring_lock:
            return self._last_call if self._ring is None else self._ring.under_way

    def verdict(self, heartbeat: float, stuck: float) -> str | None:
        """What is wrong with it by now, if anything: silent for ``heartbeat`` or in one call for ``stuck`` seconds."""
        silent = time.monotonic() - self._heard
        if silent > heartbeat:
            return f"the worker was silent for {silent:.1f} s"
        if self._heartbeat is not None and self._heartbeat.busy_since is not None:
            busy = self._heartbeat.at - self._heartbeat.busy_since
            if busy > stuck:
                return f"the worker was stuck in one call for {busy:.1f} s"
        return None

    def kill(self) -> None:
        """End it and its helpers at once."""
        if self._group is not None:
            self._group.kill()

    def close(self, grace: float = 2.0) -> None:
        """End the worker: politely, and after ``grace`` seconds by force. Twice is once."""
        with self._lock:
            self._closed = True
            if self._group is None:
                return
            self.outbox.put(Stop())
            self._group.end(grace)
            self.outbox.close()
            if self._pipe is not None:
                _hang_up(self._pipe)
                for thread in self._threads:
                    thread.join()
                self._pipe.close()
                self._pipe = None

    @staticmethod
    def _spawn(*fds: int) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        environment |= {name: os.environ.get(name, "1") for name in _THREADS}
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "livehead.engine.worker.main", *map(str, fds)],
            pass_fds=fds,
            env=environment,
            stdin=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C in a terminal is for the server, which then ends the worker
        )

    def _write(self, pipe: Connection) -> None:
        while (message := self.outbox.get()) is not None:
            try:
                pipe.send(message)
            except OSError:  # the worker is gone: the reader says so
                return
            except (TypeError, AttributeError, pickle.PicklingError):  # the spec's options cannot be pickled
                logger.exception("the worker cannot be told %s", type(message).__name__)
                self.kill()
                return

    def _read(self, pipe: Connection, memory: int) -> None:
        try:
            while True:
                self._handle(receive(pipe), memory)
        except (EOFError, OSError):
            pass
        except EngineError as error:
            self._rubbish = str(error)
            self.kill()  # what follows on the pipe cannot be read either
        finally:
            self._let_go_of_ring()
            os.close(memory)
            self.outbox.close()
            self._deliver(PipeEnded())
            self._deliver(WorkerLost(self._farewell()))

    def _handle(self, message: ToHost, memory: int) -> None:
        self._heard = time.monotonic()
        match message:
            case Heartbeat():
                self._heartbeat = message
            case FramesReady() if self._ring is not None:
                frames = [Frame(i420) for i420 in self._ring.take(message.position, message.hop, message.span)]
                self._deliver(FramesArrived(message, frames))
            case Ready():
                ring = FrameRing(memory, width=message.info.width, height=message.info.height, slots=message.slots)
                with self._ring_lock:
                    self._ring = ring
                self._deliver(message)
            case _:
                self._deliver(message)

    def _let_go_of_ring(self) -> None:
        with self._ring_lock:
            ring, self._ring = self._ring, None
            if ring is not None:
                self._last_call = ring.under_way
                ring.close()

    def _farewell(self) -> str:
        assert self._group is not None
        code = self._group.end(2.0)  # one that closed its pipe and lives on can never be talked to again
        if self._rubbish:
            return self._rubbish
        return f"the worker was killed by signal {-code}" if code < 0 else f"the worker ended with exit code {code}"


def _hang_up(pipe: Connection) -> None:
    """Let both threads see the end even where somebody else still holds the other end."""
    with socket.fromfd(pipe.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as end, suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
