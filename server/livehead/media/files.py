"""Sound files in, MP4 files out. Blocking: for programs without an event loop, such as ``livehead render``.

The same input gives the same bytes: one encoder thread, no times and no version names in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.codec.context import Flags
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from livehead.core.media import FPS, SAMPLE_RATE, Pcm, Picture
from livehead.errors import MediaError

TRACK_RATE = 48_000
"""Samples a second of a file's sound track."""

TRACK_BLOCK = TRACK_RATE // FPS
"""Samples of the sound track in one block: 1920."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Some sound, twice: ``pcm`` for a generator, mono at 16 kHz; ``track`` to be heard, float32
    ``(channels, n)`` at 48 kHz. Both start where the piece before ended; a piece need not be equally long in both."""

    pcm: Pcm
    track: NDArray[np.float32]


class SoundFile:
    """The first or best sound stream of any file that FFmpeg reads. A context manager.

    ``channels`` is 1 for mono, 2 for everything else; ``seconds`` is what the file says of its length, or
    ``None``. Raises :class:`~livehead.errors.MediaError`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # a file object, so that a name is never taken for a URL or a device
            self._file = path.open("rb")
        except FileNotFoundError:
            raise MediaError(f"There is no sound file at {path}. Check the path.") from None
        except OSError as error:
            raise MediaError(f"The sound file {path} cannot be read: {error.strerror}.") from None
        try:
            self._container = av.open(self._file, "r", options={"protocol_whitelist": "file"})
        except (av.FFmpegError, OSError, ValueError):
            self._file.close()
            raise MediaError(
                f"{path} is not a sound file. Give one that FFmpeg reads: WAV, MP3, FLAC, Ogg, M4A."
            ) from None
        stream = self._container.streams.best("audio")
        if not isinstance(stream, av.AudioStream):
            self.close()
            raise MediaError(f"There is no sound in {path}. Give a file with a sound track.")
        self._stream = stream
        self.channels = 1 if stream.codec_context.channels == 1 else 2
        length = stream.duration * stream.time_base if stream.duration and stream.time_base else None
        if length is None and self._container.duration:
            length = Fraction(self._container.duration, av.time_base)
        self.seconds = float(length) if length and length > 0 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()
        self._file.close()

    def __iter__(self) -> Iterator[Piece]:
        """The whole sound from its beginning. A damaged packet is left out, in both forms."""
        pcm = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        track = AudioResampler(format="fltp", layout="mono" if self.channels == 1 else "stereo", rate=TRACK_RATE)
        for frame in self._frames():
            frame.pts = None  # time is counted in samples
            try:
                yield Piece(_joined(pcm, frame, 1)[0], _joined(track, frame, self.channels))
            except ValueError:
                raise MediaError(
                    f"{self._path} changes its sound format on the way. Convert it to WAV first."
                ) from None
        yield Piece(_joined(pcm, None, 1)[0], _joined(track, None, self.channels))

    def _frames(self) -> Iterator[av.AudioFrame]:
        try:
            for packet in self._container.demux(self._stream):
                with suppress(av.InvalidDataError):
                    yield from packet.decode()
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self._path} cannot be decoded: {error}") from None


def _joined(resampler: AudioResampler, frame: av.AudioFrame | None, channels: int) -> NDArray[np.float32]:
    made = [np.asarray(out.to_ndarray(), np.float32).reshape(channels, -1) for out in resampler.resample(frame)]
    return np.clip(np.concatenate(made, axis=1), -1, 1) if made else np.zeros((channels, 0), np.float32)


class Mp4Writer:
    """An MP4 with H264 pictures at 25 a second and AAC sound at 48 kHz, both from time 0. A context manager.

    ``name`` is what messages call the file. Raises :class:`~livehead.errors.MediaError` where it cannot be written.
    """

    def __init__(self, path: Path, *, name: str, width: int, height: int, channels: int) -> None:
        self._name = name
        self._samples = 0
        self._pictures = 0
        try:
            options = {"fflags": "+bitexact", "movflags": "+faststart"}
            self._container = av.open(str(path), "w", format="mp4", options=options)
            video = self._container.add_stream(
                "libx264", rate=FPS, options={"preset": "veryfast", "crf": "18", "threads": "1"}
            )
            video.width, video.height, video.pix_fmt = width, height, "yuv420p"
            video.codec_context.thread_count = 1
            video.codec_context.gop_size = 2 * FPS
            video.codec_context.color_range = ColorRange.MPEG
            video.codec_context.colorspace = Colorspace.SMPTE170M
            video.codec_context.color_primaries = ColorPrimaries.SMPTE170M
            video.codec_context.color_trc = ColorTrc.SMPTE170M
            layout = "mono" if channels == 1 else "stereo"
            audio = self._container.add_stream("aac", rate=TRACK_RATE, layout=layout, options={"threads": "1"})
            audio.bit_rate = 96_000 * channels
            for stream in (video, audio):
                stream.codec_context.flags |= Flags.bitexact
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from None
        self._video, self._audio, self._layout = video, audio, layout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pictures(self) -> int:
        return self._pictures

    @property
    def samples(self) -> int:
        return self._samples

    def show(self, picture: Picture) -> None:
        """Append one picture, 40 ms long."""
        frame = av.VideoFrame.from_ndarray(picture.i420, format="yuv420p")
        frame.pts, frame.time_base = self._pictures, Fraction(1, FPS)
        self._pictures += 1
        self._mux(self._video, frame)

    def speak(self, track: NDArray[np.float32]) -> None:
        """Append sound, float32 ``(channels, n)`` at 48 kHz."""
        if not track.shape[1]:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(track), format="fltp", layout=self._layout)
        frame.sample_rate = TRACK_RATE
        frame.pts, frame.time_base = self._samples, Fraction(1, TRACK_RATE)
        self._samples += track.shape[1]
        self._mux(self._audio, frame)

    def finish(self) -> None:
        """Write what the encoders still hold, and the index. Without it the file is of no use."""
        for stream in (self._video, self._audio):
            self._mux(stream, None)
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from None

    def close(self) -> None:
        with suppress(av.FFmpegError, OSError):
            self._container.close()

    def _mux(self, stream: av.VideoStream | av.AudioStream, frame: av.VideoFrame | av.AudioFrame | None) -> None:
        try:
            self._container.mux(stream.encode(frame))  # type: ignore[arg-type]
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> MediaError:
        reason = getattr(error, "strerror", None) or error
        return MediaError(f"{self._name} cannot be written: {reason}. Check the folder and the space left.")
