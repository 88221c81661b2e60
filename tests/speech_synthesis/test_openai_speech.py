from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from livehead.errors import RequestError, SynthesisError, UnavailableError, UnprocessableError
from livehead.speech_synthesis.openai_speech import OpenAISpeech, speech_url
from speech_service import SpeechService, speech_service
from waiting import patient, until


@pytest.fixture
async def service() -> AsyncIterator[SpeechService]:
    async with speech_service() as service:
        yield service


def synthesizer(service: SpeechService, path: str = "", api_key: str | None = None) -> OpenAISpeech:
    return OpenAISpeech(service.url + path, model="tts-1", voice=None, rate=24_000, api_key=api_key)


async def spoken(service: SpeechService, voice: str | None = None) -> bytes:
    speech = synthesizer(service)
    try:
        return b"".join([piece async for piece in speech.synthesize("Hello.", voice)])
    finally:
        await speech.close()


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("http://tts:8880", "http://tts:8880/v1/audio/speech"),
        ("http://tts:8880/", "http://tts:8880/v1/audio/speech"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1/audio/speech"),
        ("https://tts.example/openai/v1/", "https://tts.example/openai/v1/audio/speech"),
        ("https://tts.example/v1/audio/speech", "https://tts.example/v1/audio/speech"),
        ("https://tts.example/audio/speech?api-version=1", "https://tts.example/audio/speech?api-version=1"),
    ],
)
def test_the_address_may_be_whole_or_begin(given: str, whole: str) -> None:
    assert speech_url(given) == whole


async def test_what_is_asked_for(service: SpeechService) -> None:
    speech = synthesizer(service, "/v1", api_key="a secret")
    async with aclosing(speech.synthesize("Hello.", "nova")) as audio:
        assert await anext(audio)
    await speech.close()
    await speech.close()
    assert service.asked == [{"model": "tts-1", "input": "Hello.", "voice": "nova", "response_format": "pcm"}]
    assert service.credentials == ["Bearer a secret"]
    assert service.paths == ["/v1/audio/speech"]


async def test_audio_is_passed_on_as_it_arrives_in_whole_samples(service: SpeechService) -> None:
    service.pieces = [b"\1\2\3", 0.2, b"\4\5", 0.2, b"\6\7", 30.0]
    speech = synthesizer(service)
    async with patient(5), aclosing(speech.synthesize("Hello.", None)) as audio:
        assert [await anext(audio) for _ in range(3)] == [b"\1\2", b"\3\4", b"\5\6"]
    await until(lambda: service.hung_up == 1)
    await speech.close()


async def test_the_default_voice(service: SpeechService) -> None:
    assert len(await spoken(service)) == 4800
    assert service.asked[0]["voice"] == "alloy"


@pytest.mark.parametrize(
    ("status", "voice", "kind", "told"),
    [
        ("500 Internal Server Error", None, SynthesisError, "it answered 500: out of .31m memory"),
        ("401 Unauthorized", None, SynthesisError, "LIVEHEAD_TTS_API_KEY"),
        ("307 Temporary Redirect", None, SynthesisError, "another address"),
        ("400 Bad Request", None, SynthesisError, "it answered 400"),
        ("400 Bad Request", "bogus", UnprocessableError, "voice 'bogus'"),
        ("429 Too Many Requests", None, UnavailableError, "too much to do"),
        ("503 Service Unavailable", None, UnavailableError, "too much to do"),
    ],
)
async def test_a_service_that_refuses(
    service: SpeechService, status: str, voice: str | None, kind: type[RequestError], told: str
) -> None:
    service.status = status
    service.headers = {"Retry-After": "7", "Location": "http://127.0.0.1:9/secrets"}
    service.pieces = [b"out of\n\x1b[31m memory"]
    with pytest.raises(kind, match=told) as refused:
        await spoken(service, voice)
    assert "\x1b" not in str(refused.value)
    assert len(service.asked) == 1
    if kind is UnavailableError:
        assert refused.value.retry_after == 7


async def test_what_it_says_is_bounded(service: SpeechService) -> None:
    service.status = "500 Internal Server Error"
    service.pieces = [b"x" * 100_000] * 100
    with pytest.raises(SynthesisError) as refused:
        await spoken(service)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("kind", "beginning", "told"),
    [
        ("audio/wav", b"RIFF\x24\x08\0\0WAVEfmt ", "sent WAV"),
        ("application/octet-stream", b"ID3\4\0\0", "sent MP3"),
        ("application/json", b'{"error":{"message":"no such model"}}', "sent application/json"),
        ("text/html; charset=utf-8", b"<html>", "sent text/html"),
    ],
)
async def test_what_is_no_pcm_is_not_heard_as_noise(
    service: SpeechService, kind: str, beginning: bytes, told: str
) -> None:
    service.headers = {"Content-Type": kind}
    service.pieces = [beginning]
    with pytest.raises(SynthesisError, match=told):
        await spoken(service)


async def test_a_service_that_breaks_off_or_is_not_there(service: SpeechService) -> None:
    service.pieces = [b"\1\2" * 100, None]
    with pytest.raises(SynthesisError, match="broke off"):
        await spoken(service)
    service.url = "http://127.0.0.1:9"
    with pytest.raises(SynthesisError, match="cannot be reached"):
        await spoken(service)
