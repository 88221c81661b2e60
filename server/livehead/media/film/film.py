"""From the ticks that were sent to a film: time follows their index, and every 40 ms have a picture."""

from __future__ import annotations

from collections import deque
from typing import BinaryIO

import numpy as np

from livehead.core import mark, test_pattern
from livehead.core.block import BLOCK_SAMPLES, FPS, Pcm
from livehead.core.frame import Frame
from livehead.media.film.fragments import FragmentedMp4
from livehead.media.film.wire import FilmOptions, FilmTick

HELD = 30 * FPS
"""Ticks that wait for the first picture; while it is not there, the film begins so much before it at most."""

_SILENCE = np.zeros(BLOCK_SAMPLES, np.float32)
_GREY = 126
"""Luma of middle grey: what is behind a transparent portrait."""


class Film:
    """Where ticks were missed there is silence, and the picture before them; the first picture is shown from the
    film's beginning on. Raises what :class:`FragmentedMp4` raises."""

    def __init__(self, file: BinaryIO, options: FilmOptions) -> None:
        self._file = file
        self._options = options
        self._held: deque[FilmTick] = deque(maxlen=HELD)
        self._out: FragmentedMp4 | None = None
        self._next = 0
        self._frame: Frame | None = None

    @property
    def seconds(self) -> float:
        return 0.0 if self._out is None else self._out.blocks / FPS

    def add(self, tick: FilmTick) -> None:
        before = self._frame
        if isinstance(tick.picture, Frame):
            self._frame = self._drawn(tick.picture, tick.frame_k, tick.loudness)
        self._held.append(tick)
        if self._frame is None:
            return
        if self._out is None:
            self._out = FragmentedMp4(self._file, self._frame.width, self._frame.height, self._options.tags)
            self._next = self._held[0].index
        while self._held:
            held = self._held.popleft()
            while self._next < held.index:
                self._write(self._out, _SILENCE, before or self._frame)
            self._write(self._out, held.pcm, self._frame)

    def finish(self) -> None:
        """Everything is on the disk then."""
        if self._out is not None:
            self._out.finish()

    def _write(self, out: FragmentedMp4, pcm: Pcm, frame: Frame) -> None:
        out.add(pcm, frame)
        self._next += 1

    def _drawn(self, frame: Frame, frame_k: int, loudness: int) -> Frame:
        if self._options.transparent:
            frame = on_grey(frame)
        if self._options.test_pattern:
            frame = test_pattern.draw(frame, frame_k, loudness)
        return mark.draw(frame) if self._options.mark else frame


def on_grey(frame: Frame) -> Frame:
    """A transparent look's frame, whose lower half is the alpha of its upper half, on middle grey; half as high."""
    width, height = frame.width, frame.height // 2
    luma = frame.i420[: 2 * height]
    alpha = np.clip((luma[height:].astype(np.float32) - 16) / 219, 0, 1)
    chroma = frame.i420[2 * height :].reshape(2, height, width // 2)[:, : height // 2].astype(np.float32)
    alpha_chroma = alpha.reshape(height // 2, 2, width // 2, 2).mean((1, 3))
    i420 = np.empty((height * 3 // 2, width), np.uint8)
    i420[:height] = np.rint(luma[:height] * alpha + _GREY * (1 - alpha))
    below = chroma * alpha_chroma + test_pattern.NEUTRAL * (1 - alpha_chroma)
    i420[height:] = np.rint(below).astype(np.uint8).reshape(height // 2, width)
    return Frame(i420)
