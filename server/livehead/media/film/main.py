"""The program of the process that writes one film: ``python -m livehead.media.film.main``.

It ends when its input ends, so that a film is whole even where the server was killed; where it is killed itself, what
it wrote plays. It tells its progress on its output: a line of JSON with the film's seconds when all of it is on the
disk, and another one when it was made an ordinary MP4.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import av

from livehead.media.film.complete import complete, length
from livehead.media.film.film import Film
from livehead.media.film.wire import FilmOptions, read_options, read_tick

NICENESS = 10
"""Calls go first."""


def main() -> int:
    for each in (signal.SIGINT, signal.SIGTERM):  # a terminal sends them to the server's children, too
        signal.signal(each, signal.SIG_IGN)
    os.nice(NICENESS)
    options = read_options(sys.stdin.buffer)
    try:
        if options.file is None:
            _tell(_completed(options))
            return 0
        with os.fdopen(options.file, "wb") as file:  # open, and so locked, to the end
            film = Film(file, options)
            while (tick := read_tick(sys.stdin.buffer)) is not None:
                film.add(tick)
            film.finish()
            _tell(film.seconds)
            if film.seconds:
                _tell(complete(Path(options.path), Path(options.temporary), options.tags))
    except (OSError, av.FFmpegError) as error:
        print(error.strerror or error, file=sys.stderr)
        return 1
    return 0


def _completed(options: FilmOptions) -> float:
    """The seconds of a film that was cut short. It is made complete where there is room for that."""
    path = Path(options.path)
    try:
        return complete(path, Path(options.temporary), options.tags)
    except OSError:
        return length(path)


def _tell(seconds: float) -> None:
    try:
        print(json.dumps({"seconds": seconds}), flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the server is gone; the film is to be completed all the same


if __name__ == "__main__":
    sys.exit(main())
