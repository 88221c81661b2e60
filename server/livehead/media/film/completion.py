"""Films that were cut short, made complete by a process of their own. Blocking."""

from __future__ import annotations

from dataclasses import replace

from livehead.media.film.program import COMMAND, Program
from livehead.media.film.wire import FilmOptions, write_options

COMPLETE_S = 900.0
"""What copying a film may take."""


class FilmCompletion:
    """One film at a time. :meth:`stop` may be called from any thread."""

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._command = command
        self._program: Program | None = None
        self._stopped = False

    def run(self, options: FilmOptions) -> float | None:
        """Make an ordinary MP4 of the film, where there is room for that; its seconds, or None where nothing of it
        plays. Raises ``OSError`` where that cannot be told, or it was stopped: the film is as it was then."""
        with Program(self._command) as program:
            self._program = program
            if self._stopped:
                program.kill()
            write_options(program.input, replace(options, file=None))
            program.end_input()
            seconds = program.seconds(COMPLETE_S)
        if seconds is None and program.status != 1:
            raise OSError("the film could not be looked at")
        return seconds

    def stop(self) -> None:
        """Twice is once."""
        self._stopped = True
        if self._program is not None:
            self._program.kill()
