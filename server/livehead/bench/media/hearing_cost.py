"""What it costs to notice that a viewer speaks: the model, and the guard against the portrait's echo."""

from __future__ import annotations

import time

from livehead.bench.media.clip import babble
from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, SAMPLE_RATE
from livehead.core.voice.activity import WINDOW, VoiceActivity
from livehead.core.voice.echo_guard import EchoGuard
from livehead.core.voice.far_end import FarEnd
from livehead.media.audio.activity import SpeechDetector

ECHO_BLOCKS = 5
"""How much later the microphone brings what was sent, in blocks."""


def hearing(seconds: float) -> dict[str, float]:
    """Milliseconds of processor time for a second of one viewer's audio, and for the model to be loaded."""
    audio = babble(seconds)
    began = time.process_time()
    detect = SpeechDetector()
    loading = time.process_time() - began
    windows = audio[: len(audio) // WINDOW * WINDOW].reshape(-1, WINDOW)
    activity = VoiceActivity()
    began = time.process_time()
    for window in windows:
        activity.update(detect(window))
    model = time.process_time() - began
    far_end = FarEnd()
    guard = EchoGuard(far_end)
    began = time.process_time()
    for k in range(len(audio) // BLOCK_SAMPLES):
        block = audio[k * BLOCK_SAMPLES : (k + 1) * BLOCK_SAMPLES]
        far_end.push(block, k * BLOCK_S)
        guard.is_echo(block, (k + ECHO_BLOCKS) * BLOCK_S)
    against_echo = time.process_time() - began
    length = len(audio) / SAMPLE_RATE
    return {
        "model_start_ms": round(1000 * loading, 1),
        "voice_activity_ms_per_s": round(1000 * model / length, 2),
        "echo_guard_ms_per_s": round(1000 * against_echo / length, 2),
    }
