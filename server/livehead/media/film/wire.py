"""What the server sends through a pipe to the process that writes a film: options as a line of JSON, then ticks."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import BinaryIO, Literal, TypeAlias

import numpy as np

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.core.frame import Frame

_HEAD = struct.Struct("<qqiii")
"""Index of the tick, block and loudness of its frame, then the frame's width and height; see :data:`SAME`."""

_PCM_BYTES = BLOCK_SAMPLES * 4
_NO_FRAME, _SAME_FRAME = 0, -1


@dataclass(frozen=True, slots=True)
class FilmOptions:
    """``path`` is the film's file; ``file`` its descriptor, open for writing and inherited, None where the file is only
    to be made complete: it was cut short. ``temporary`` is a name beside it. ``tags`` are those of the file. The
    pictures get the ``test_pattern``, the visible ``mark``, or both; of a ``transparent`` look they are put on grey."""

    path: str
    temporary: str
    file: int | None
    tags: Mapping[str, str]
    test_pattern: bool = False
    mark: bool = False
    transparent: bool = False


Picture: TypeAlias = Frame | Literal["same"] | None
"""``same`` is the one before, None is none: there was none yet, or it was left out."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmTick:
    """40 ms: ``index`` counts them, and ``pcm`` is float32 ``(640,)``. ``frame_k`` and ``loudness`` belong to the
    picture."""

    index: int
    pcm: Pcm
    picture: Picture
    frame_k: int = 0
    loudness: int = 0

    @property
    def bytes(self) -> int:
        """Of its picture."""
        return self.picture.i420.nbytes if isinstance(self.picture, Frame) else 0


def write_options(pipe: BinaryIO, options: FilmOptions) -> None:
    pipe.write(json.dumps(asdict(options)).encode() + b"\n")
    pipe.flush()


def read_options(pipe: BinaryIO) -> FilmOptions:
    return FilmOptions(**json.loads(pipe.readline()))


def write_tick(pipe: BinaryIO, tick: FilmTick) -> None:
    picture = tick.picture
    width, height = _NO_FRAME, 0
    if isinstance(picture, Frame):
        width, height = picture.width, picture.height
    elif picture is not None:
        width = _SAME_FRAME
    pipe.write(_HEAD.pack(tick.index, tick.frame_k, tick.loudness, width, height))
    pipe.write(np.ascontiguousarray(tick.pcm, np.float32).data)
    if isinstance(picture, Frame):
        pipe.write(np.ascontiguousarray(picture.i420).data)
    pipe.flush()


def read_tick(pipe: BinaryIO) -> FilmTick | None:
    """The next one, None at the end, where the last one may be cut off."""
    head = pipe.read(_HEAD.size)
    pcm = pipe.read(_PCM_BYTES)
    if len(head) < _HEAD.size or len(pcm) < _PCM_BYTES:
        return None
    index, frame_k, loudness, width, height = _HEAD.unpack(head)
    picture: Picture = "same" if width == _SAME_FRAME else None
    if width > 0:
        data = pipe.read(width * height * 3 // 2)
        if len(data) < width * height * 3 // 2:
            return None
        picture = Frame(np.frombuffer(data, np.uint8).reshape(height * 3 // 2, width))
    return FilmTick(index, np.frombuffer(pcm, np.float32), picture, frame_k, loudness)
