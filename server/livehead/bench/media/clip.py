"""The benchmark clips: a portrait that speaks, generated each time and always the same.

The preview engine's parts animate the portrait from a synthetic voice. No camera is involved, so there is no noise
for an encoder to gain by smoothing. The two clips differ in what they demand: in one the head sways by fractions of a
pixel, so that every frame has to code all of it again; in the other it is still, and only mouth and eyes move.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.avatars import BUILTIN, load_portrait
from livehead.core.block import BLOCK_SAMPLES, FPS, SAMPLE_RATE, Pcm
from livehead.engine.preview.animation.articulation import Articulator
from livehead.engine.preview.animation.idle import IdleMotion, Pose
from livehead.engine.preview.audio.features import FeatureExtractor
from livehead.engine.preview.rig.fit import fit
from livehead.engine.preview.rig.rig import Rig

PORTRAIT = BUILTIN / "default.png"
SEED = 1

VOWELS = ((800, 1250), (290, 2300), (330, 900), (560, 1850), (480, 850))
"""First and second formants in Hz of a, i, u, e, o."""

SYLLABLE_S = 0.18
PAUSE_EVERY = 9
"""One syllable in so many is a pause."""

HARMONICS = 28
LOUDNESS = 0.12


def babble(seconds: float) -> Pcm:
    """A voice that says vowels, about five a second, with pauses: float32 at 16 kHz, the same for the same length."""
    random = np.random.default_rng(SEED)
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    count = int(seconds / SYLLABLE_S) + 2
    places = np.arange(count) * SYLLABLE_S
    formants = np.array(VOWELS, np.float64)[random.integers(0, len(VOWELS), count)]
    first, second = (np.interp(t, places, formants[:, i]) for i in (0, 1))
    loud = random.uniform(0.5, 1.0, count)
    loud[PAUSE_EVERY - 1 :: PAUSE_EVERY] = 0.0
    place = t / SYLLABLE_S
    level = loud[place.astype(int)] * np.sin(np.pi * (place % 1)) ** 0.5
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.7 * t) + 6 * np.sin(2 * np.pi * 2.3 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    audio = np.zeros_like(t)
    for n in range(1, HARMONICS + 1):
        hertz = n * pitch
        gain = 1 / (1 + ((hertz - first) / 80) ** 2) + 0.45 / (1 + ((hertz - second) / 120) ** 2)
        audio += np.sqrt(gain) * np.sin(n * phase + n) / n**0.5
    power = float(np.sqrt(np.mean(audio**2))) or 1.0
    return np.asarray(np.clip(audio * level * (LOUDNESS / power), -1, 1), np.float32)


def clip(seconds: float, size: int, portrait: Path = PORTRAIT, *, sways: bool = True) -> NDArray[np.uint8]:
    """A clip as I420: uint8 ``(n, size * 3 // 2, size)``, 25 frames a second. Raises
    :class:`~livehead.errors.PortraitError` if there is no face in ``portrait``."""
    count = max(1, round(seconds * FPS))
    drawn, extractor, mouth, idle = (
        Rig(fit(load_portrait(portrait), size)),
        FeatureExtractor(),
        Articulator(),
        IdleMotion(SEED),
    )
    frames = []
    for block in babble(count / FPS).reshape(count, BLOCK_SAMPLES):
        features = extractor.extract(block)
        idle = idle.next(features)
        pose = idle.pose if sways else Pose(lids=idle.pose.lids, gaze_x=idle.gaze[0], gaze_y=idle.gaze[1])
        frames.append(cv2.cvtColor(drawn.draw(mouth.follow(features), pose), cv2.COLOR_RGB2YUV_I420))
    return np.asarray(np.stack(frames), np.uint8)


def back_and_forth(count: int, wanted: int) -> list[int]:
    """Indices that go through ``count`` frames forwards and backwards, ``wanted`` in all, without jump cuts."""
    round_trip = [*range(count), *range(count - 2, 0, -1)]
    return [round_trip[n % len(round_trip)] for n in range(wanted)]
