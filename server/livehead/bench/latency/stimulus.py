"""What a measuring client plays into its microphone: short vowels, or an audio file in a loop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from livehead.errors import MediaError

RATE = 48_000
"""Samples a second, mono, as browsers send them."""

BINS = 1000
"""Values a second of :attr:`Stimulus.power`: one each millisecond."""

BURST_S = 0.2
PITCH_HZ = 110.0
FORMANTS_HZ = ((800.0, 80.0), (1250.0, 120.0))
"""Frequency and bandwidth of the resonances of an open vowel. A pure tone would be no speech to the server."""

LEVEL = 0.5
PAUSE_S = (0.45, 0.70)
FIRST_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Stimulus:
    """``pcm`` is int16 ``(n,)`` at 48 kHz; ``onsets`` are the times of the bursts' first samples in seconds; none
    for speech."""

    pcm: NDArray[np.int16]
    onsets: tuple[float, ...] = ()

    @property
    def power(self) -> NDArray[np.float64]:
        """Mean square of each millisecond, for samples in [-1, 1]."""
        return power(self.pcm.astype(np.float32) / np.float32(32768))

    def packet(self, number: int, size: int) -> NDArray[np.int16]:
        """Samples ``[number * size, (number + 1) * size)``; silence after the end."""
        cut = self.pcm[number * size : (number + 1) * size]
        return cut if len(cut) == size else np.concatenate([cut, np.zeros(size - len(cut), np.int16)])


def power(pcm: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean square of each whole millisecond of samples at 48 kHz."""
    size = RATE // BINS
    whole = pcm[: len(pcm) // size * size].reshape(-1, size)
    return np.asarray(np.mean(np.square(whole, dtype=np.float64), axis=1))


def bursts(seconds: float, seed: int) -> Stimulus:
    """Vowels of 200 ms with pauses of random length, so that they begin anywhere within a block and within a packet.
    Each begins and ends at once."""
    random = np.random.default_rng(seed)
    pcm = np.zeros(round(seconds * RATE), np.int16)
    onsets = []
    start = FIRST_S + random.uniform(0, 0.04)
    while start + BURST_S < seconds:
        first = round(start * RATE)
        sound = (vowel(BURST_S, random.uniform(0, 1 / PITCH_HZ)) * LEVEL * 32767).astype(np.int16)
        pcm[first : first + len(sound)] = sound
        onsets.append(first / RATE)
        start += BURST_S + random.uniform(*PAUSE_S)
    return Stimulus(pcm, tuple(onsets))


def vowel(seconds: float, begin: float) -> NDArray[np.float64]:
    """A voice in the middle of a vowel, ``begin`` seconds behind the start of a period, float64 in [-1, 1]: the
    harmonics of its pitch, each as loud as the resonances let it be. Their phases are Schroeder's (IEEE Transactions on
    Information Theory 16, 1970), which spread them over the period; what is still uneven is compressed."""
    t = begin + np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(len(t))
    count = int(4000 / PITCH_HZ)
    for number in range(1, count + 1):
        hertz = number * PITCH_HZ
        level = sum(1 / (1 + ((hertz - formant) / width) ** 2) for formant, width in FORMANTS_HZ) + 0.3 / number
        sound += level * np.sin(2 * np.pi * hertz * t - np.pi * number * (number - 1) / count)
    return np.asarray(np.tanh(3 * sound / np.abs(sound).max()) / np.tanh(3))


def speech(path: Path, seconds: float) -> Stimulus:
    """An audio file, repeated for so many seconds with pauses of varying length, so that no two moments look alike.
    Raises :class:`~livehead.errors.MediaError`."""
    try:
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
            frames += resampler.resample(None)
    except FileNotFoundError:
        raise MediaError(f"There is no file {path}.") from None
    except (OSError, av.FFmpegError, IndexError) as error:
        raise MediaError(f"{path} cannot be read as audio ({error}).") from None
    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    pcm = np.concatenate(parts).astype(np.int16) if parts else np.zeros(0, np.int16)
    if len(pcm) < RATE or np.abs(pcm.astype(np.int32)).max() < 1000:
        raise MediaError(f"{path} is shorter than a second, or silent, so nothing could be recognised in the frames.")
    random = np.random.default_rng(len(pcm))
    said: list[NDArray[np.int16]] = []
    while sum(map(len, said)) < seconds * RATE:
        said += [pcm, np.zeros(round(random.uniform(*PAUSE_S) * RATE), np.int16)]
    return Stimulus(np.concatenate(said)[: round(seconds * RATE)])
