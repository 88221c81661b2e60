"""A portrait and an audio file become an MP4, offline, through the engine seam: a library function that
``livehead render`` calls."""

from __future__ import annotations

import sys
import time
from math import ceil
from pathlib import Path

from tqdm import tqdm

from livehead.avatars import load_portrait
from livehead.core.block import FPS
from livehead.core.frame import Frame
from livehead.engine.base import Backdrop, Generator, Preset, Work
from livehead.engine.look import open_stream
from livehead.errors import MediaError
from livehead.media.audio.file import AudioFile
from livehead.media.video.film_report import FilmReport
from livehead.media.video.output_file import check_output, replacing
from livehead.media.video.provenance import synthetic_tags
from livehead.render.film import Film, FilmFormat


def render(
    portrait: Path,
    audio: Path,
    out: Path,
    *,
    generator: Generator,
    preset: Preset,
    seed: int,
    backdrop: Backdrop | None = None,
    marked: bool = False,
    progress: bool = False,
) -> FilmReport:
    """Write ``out``, an MP4 as long as the audio, rounded up to whole blocks (the rest is silence).

    The file appears under its name when it is complete, or not at all. ``backdrop`` is put behind the portrait;
    ``marked`` puts the visible mark into the picture; ``progress`` shows a bar on
    stderr where that is a terminal. Raises :class:`~livehead.errors.PortraitError` for a portrait that
    cannot be used, :class:`~livehead.errors.MediaError` for files that cannot be read or written,
    :class:`~livehead.errors.UsageError` for an ``out`` that cannot be right.
    """
    began = time.monotonic()
    check_output(out, portrait, audio)
    image = load_portrait(portrait)
    info = generator.info
    tags = synthetic_tags(info.name, info.variant, portrait.stem)
    film_format = FilmFormat(info, preset, tags, marked, "keep" if backdrop is None else backdrop.kind)
    with AudioFile(audio) as source, replacing(out) as part:
        stream = open_stream(generator, image, seed, backdrop)
        try:
            with Film(part, source, film_format, name=str(out)) as film:
                total = ceil(source.seconds * FPS) if source.seconds else None
                hidden = None if progress else True  # None: hidden unless stderr is a terminal
                with tqdm(total=total, unit="frame", desc=out.name, disable=hidden, file=sys.stderr) as bar:
                    for window, wanted in film.windows():
                        frames = generator.step([Work(stream, window.pcm, window.hop)])[0][:wanted]
                        film.add(map(Frame, frames))
                        bar.update(wanted)
                if not film.frames:
                    raise MediaError(f"The audio in {audio} is empty. Choose a file that holds some.")
                film.finish()
        finally:
            generator.close(stream)
    return FilmReport(out, film.frames, time.monotonic() - began)
