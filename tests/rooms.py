"""Sounds of a room for tests, by rule: echoes of a loudspeaker, noises that are no speech, another voice."""

from __future__ import annotations

import numpy as np

from ears import loud

RATE = 16_000

SEED = 2
"""Each noise is the same whenever it is made, whatever was made before."""


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def white(seconds: float, level_db: float) -> np.ndarray:
    random = np.random.default_rng(SEED)
    return loud(random.normal(size=round(seconds * RATE)), level_db)


def pink(seconds: float, level_db: float) -> np.ndarray:
    """A fan, or traffic: noise with equal power in each octave."""
    random = np.random.default_rng(SEED)
    spectrum = np.fft.rfft(random.normal(size=round(seconds * RATE)))
    frequencies = np.arange(len(spectrum))
    frequencies[0] = 1
    return loud(np.fft.irfft(spectrum / np.sqrt(frequencies), round(seconds * RATE)), level_db)


def hum(seconds: float, level_db: float) -> np.ndarray:
    """Of the mains, with overtones."""
    t = np.arange(round(seconds * RATE)) / RATE
    return loud(np.sum([np.sin(2 * np.pi * 50 * h * t) / h for h in range(1, 9)], axis=0), level_db)


def keyboard(seconds: float, level_db: float = -30) -> np.ndarray:
    """Ten clicks a second of 4 to 30 ms."""
    random = np.random.default_rng(SEED)
    out = silence(seconds)
    for at in random.integers(0, len(out) - 500, round(seconds * 10)):
        length = int(random.integers(60, 500))
        out[at : at + length] += random.normal(size=length) * np.exp(-np.arange(length) / (length / 4))
    return loud(out, level_db)


def breath(seconds: float, level_db: float = -42) -> np.ndarray:
    """A breath each three seconds."""
    random = np.random.default_rng(SEED)
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.convolve(random.normal(size=len(t)), [1, -0.6], "same")
    return loud(noise * np.clip(np.sin(2 * np.pi * t / 3), 0, 1) ** 2, level_db)


def music(seconds: float, level_db: float) -> np.ndarray:
    """Four notes a second, and basses."""
    random = np.random.default_rng(SEED)
    size = round(seconds * RATE)
    out, notes = np.zeros(size), (220, 262, 330, 392, 440, 523)
    for start in range(0, size, RATE // 4):
        t = np.arange(size - start) / RATE
        for pitch, overtones in ((random.choice(notes), 5), (random.choice(notes) / 2, 3)):
            for h in range(1, overtones + 1):
                out[start:] += np.sin(2 * np.pi * pitch * h * t) / h * np.exp(-3 * t)
    return loud(out, level_db)


def another_voice(audio: np.ndarray, ratio: float = 1.2) -> np.ndarray:
    """The same words by a smaller speaker: pitch and formants higher, and faster."""
    return np.interp(np.arange(0, len(audio) - 1, ratio), np.arange(len(audio)), audio).astype(np.float32)


def echo(far: np.ndarray, delay_s: float, attenuation_db: float, reverberation_s: float) -> np.ndarray:
    """``far`` through a small loudspeaker and a room (60 dB down after ``reverberation_s``), later and quieter."""
    shape = np.random.default_rng(11)
    size = round(RATE * reverberation_s)
    response = shape.normal(size=size) * 10 ** (-3 * np.arange(size) / size) * 0.08
    response[0] += 1.0
    response[64] += 0.5
    spectrum = np.fft.rfft(np.convolve(far, response)[: len(far)])
    hertz = np.fft.rfftfreq(len(far), 1 / RATE)
    bumps = 1 + 0.6 * np.interp(hertz, np.linspace(0, RATE / 2, 12), shape.uniform(-1, 1, 12))
    sound = np.fft.irfft(spectrum * (hertz / (hertz + 250)) ** 2 / (1 + (hertz / 6000) ** 4) * bumps, len(far))
    late = np.concatenate([silence(delay_s), sound])[: len(far)]
    gain = np.sqrt(np.mean(far[far != 0] ** 2) / np.mean(late[late != 0] ** 2)) * 10 ** (-attenuation_db / 20)
    return (late * gain).astype(np.float32)
