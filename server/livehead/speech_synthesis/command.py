"""A command that reads a text and writes audio."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_Result = TypeVar("_Result")


class Command:
    """A process without a shell, as :func:`running` starts it. Starting one and reading from it take time, and are
    done in a thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._in_thread: asyncio.Task[object] | None = None

    @property
    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    async def start(self, command: tuple[str, ...], text: bytes) -> None:
        """``text`` comes from its standard input. Raises OSError where it cannot be started."""
        await self._do(self._start, command, text)

    async def read(self, most: int = -1) -> bytes:
        """The next bytes of its standard output; all that are left without ``most``, none at the end."""
        assert self._process is not None
        assert self._process.stdout is not None
        return await self._do(self._process.stdout.read, most)

    async def finish(self) -> tuple[int, str]:
        """Its exit code and what it said on standard error, when its output has ended."""
        assert self._process is not None
        assert self._process.stderr is not None
        told = await self._do(self._process.stderr.read)
        return await self._do(self._process.wait), " ".join(told.decode(errors="replace").split())

    async def end(self) -> None:
        """Kill it if it still runs. Twice is once."""
        if self._in_thread is not None and self._process is None:
            await asyncio.wait([self._in_thread])  # it is being started
        if self._process is not None:
            self._process.kill()
            if self._in_thread is not None:
                await asyncio.wait([self._in_thread])  # nothing is left to read
            await self._do(self._close, self._process)

    async def _do(self, work: Callable[_P, _Result], *args: _P.args, **kwargs: _P.kwargs) -> _Result:
        """One after the other; goes on if the one who waits is cancelled."""
        task = asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
        self._in_thread = task
        return await asyncio.shield(task)

    def _start(self, command: tuple[str, ...], text: bytes) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text)
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # its exit code and what it said tell why

    @staticmethod
    def _close(process: subprocess.Popen[bytes]) -> None:
        with process:  # closes its pipes, and waits for it
            pass


@asynccontextmanager
async def running(command: tuple[str, ...], text: str = "") -> AsyncIterator[Command]:
    """A process that reads ``text``, until the end of the block; then it is killed. Raises OSError where it cannot be
    started."""
    process = Command()
    try:
        await process.start(command, text.encode())
        yield process
    finally:
        await process.end()
