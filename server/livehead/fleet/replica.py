"""One replica: a child process ``livehead serve``, started, watched, drained and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

import httpx

from livehead.errors import LiveheadError
from livehead.fleet.leash import PARENT

LOOK_S = 1.0
"""How often a replica is asked whether it is well."""

ANSWER_S = 5.0
"""How long it may take to answer that."""

MISSED = 3
"""Answers in a row that may be missing or bad before it is given up."""

CLOSING_S = 15.0
"""How long it may take to end once it has no session."""

KEPT_LINES = 20
"""Lines of its log that are kept, to be shown where it does not start."""

AT = "Livehead is at "
"""What ``livehead serve`` says in front of its address."""


class ReplicaError(LiveheadError):
    """The replica did not start, or is not there any more."""


@dataclass(frozen=True, slots=True)
class ReplicaOptions:
    """``settings`` are those of the server by name, as text; its own address, port and TLS come from here: it speaks
    plain HTTP to the ingress, on a free port of ``host``. ``environment`` is what it gets beside them, by default this
    process's own. ``cards`` are the GPUs that it may see, as CUDA_VISIBLE_DEVICES has them; None leaves that as it is.
    """

    name: str
    host: str = "127.0.0.1"
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    cards: tuple[str, ...] | None = None
    ready_seconds: float = 600.0

    def variables(self) -> dict[str, str]:
        """The child's environment."""
        found = dict(os.environ if self.environment is None else self.environment)
        for name in ("LIVEHEAD_TLS_CERT", "LIVEHEAD_TLS_KEY"):
            found.pop(name, None)
        found |= {f"LIVEHEAD_{name.upper()}": value for name, value in self.settings.items()}
        found |= {"LIVEHEAD_REPLICA": self.name, "LIVEHEAD_HOST": self.host, "LIVEHEAD_PORT": "0"}
        found |= {PARENT: str(os.getpid()), "PYTHONUNBUFFERED": "1"}
        if self.cards is not None:
            found["CUDA_VISIBLE_DEVICES"] = ",".join(self.cards)
        return found


def write_line(name: str, line: str) -> None:
    """A line of a replica's log, on stderr; one that is JSON names the replica itself."""
    print(line if line.startswith("{") else f"{name} {line}", file=sys.stderr, flush=True)


class ReplicaProcess:
    """An async context manager: entered once the replica is ready, left once its process has ended.

    The process is killed with this one. ``on_line`` gets the lines of its log, in a thread of their own.
    """

    def __init__(self, options: ReplicaOptions, on_line: Callable[[str, str], None] = write_line) -> None:
        self.options = options
        self._on_line = on_line
        self._last = deque[str](maxlen=KEPT_LINES)
        self._process: subprocess.Popen[str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._url: str | None = None
        self._told, self._ended = asyncio.Event(), asyncio.Event()
        self._draining = self._closing = False

    @property
    def name(self) -> str:
        return self.options.name

    @property
    def url(self) -> str:
        """Where the ingress reaches it. Raises ReplicaError before it has said that."""
        if self._url is None:
            raise ReplicaError(f"Replica {self.name} has no address yet.")
        return self._url

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def draining(self) -> bool:
        return self._draining

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start it, and wait until it takes sessions. Raises ReplicaError where it ends before, or takes longer than
        it may."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, name=f"replica-{self.name}", daemon=True).start()
        try:
            async with asyncio.timeout(self.options.ready_seconds):
                await self._told.wait()
                while not (self._ended.is_set() or await self._answers("/readyz")):
                    await self._ends_within(0.2)
        except TimeoutError:
            raise ReplicaError(self._story(f"is not ready after {self.options.ready_seconds:.0f} s")) from None
        if self._ended.is_set():
            raise ReplicaError(self._story(f"ended as it started, {self._status}"))

    async def watch(self) -> str:
        """Returns, in words, how the replica was lost: its process ended, or did not answer any more and was killed.
        One that drains is watched like any other, and ends."""
        missed = 0
        while not await self._ends_within(LOOK_S):
            missed = 0 if await self._answers("/healthz") else missed + 1
            if missed == MISSED:
                await self.close()
                return f"it did not answer /healthz {MISSED} times in a row, and was killed"
        return f"its process ended, {self._status}"

    async def drain(self, seconds: float | None = None) -> None:
        """Let it take no more sessions, and wait until those that it has have ended by themselves; after ``seconds``
        they are ended. Its process has ended then. May be called again meanwhile, with less time."""
        if not self._draining:
            self._draining = True
            self._signal(signal.SIGTERM)
        if seconds is not None and not await self._ends_within(seconds):
            self._signal(signal.SIGUSR1)
            if not await self._ends_within(CLOSING_S):
                await self.close()
        await self._ended.wait()

    async def close(self) -> None:
        """End it at once. May be called twice."""
        self._closing = True
        if self._loop is not None:
            self._signal(signal.SIGKILL)
            await self._ended.wait()

    async def _answers(self, path: str) -> bool:
        """Whether it says 200, which a server that drains or is full does for /healthz alone."""
        if self._url is None:
            return False
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
                return (await client.get(self._url + path)).status_code == 200
        except httpx.HTTPError:
            return False

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)  # nothing is done for one that has ended

    @property
    def _status(self) -> str:
        code = None if self._process is None else self._process.returncode
        return f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"

    def _story(self, what: str) -> str:
        """For a person: what happened, and what the replica said last."""
        said = " | ".join(self._last) or "it said nothing"
        return f"Replica {self.name} {what}: {said}"

    def _run(self) -> None:
        """The thread that owns the process: the process ends with the thread that started it, so that is this one,
        which reads its log until it ends."""
        command = [sys.executable, "-m", "livehead.fleet.leash", "serve"]
        try:
            with subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self.options.variables(),
                text=True,
                errors="replace",
            ) as process:
                self._process = process
                if self._closing:
                    process.kill()
                assert process.stdout is not None
                for line in process.stdout:
                    self._hear(line.rstrip())
        except OSError as error:
            self._hear(f"{sys.executable} could not be started: {error}")
        self._call(self._told.set)
        self._call(self._ended.set)

    def _hear(self, line: str) -> None:
        self._last.append(line)
        self._on_line(self.name, line)
        if self._url is None and line.startswith(AT):
            self._url = line.removeprefix(AT)
            self._call(self._told.set)

    def _call(self, function: Callable[[], None]) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(function)
