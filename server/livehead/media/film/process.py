"""The server's end of a film: a thread that feeds the process that writes it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.errors import LiveheadError
from livehead.media.film.completion import COMPLETE_S, FilmCompletion
from livehead.media.film.program import COMMAND, Program
from livehead.media.film.wire import FilmOptions, FilmTick, write_options, write_tick

MAX_BYTES = 32 * 1024 * 1024
"""Of pictures that wait: past that they are left out, and the one before is shown on."""

MAX_TICKS = 60 * 25
"""Ticks that wait. Sound is never left out: a film that is a minute behind ends with what it has."""

CHECK_S = 1.0
"""How often the thread looks whether there is room on the disk."""

FINISH_S = 30.0
"""What the process may take to write the rest, once it has got everything."""

logger = logging.getLogger(__name__)


class FilmProcess:
    """One film. :meth:`put` is called on the event loop, :meth:`end` anywhere; both return at once.

    In the thread, ``open_file`` gives the film's file, open for writing, and may raise a LiveheadError; ``check`` is
    called once a second and raises one where the film is to end; ``on_written`` gets the seconds that are on the disk
    and why the film ended before :meth:`end`, if it did; ``on_complete`` says that nothing more will happen to the
    file. ``repeated`` counts pictures that were left out.
    """

    def __init__(
        self,
        open_file: Callable[[], BinaryIO],
        options: FilmOptions,
        *,
        check: Callable[[], None],
        on_written: Callable[[float, str | None], None],
        on_complete: Callable[[], None],
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self.repeated = 0
        self._told = False
        self._open_file = open_file
        self._options = options
        self._check = check
        self._on_written = on_written
        self._on_complete = on_complete
        self._command = command
        self._queue: queue.SimpleQueue[FilmTick | None] = queue.SimpleQueue()
        self._put_ticks = self._put_bytes = self._taken_ticks = self._taken_bytes = 0
        self._program: Program | None = None
        self._ended = False
        self._cut: str | None = None
        self._thread = threading.Thread(target=self._run, name="film", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Ticks that the process has not taken yet."""
        return self._put_ticks - self._taken_ticks

    @property
    def seconds(self) -> float:
        """What the process has taken."""
        return self._taken_ticks * BLOCK_S

    def put(self, tick: FilmTick) -> None:
        """The next tick. Never blocks."""
        if self._ended:
            return
        if self.waiting >= MAX_TICKS:
            self._cut = "the encoder is a minute behind"
            self.end()
            self.kill()
            return
        if tick.bytes and self._put_bytes - self._taken_bytes + tick.bytes > max(MAX_BYTES, 2 * tick.bytes):
            self.repeated += 1
            tick = replace(tick, picture=None)
        self._put_ticks += 1
        self._put_bytes += tick.bytes
        self._queue.put(tick)

    def end(self) -> None:
        """Nothing more will come. Twice is once."""
        if not self._ended:
            self._ended = True
            self._queue.put(None)

    def kill(self) -> None:
        """End at once with what is written."""
        if self._program is not None:
            self._program.kill()

    def join(self, seconds: float) -> bool:
        """Wait for the thread; whether it ended. Blocks."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            try:
                self._write()
            finally:
                if not self._told:
                    self._tell(self._rescued())
        except LiveheadError as error:
            logger.warning("a film could not be kept: %s", error)
        except Exception:
            logger.exception("a film failed")
        finally:
            self._on_complete()

    def _write(self) -> None:
        """Feed the process to the end, or as far as it goes."""
        try:
            with self._open_file() as file:
                descriptor = file.fileno()
                program = self._program = Program(self._command, descriptor)
        except (LiveheadError, OSError) as error:
            self._cut = str(error)
            return
        with program:
            try:
                write_options(program.input, replace(self._options, file=descriptor))
                self._feed(program.input)
            except LiveheadError as error:
                self._cut = str(error)
            except OSError:
                self._cut = self._cut or "its process failed"
            program.end_input()
            seconds = program.seconds(FINISH_S)
            if seconds is None:
                self._cut = self._cut or "its process failed"
                program.kill()
                return
            self._tell(seconds)
            program.seconds(COMPLETE_S)

    def _rescued(self) -> float:
        """Seconds of what the process left when it failed."""
        if self._program is None:
            return 0.0
        try:
            return FilmCompletion().run(self._options) or 0.0
        except OSError as error:
            logger.warning("a film is left as it is: %s", error)
            return self.seconds

    def _feed(self, pipe: BinaryIO) -> None:
        """Raises LiveheadError where the film is to end, and OSError where the process did."""
        last: Frame | None = None
        checked = time.monotonic()
        while (tick := self._queue.get()) is not None:
            picture = tick.picture
            if isinstance(picture, Frame):
                tick = replace(tick, picture="same") if picture is last else tick
                last = picture
            write_tick(pipe, tick)
            self._taken_ticks += 1
            self._taken_bytes += picture.i420.nbytes if isinstance(picture, Frame) else 0
            if time.monotonic() >= checked + CHECK_S:
                self._check()
                checked = time.monotonic()

    def _tell(self, seconds: float) -> None:
        self._told = True
        self._on_written(seconds, self._cut)
