"""Speech by rule: vowels from a buzz and two resonances, a hum, a hiss, and silence."""

from __future__ import annotations

import numpy as np

RATE = 16_000
VOWELS = {"a": (800, 1250), "i": (290, 2300), "u": (330, 900), "e": (560, 1850), "o": (480, 850)}


def vowel(name: str, seconds: float, level: float = 0.2, pitch: float = 125.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    audio = np.zeros_like(t)
    first, second = VOWELS[name]
    for n in range(1, int(3600 / pitch)):
        hertz = n * pitch
        gain = (1 / (1 + ((hertz - first) / 70) ** 2) + 0.45 / (1 + ((hertz - second) / 100) ** 2)) ** 0.5
        gain += 0.05 / (1 + ((hertz - 2900) / 200) ** 2)
        audio += gain * np.sin(2 * np.pi * hertz * t + n) / n**0.5
    return _loud(audio, level)


def hum(seconds: float, level: float = 0.1, pitch: float = 125.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    audio = sum(np.sin(2 * np.pi * n * pitch * t) * 10 ** (-0.9 * (n - 1)) for n in range(1, 5))
    return _loud(np.asarray(audio), level)


def hiss(seconds: float, level: float = 0.05) -> np.ndarray:
    noise = np.random.default_rng(1).normal(size=int(seconds * RATE))
    return _loud(np.diff(np.diff(noise, prepend=0.0), prepend=0.0), level)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE), np.float32)


def sentence() -> np.ndarray:
    """About three seconds: syllables with pauses, silence at the end."""
    parts = [silence(0.2)]
    for name in "aieouaeai":
        parts += [hum(0.08), vowel(name, 0.16), silence(0.04)]
    return np.concatenate([*parts, hiss(0.12), vowel("a", 0.24), silence(0.6)]).astype(np.float32)


def blocks(audio: np.ndarray) -> np.ndarray:
    return audio[: audio.size // 640 * 640].reshape(-1, 640).astype(np.float32)


def _loud(audio: np.ndarray, level: float) -> np.ndarray:
    return (audio * (level / np.sqrt(np.mean(audio**2)))).astype(np.float32)
