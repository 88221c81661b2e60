"""A short silent film that can be shown over and over. Blocking: for threads."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import av
from av.codec.context import Flags
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from livehead.core.block import FPS
from livehead.core.frame import Frame
from livehead.media.video.provenance import xmp_box

SIDE = 480
"""Longest side of its picture in pixels."""

MAX_BYTES = 120_000

QUALITIES = (24, 27, 31, 36)
"""Constant rate factors of H.264, the best first; the last one is taken whatever it gives."""


def swing(frames: int, length: int) -> list[int]:
    """Which of ``frames`` is shown when, in a film of ``length``: from the first to the last and back, slowing down at
    both ends, so that neither the turn nor the place where it starts again is seen."""
    return [round((frames - 1) * (1 - math.cos(2 * math.pi * at / length)) / 2) for at in range(length)]


def encode_idle_film(frames: Sequence[Frame], length: int, tags: Mapping[str, str]) -> bytes:
    """An MP4 of ``length`` pictures at 25 a second, as :func:`swing` orders ``frames``, which are of one size, with
    ``tags`` of :func:`~livehead.media.video.provenance.synthetic_tags`. It is at most about ``MAX_BYTES`` long. The
    same frames give the same bytes."""
    pictures = [frames[index] for index in swing(len(frames), length)]
    for quality in QUALITIES:
        film = _encode(pictures, quality, tags)
        if len(film) <= MAX_BYTES:
            break
    return film


def _encode(pictures: Sequence[Frame], quality: int, tags: Mapping[str, str]) -> bytes:
    file = io.BytesIO()
    scale = min(1.0, SIDE / max(pictures[0].width, pictures[0].height))
    width, height = (round(side * scale / 2) * 2 for side in (pictures[0].width, pictures[0].height))
    options = {"fflags": "+bitexact", "movflags": "+use_metadata_tags"}
    with av.open(file, "w", format="mp4", options=options) as container:
        container.metadata.update(tags)
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "fast", "crf": str(quality)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.gop_size = len(pictures)
        context.flags |= Flags.bitexact
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.SMPTE170M
        context.color_primaries = ColorPrimaries.SMPTE170M
        context.color_trc = ColorTrc.SMPTE170M
        for pts, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture.i420, format="yuv420p").reformat(width, height)
            frame.pts, frame.time_base = pts, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue() + xmp_box(tags)
