"""Speech as agents give it: frames of livekit."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
from livekit import rtc

RATE = 24_000
FRAME_S = 0.05


def tone(seconds: float, rate: int = RATE, level: float = 0.4, channels: int = 1) -> list[rtc.AudioFrame]:
    """A tone of 400 Hz in frames of 50 ms."""
    wave = level * 32767 * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 400 / rate)
    step = round(FRAME_S * rate)
    parts = [wave[start : start + step].astype(np.int16) for start in range(0, len(wave), step)]
    return [rtc.AudioFrame(np.repeat(part, channels).tobytes(), rate, channels, len(part)) for part in parts]


async def spoken(seconds: float) -> AsyncIterator[rtc.AudioFrame]:
    for frame in tone(seconds):
        yield frame
