"""A portrait and an audio file become an MP4, offline, through the engine seam.

The same blocks and windows as in a live session: frame k shows the samples of block k, at k·40 ms. It needs both the
engine and media, as sessions do, so it stands beside them: a library function that ``livehead render`` calls.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from tqdm import tqdm

from livehead.avatars import load_portrait
from livehead.core.block import BLOCK_SAMPLES, FPS
from livehead.core.frame import Frame
from livehead.core.windows import Window, Windows
from livehead.engine.base import Generator, Preset, Work
from livehead.errors import MediaError, UsageError
from livehead.media.audio.file import TRACK_BLOCK, AudioFile
from livehead.media.video.mp4 import Mp4Writer


@dataclass(frozen=True, slots=True)
class RenderReport:
    """``frames`` of 40 ms each, made in ``elapsed`` seconds."""

    out: Path
    frames: int
    elapsed: float

    @property
    def seconds(self) -> float:
        """Length of the video."""
        return self.frames / FPS

    @property
    def speed(self) -> float:
        """How many times faster than real time."""
        return self.seconds / max(self.elapsed, 1e-9)


def render(
    portrait: Path, audio: Path, out: Path, *, generator: Generator, preset: Preset, seed: int, progress: bool = False
) -> RenderReport:
    """Write ``out``, an MP4 as long as the audio, rounded up to whole blocks (the rest is silence).

    The file appears under its name when it is complete, or not at all. ``progress`` shows a bar on
    stderr where that is a terminal. Raises :class:`~livehead.errors.PortraitError` for a portrait that
    cannot be used, :class:`~livehead.errors.MediaError` for files that cannot be read or written,
    :class:`~livehead.errors.UsageError` for an ``out`` that cannot be right.
    """
    began = time.monotonic()
    _check_out(out, portrait, audio)
    image = load_portrait(portrait)
    with AudioFile(audio) as source, _replacing(out) as part:
        stream = generator.open(image, seed)
        info = generator.info
        try:
            with Mp4Writer(
                part, name=str(out), width=info.width, height=info.height, channels=source.channels
            ) as writer:
                total = ceil(source.seconds * FPS) if source.seconds else None
                hidden = None if progress else True  # None: hidden unless stderr is a terminal
                with tqdm(total=total, unit="frame", desc=out.name, disable=hidden, file=sys.stderr) as bar:
                    for written in _write_video(source, writer, generator, stream, preset):
                        bar.update(written)
                if not writer.frames:
                    raise MediaError(f"The audio in {audio} is empty. Choose a file that holds some.")
                writer.finish()
        finally:
            generator.close(stream)
    return RenderReport(out, writer.frames, time.monotonic() - began)


def _write_video(
    source: AudioFile, writer: Mp4Writer, generator: Generator, stream: object, preset: Preset
) -> Iterator[int]:
    """Cut windows, generate, write; yields the number of frames written for each window."""
    windows = Windows(preset.hop, preset.lookahead)
    pushed = 0  # samples
    for decoded in source:
        writer.add_audio(decoded.track)
        cut = windows.push(pushed, decoded.pcm)
        pushed += len(decoded.pcm)
        for window in cut.windows:
            yield _write_window(writer, generator, stream, window, preset.hop)
    blocks = ceil(max(pushed / BLOCK_SAMPLES, writer.samples / TRACK_BLOCK))
    writer.add_audio(np.zeros((source.channels, blocks * TRACK_BLOCK - writer.samples), np.float32))
    while writer.frames < blocks:  # silence after the end completes the last windows
        rest = np.zeros(BLOCK_SAMPLES - pushed % BLOCK_SAMPLES, np.float32)
        cut = windows.push(pushed, rest)
        pushed += len(rest)
        for window in cut.windows:
            yield _write_window(writer, generator, stream, window, blocks - window.k)


def _write_window(writer: Mp4Writer, generator: Generator, stream: object, window: Window, wanted: int) -> int:
    """Generate a window's frames and write the first ``wanted`` of them."""
    frames = generator.step([Work(stream, window.pcm, window.hop)])[0][:wanted]
    for i420 in frames:
        writer.add_frame(Frame(i420))
    return len(frames)


def _check_out(out: Path, *sources: Path) -> None:
    if out.suffix.lower() != ".mp4":
        raise UsageError(f"The output {out} must end in .mp4: render writes MP4 files only.")
    if out.is_dir():
        raise UsageError(f"The output {out} is a folder. Name a file.")
    if not out.parent.is_dir():
        raise MediaError(f"There is no folder {out.parent} to write {out.name} to. Make it first.")
    if out.exists() and any(source.exists() and out.samefile(source) for source in sources):
        raise UsageError(f"The output {out} is also an input. Name another file.")


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A new file beside ``out``. It replaces ``out`` at the end of the context, and is removed after an exception."""
    part = out.with_name(f".livehead-{secrets.token_hex(6)}.part")
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise MediaError(f"Cannot write to the folder {out.parent}: {error.strerror}.") from None
    try:
        yield part
        try:
            os.replace(part, out)
        except OSError as error:
            raise MediaError(f"{out} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
