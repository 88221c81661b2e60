"""The film of a portrait that speaks: its audio goes out in windows, their frames come in, and an MP4 is written.

The same blocks and windows as in a live session: frame k shows the samples of block k, at k·40 ms. Who makes the frames
is no matter here: ``livehead render`` calls a generator, the renders of a server ask its engine.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from livehead.core import mark
from livehead.core.block import BLOCK_SAMPLES
from livehead.core.frame import Frame
from livehead.core.look import LookKind
from livehead.core.windows import Window, Windows
from livehead.engine.base import GeneratorInfo, Preset
from livehead.media.audio.file import TRACK_BLOCK, AudioFile
from livehead.media.video.mp4 import Mp4Writer


@dataclass(frozen=True, slots=True)
class FilmFormat:
    """How a film is made: with windows of ``preset``, ``tags`` in the file, the visible mark or none, and for a
    ``transparent`` look frames of twice the height."""

    info: GeneratorInfo
    preset: Preset
    tags: Mapping[str, str]
    marked: bool = False
    look: LookKind = "keep"

    @property
    def halves(self) -> int:
        return 2 if self.look == "transparent" else 1


class Film:
    """An MP4 in the making, as long as its audio, rounded up to whole blocks (the rest is silence). A context manager.

    Frames are written as they come; besides them it holds what one window takes. Raises
    :class:`~livehead.errors.MediaError` where the file cannot be written. Blocks.
    """

    def __init__(self, path: Path, audio: AudioFile, film_format: FilmFormat, *, name: str) -> None:
        """``name`` is what messages call the file."""
        info = film_format.info
        self._audio = audio
        self._format = film_format
        self._writer = Mp4Writer(
            path,
            name=name,
            width=info.width,
            height=info.height * film_format.halves,
            channels=audio.channels,
            tags=film_format.tags,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def frames(self) -> int:
        """Frames written."""
        return self._writer.frames

    def windows(self) -> Generator[tuple[Window, int], None, None]:
        """All windows in order, each with the number of its frames that the film needs. Their audio is written along
        the way."""
        windows = Windows(self._format.preset.hop, self._format.preset.lookahead)
        pushed = cut = 0  # samples taken, blocks in windows
        for decoded in self._audio:
            self._writer.add_audio(decoded.track)
            for window in windows.push(pushed, decoded.pcm).windows:
                cut += window.hop
                yield window, window.hop
            pushed += len(decoded.pcm)
        blocks = ceil(max(pushed / BLOCK_SAMPLES, self._writer.samples / TRACK_BLOCK))
        missing = blocks * TRACK_BLOCK - self._writer.samples
        self._writer.add_audio(np.zeros((self._audio.channels, missing), np.float32))
        while cut < blocks:  # silence after the end completes the last windows
            rest = np.zeros(BLOCK_SAMPLES - pushed % BLOCK_SAMPLES, np.float32)
            for window in windows.push(pushed, rest).windows:
                if window.k < blocks:
                    yield window, min(window.hop, blocks - window.k)
                cut += window.hop
            pushed += len(rest)

    def add(self, frames: Iterable[Frame]) -> None:
        """The next frames."""
        for frame in frames:
            self._writer.add_frame(mark.draw(frame, halves=self._format.halves) if self._format.marked else frame)

    def finish(self) -> None:
        """Complete the file. Without it, it is of no use."""
        self._writer.finish()

    def close(self) -> None:
        """May be called twice."""
        self._writer.close()
