"""Audio files of any format that FFmpeg reads. Blocking: for programs without an event loop, and for threads."""

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
from numpy.typing import NDArray

from livehead.core.block import FPS, SAMPLE_RATE, Pcm
from livehead.errors import MediaError

TRACK_RATE = 48_000
"""Samples a second of a file's audio track."""

TRACK_BLOCK = TRACK_RATE // FPS
"""Samples of the audio track in one block: 1920."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodedAudio:
    """A stretch of a file in two forms: ``pcm`` for a generator, mono at 16 kHz; ``track`` for listeners, float32
    ``(channels, n)`` at 48 kHz. Both start where the stretch before ended; they need not be equally long."""

    pcm: Pcm
    track: NDArray[np.float32]


class AudioFile:
    """The best audio stream of any file that FFmpeg reads. A context manager.

    ``channels`` is 1 for mono, 2 for everything else; ``seconds`` is what the file says of its length, or
    ``None``. ``name`` is what messages call the file, its path where none is given. Raises
    :class:`~livehead.errors.MediaError`.
    """

    def __init__(self, path: Path, *, name: str = "") -> None:
        self._name = name or str(path)
        try:
            # a file object, so that a name is never taken for a URL or a device
            self._file = path.open("rb")
        except FileNotFoundError:
            raise MediaError(f"There is no audio file at {self._name}. Check the path.") from None
        except OSError as error:
            raise MediaError(f"The audio file {self._name} cannot be read: {error.strerror}.") from None
        try:
            self._container = av.open(self._file, "r", options={"protocol_whitelist": "file"})
        except (av.FFmpegError, OSError, ValueError):
            self._file.close()
            raise MediaError(
                f"{self._name} is not an audio file. Give one that FFmpeg reads: WAV, MP3, FLAC, Ogg, M4A."
            ) from None
        stream = self._container.streams.best("audio")
        if not isinstance(stream, av.AudioStream):
            self.close()
            raise MediaError(f"There is no audio in {self._name}. Give a file with an audio track.")
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

    def __iter__(self) -> Iterator[DecodedAudio]:
        """The whole audio from its beginning. A damaged packet is left out, in both forms."""
        pcm = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        track = AudioResampler(format="fltp", layout="mono" if self.channels == 1 else "stereo", rate=TRACK_RATE)
        for frame in self._frames():
            frame.pts = None  # time is counted in samples
            try:
                yield DecodedAudio(_joined(pcm, frame, 1)[0], _joined(track, frame, self.channels))
            except ValueError:
                raise MediaError(f"{self._name} changes its audio format midway. Convert it to WAV first.") from None
        yield DecodedAudio(_joined(pcm, None, 1)[0], _joined(track, None, self.channels))

    def _frames(self) -> Iterator[av.AudioFrame]:
        try:
            for packet in self._container.demux(self._stream):
                with suppress(av.InvalidDataError):
                    yield from packet.decode()
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self._name} cannot be decoded: {error}") from None


def _joined(resampler: AudioResampler, frame: av.AudioFrame | None, channels: int) -> NDArray[np.float32]:
    made = [np.asarray(out.to_ndarray(), np.float32).reshape(channels, -1) for out in resampler.resample(frame)]
    return np.clip(np.concatenate(made, axis=1), -1, 1) if made else np.zeros((channels, 0), np.float32)
