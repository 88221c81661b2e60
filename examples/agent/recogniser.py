"""Speech to text: Moonshine, on this machine."""

import numpy as np
from moonshine_voice import ModelArch, get_model_path
from moonshine_voice.transcriber import Transcriber

RATE = 16_000


class Recogniser:
    """Takes about a quarter of a second to load. One text at a time."""

    def __init__(self) -> None:
        self._transcriber = Transcriber(get_model_path("tiny-en"), ModelArch.TINY)

    def __call__(self, audio: np.ndarray) -> str:
        """The words in float32 samples at 16 kHz; empty where there are none."""
        lines = self._transcriber.transcribe_without_streaming(audio.tolist(), RATE).lines
        text = " ".join(line.text.strip() for line in lines).strip()
        return text if any(each.isalnum() for each in text) else ""
