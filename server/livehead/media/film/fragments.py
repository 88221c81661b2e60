"""MP4 in fragments: whatever is on the disk plays, however the writer ended. Blocking."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np

from livehead.core.block import FPS, Pcm
from livehead.core.frame import Frame
from livehead.media.audio.file import TRACK_BLOCK, TRACK_RATE
from livehead.media.audio.resample import Resampler
from livehead.media.video.mp4 import add_audio, add_video

FRAGMENT_S = 1.0
"""Length of a fragment, and how often the file is flushed to the disk: what may be lost is twice that at most."""

_OPTIONS = {
    # the first fragment is waited for, so that the header says by how much the AAC encoder delays the sound
    "movflags": "+delay_moov+default_base_moof+use_metadata_tags",
    "frag_duration": str(round(FRAGMENT_S * 1e6)),
    "flush_packets": "1",
    "fflags": "+bitexact",
}

_X264 = {
    "crf": "21",
    "bf": "0",  # no frame waits for a later one
    "rc-lookahead": "10",  # what the encoder holds back is lost with it
}


class FragmentedMp4:
    """H264 and AAC, 25 frames a second, from the first block on. ``file`` stays the caller's; frames of another size
    than the first are scaled. Raises ``OSError`` and ``av.FFmpegError`` where it cannot be written."""

    def __init__(self, file: BinaryIO, width: int, height: int, tags: Mapping[str, str]) -> None:
        self.blocks = 0
        self._file = file
        self._synced = time.monotonic()
        self._container = av.open(file, "w", format="mp4", options=_OPTIONS)
        self._container.metadata.update(tags)
        self._video = add_video(self._container, width, height, _X264)
        self._audio = add_audio(self._container, "mono")
        self._resampler = Resampler(16_000, TRACK_RATE)

    def add(self, pcm: Pcm, frame: Frame) -> None:
        """The next 40 ms."""
        picture = av.VideoFrame.from_ndarray(frame.i420, format="yuv420p")
        if (frame.width, frame.height) != (self._video.width, self._video.height):
            picture = picture.reformat(self._video.width, self._video.height)
        picture.pts, picture.time_base = self.blocks, Fraction(1, FPS)
        samples = np.clip(self._resampler(pcm), -1, 1).reshape(1, -1)
        sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="mono")
        sound.sample_rate = TRACK_RATE
        sound.pts, sound.time_base = self.blocks * TRACK_BLOCK, Fraction(1, TRACK_RATE)
        self._container.mux(self._video.encode(picture))
        self._container.mux(self._audio.encode(sound))
        self.blocks += 1
        self._file.flush()
        if time.monotonic() >= self._synced + FRAGMENT_S:
            self._sync()

    def finish(self) -> None:
        """Write what the encoders still hold; all is on the disk then."""
        self._container.mux(self._video.encode(None))
        self._container.mux(self._audio.encode(None))
        self._container.close()
        self._file.flush()
        self._sync()

    def _sync(self) -> None:
        os.fdatasync(self._file.fileno())
        self._synced = time.monotonic()
