"""Which text-to-speech the settings ask for."""

from __future__ import annotations

from livehead.settings import SynthesisSettings
from livehead.speech_synthesis.base import Synthesizer
from livehead.speech_synthesis.espeak import Espeak
from livehead.speech_synthesis.openai_speech import OpenAISpeech


def choose(settings: SynthesisSettings) -> Synthesizer | None:
    """None where there is none. Raises UsageError for one that cannot be used."""
    if settings.tts == "none":
        return None
    if settings.tts == "espeak":
        return Espeak(settings.tts_voice)
    return OpenAISpeech(
        settings.tts,
        model=settings.tts_model,
        voice=settings.tts_voice,
        rate=settings.tts_rate,
        api_key=settings.tts_api_key,
    )
