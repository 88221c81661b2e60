"""A replay file becomes an MP4: a library function that ``livehead replay`` calls."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from livehead.core import mark
from livehead.core.block import SAMPLE_RATE
from livehead.engine.base import Generator, Preset
from livehead.errors import MediaError
from livehead.media.audio.file import TRACK_RATE
from livehead.media.audio.resample import Resampler
from livehead.media.film.film import on_grey
from livehead.media.video.film_report import FilmReport
from livehead.media.video.mp4 import Mp4Writer
from livehead.media.video.output_file import check_output, replacing
from livehead.media.video.provenance import synthetic_tags
from livehead.replay.as_live import AsLive
from livehead.replay.overview import Overview
from livehead.replay.reader import ReplayFile
from livehead.replay.recut import Recut
from livehead.replay.shot import Shot


@dataclass(frozen=True, slots=True)
class ReplayReport(FilmReport):
    """``as_live``: with the windows of the live session. ``whole``: the recording was ended, and not cut off; of one
    that was, ``unread`` bytes could not be used."""

    as_live: bool
    whole: bool
    unread: int


def replay(
    source: Path,
    out: Path,
    *,
    generator: Generator,
    preset: Preset | None = None,
    marked: bool = False,
    progress: bool = False,
) -> ReplayReport:
    """Write ``out``, an MP4 as long as the session from its first frame on.

    With ``preset`` what was heard is cut into windows anew. Without it the windows are those of the live session, for
    which ``generator`` must be the one that the file was made with (:meth:`Header.made_by`). The film appears under its
    name when it is complete, or not at all. ``marked`` puts the visible mark into the picture, ``progress`` shows a bar
    on stderr where that is a terminal.

    Raises :class:`~livehead.errors.MediaError` for files that cannot be read or written, or a look that the generator
    cannot give; :class:`~livehead.errors.UsageError` for an ``out`` that cannot be right.
    """
    began = time.monotonic()
    check_output(out, source)
    file = ReplayFile(source)
    overview = Overview.of(file)
    shots: Iterable[Shot] = AsLive(file, overview, generator) if preset is None else Recut(file, generator, preset)
    info = generator.info
    tags = synthetic_tags(info.name, info.variant, ", ".join(overview.avatars[:8]))
    with replacing(out) as part:
        hidden = None if progress else True  # None: hidden unless stderr is a terminal
        with tqdm(shots, total=overview.ticks, unit="frame", desc=out.name, disable=hidden, file=sys.stderr) as bar:
            frames = _write(bar, part, name=str(out), height=info.height, tags=tags, marked=marked)
        if not frames:
            raise MediaError(f"{source} has no frame in it: the session ended before its first one.")
    whole = file.end is not None
    return ReplayReport(out, frames, time.monotonic() - began, preset is None, whole, file.unread)


def _write(shots: Iterable[Shot], path: Path, *, name: str, height: int, tags: dict[str, str], marked: bool) -> int:
    """Returns the number of frames written, each ``height`` high; of transparent ones, which are twice that, the person
    is put on grey."""
    resample = Resampler(SAMPLE_RATE, TRACK_RATE)
    writer: Mp4Writer | None = None
    try:
        for shot in shots:
            frame = shot.frame if shot.frame.height == height else on_grey(shot.frame)
            if writer is None:
                writer = Mp4Writer(path, name=name, width=frame.width, height=frame.height, channels=1, tags=tags)
            writer.add_frame(mark.draw(frame) if marked else frame)
            writer.add_audio(resample(shot.pcm)[None])
        if writer is None:
            return 0
        writer.finish()
        return writer.frames
    finally:
        if writer is not None:
            writer.close()
