"""A film of the queue while it is written: for the threads, which may meet here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from livehead.core.frame import Frame
from livehead.core.windows import Window
from livehead.errors import MediaError
from livehead.files.whole import put_in_place
from livehead.media.audio.file import AudioFile
from livehead.render.film import Film, FilmFormat

CHECK_S = 5.0
"""How often the disk is looked at."""


class WrittenFilm:
    """Everything blocks, and may be called from any thread, one call after the other; :meth:`close` waits for what is
    under way. The file appears under its name when it is complete, or not at all."""

    def __init__(self, audio: Path, target: Path, film_format: FilmFormat, check_room: Callable[[], None]) -> None:
        """Raises MediaError. ``check_room`` raises where the disk is too full to go on."""
        self._lock = threading.Lock()
        self._target = target
        self._part = target.with_name(f"part-{target.name}")
        self._check_room = check_room
        self._checked = time.monotonic()
        self._audio = AudioFile(audio, name="the audio")
        try:
            self._film = Film(self._part, self._audio, film_format, name="The film")
        except BaseException:
            self._audio.close()
            raise
        self._windows = self._film.windows()
        self._closed = False

    @property
    def frames(self) -> int:
        """Frames written."""
        return self._film.frames

    def go_on(self, frames: Sequence[Frame] = ()) -> tuple[Window, int] | None:
        """Write the next frames; returns the next window and how many of its frames are wanted, None after the last.
        Raises MediaError and what ``check_room`` raises."""
        with self._lock:
            if self._closed:
                return None
            self._film.add(frames)
            if time.monotonic() > self._checked + CHECK_S:
                self._check_room()
                self._checked = time.monotonic()
            return next(self._windows, None)

    def finish(self) -> None:
        """Complete the file, flush it to the disk, and give it its name. Raises MediaError."""
        with self._lock:
            self._film.finish()
            try:
                put_in_place(self._part, self._target)
            except OSError as error:
                raise MediaError(f"The film cannot be written: {error.strerror}.") from None

    def close(self) -> None:
        """May be called twice."""
        with self._lock:
            self._closed = True
            self._windows.close()
            self._film.close()
            self._audio.close()
            self._part.unlink(missing_ok=True)
