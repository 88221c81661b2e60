"""What may be spoken: bytes, arrays, and iterators over them, as PCM16LE in pieces of whole samples."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Piece: TypeAlias = bytes | bytearray | memoryview | NDArray[Any]
"""PCM16LE mono, or an array ``(n,)`` of int16, or of float32 or float64 in [-1, 1]."""

Speech: TypeAlias = Piece | Iterable[Piece] | AsyncIterable[Piece]

SAMPLE_BYTES = 2

logger = logging.getLogger(__name__)


def encode(piece: Piece) -> bytes:
    """PCM16LE. Raises TypeError for what is no audio, ValueError for audio that is not mono."""
    if isinstance(piece, bytes | bytearray | memoryview):
        return bytes(piece)
    if not isinstance(piece, np.ndarray):
        raise TypeError(f"speech is bytes or NumPy arrays, not {type(piece).__name__}")
    if piece.ndim != 1:
        raise ValueError(f"speech is mono, an array of shape (n,), not {piece.shape}")
    kind = piece.dtype.newbyteorder("=")
    if kind == np.int16:
        return piece.astype("<i2").tobytes()
    if kind in (np.float32, np.float64):
        whole = np.nan_to_num(piece.astype(np.float64), nan=0.0, posinf=1.0, neginf=-1.0)
        return np.round(np.clip(whole, -1.0, 1.0) * 32767).astype("<i2").tobytes()
    raise TypeError(f"samples are int16, float32 or float64, not {piece.dtype}")


def pieces(speech: Speech, rate: int, seconds: float) -> AsyncGenerator[bytes]:
    """``speech`` of ``rate`` Hz in pieces of at most ``seconds``. Nothing is read before it is asked for. A sample may
    be split between two pieces of an iterator; half a sample at its end is dropped with a warning.

    Raises what :func:`encode` raises, at once where ``speech`` is no iterator, and ValueError for bytes that end with
    half a sample.
    """
    step = max(1, round(rate * seconds)) * SAMPLE_BYTES
    if isinstance(speech, bytes | bytearray | memoryview | np.ndarray):
        data = encode(speech)
        if len(data) % SAMPLE_BYTES:
            raise ValueError(f"{len(data)} bytes are no whole samples of 2 bytes; send PCM16LE")
        return _cut(_one(data), step)
    if isinstance(speech, AsyncIterable):
        return _cut(speech, step)
    if isinstance(speech, Iterable) and not isinstance(speech, str):
        return _cut(_each(speech), step)
    raise TypeError(f"speech is bytes, a NumPy array or an iterator over them, not {type(speech).__name__}")


async def _one(data: bytes) -> AsyncGenerator[bytes]:
    yield data


async def _each(speech: Iterable[Piece]) -> AsyncGenerator[Piece]:
    for piece in speech:
        yield piece


async def _cut(speech: AsyncIterable[Piece], step: int) -> AsyncGenerator[bytes]:
    rest = b""
    source = aiter(speech)
    try:
        async for piece in source:
            data = rest + encode(piece)
            whole = len(data) - len(data) % SAMPLE_BYTES
            rest = data[whole:]
            for start in range(0, whole, step):
                yield data[start : min(start + step, whole)]
        if rest:
            logger.warning("speech ended with half a sample, which was dropped: it should be PCM16LE")
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
