"""MP4 files. Blocking: for programs without an event loop, and for threads.

The same input gives the same bytes: one encoder thread, no times in the file, and no names but those in its tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from livehead.core.block import FPS
from livehead.core.frame import Frame
from livehead.errors import MediaError
from livehead.media.audio.file import TRACK_RATE
from livehead.media.video.provenance import xmp_box


def add_video(
    container: av.container.OutputContainer, width: int, height: int, options: Mapping[str, str]
) -> av.VideoStream:
    """A track of I420 frames, BT.601 limited range, 25 a second, with x264's ``options`` beside its preset."""
    video = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "threads": "1", **options})
    video.width, video.height, video.pix_fmt = width, height, "yuv420p"
    context = video.codec_context
    context.thread_count = 1
    context.gop_size = 2 * FPS
    context.color_range = ColorRange.MPEG
    context.colorspace = Colorspace.SMPTE170M
    context.color_primaries = ColorPrimaries.SMPTE170M
    context.color_trc = ColorTrc.SMPTE170M
    context.flags |= Flags.bitexact
    return video


def add_audio(container: av.container.OutputContainer, layout: str) -> av.AudioStream:
    """A track of AAC at 48 kHz; ``layout`` is mono or stereo."""
    audio = container.add_stream("aac", rate=TRACK_RATE, layout=layout, options={"threads": "1"})
    audio.bit_rate = 96_000 * (1 if layout == "mono" else 2)
    audio.codec_context.flags |= Flags.bitexact
    return audio


class Mp4Writer:
    """An MP4 with H264 frames at 25 a second and AAC audio at 48 kHz, both from time 0. A context manager.

    ``name`` is what messages call the file; ``tags`` are those of :func:`synthetic_tags`. Raises
    :class:`~livehead.errors.MediaError` where it cannot be written.
    """

    def __init__(
        self, path: Path, *, name: str, width: int, height: int, channels: int, tags: Mapping[str, str] | None = None
    ) -> None:
        self._path = path
        self._name = name
        self._tags = tags
        self._samples = 0
        self._frames = 0
        self._layout = "mono" if channels == 1 else "stereo"
        try:
            options = {"fflags": "+bitexact", "movflags": "+faststart+use_metadata_tags"}
            self._container = av.open(str(path), "w", format="mp4", options=options)
            self._container.metadata.update(tags or {})
            self._video = add_video(self._container, width, height, {"crf": "18"})
            self._audio = add_audio(self._container, self._layout)
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def frames(self) -> int:
        return self._frames

    @property
    def samples(self) -> int:
        return self._samples

    def add_frame(self, frame: Frame) -> None:
        """Append one frame, 40 ms long."""
        av_frame = av.VideoFrame.from_ndarray(frame.i420, format="yuv420p")
        av_frame.pts, av_frame.time_base = self._frames, Fraction(1, FPS)
        self._frames += 1
        self._mux(self._video, av_frame)

    def add_audio(self, track: NDArray[np.float32]) -> None:
        """Append audio, float32 ``(channels, n)`` at 48 kHz."""
        if not track.shape[1]:
            return
        av_frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(track), format="fltp", layout=self._layout)
        av_frame.sample_rate = TRACK_RATE
        av_frame.pts, av_frame.time_base = self._samples, Fraction(1, TRACK_RATE)
        self._samples += track.shape[1]
        self._mux(self._audio, av_frame)

    def finish(self) -> None:
        """Write what the encoders still hold, and the index. Without it the file is of no use."""
        for stream in (self._video, self._audio):
            self._mux(stream, None)
        try:
            self._container.close()
            if self._tags:
                with self._path.open("ab") as file:
                    file.write(xmp_box(self._tags))
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from None

    def close(self) -> None:
        with suppress(av.FFmpegError, OSError):
            self._container.close()

    def _mux(self, stream: av.VideoStream | av.AudioStream, av_frame: av.VideoFrame | av.AudioFrame | None) -> None:
        try:
            self._container.mux(stream.encode(av_frame))  # type: ignore[arg-type]
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> MediaError:
        reason = getattr(error, "strerror", None) or error
        return MediaError(f"{self._name} cannot be written: {reason}. Check the folder and the space left.")
