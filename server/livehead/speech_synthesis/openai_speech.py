"""A text-to-speech behind OpenAI's interface, https://platform.openai.com/docs/api-reference/audio/createSpeech"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from urllib.parse import urlsplit, urlunsplit

import httpx

from livehead.errors import RequestError, SynthesisError, UnavailableError, UnprocessableError

PATH = "/audio/speech"

DEFAULT_VOICE = "alloy"

MAX_TOLD = 300
"""Characters of what it says is wrong that are passed on."""

MAX_ERROR = 4096
"""Bytes of an answer that is no audio that are read."""

BUSY_S = (1.0, 60.0)
"""The range in which its Retry-After is passed on."""

_CONTAINERS = {b"RIFF": "WAV", b"ID3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC", b"\x1aE\xdf\xa3": "WebM"}


class OpenAISpeech:
    """A :class:`~livehead.speech_synthesis.base.Synthesizer`. ``url`` is the whole of it, or up to the host or to
    ``/v1``. The audio is passed on as it arrives."""

    def __init__(self, url: str, *, model: str, voice: str | None, rate: int, api_key: str | None) -> None:
        self.rate = rate
        self._url = speech_url(url)
        self._model = model
        self._default = voice or DEFAULT_VOICE
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._client = httpx.AsyncClient(headers=headers, timeout=None)  # who waits says for how long

    async def synthesize(self, text: str, voice: str | None) -> AsyncGenerator[bytes, None]:
        """See :class:`Synthesizer`."""
        body = {"model": self._model, "input": text, "voice": voice or self._default, "response_format": "pcm"}
        try:
            async with self._client.stream("POST", self._url, json=body) as answer:
                if answer.status_code != 200:
                    raise refusal(answer, await _read_some(answer), voice)
                rest, first = b"", True
                async for piece in answer.aiter_bytes():
                    if first:
                        _check_pcm(answer, piece)
                        first = False
                    piece = rest + piece
                    whole = len(piece) & ~1
                    rest = piece[whole:]
                    if whole:
                        yield piece[:whole]
        except httpx.HTTPError as error:
            raise SynthesisError(
                f"The text-to-speech cannot be reached, or broke off: {type(error).__name__} {error}".strip()
                + ". Whoever runs this server finds its address in LIVEHEAD_TTS."
            ) from None

    async def close(self) -> None:
        """See :class:`Synthesizer`."""
        await self._client.aclose()


def speech_url(given: str) -> str:
    """The whole address."""
    parts = urlsplit(given)
    path = parts.path.rstrip("/")
    if not path.endswith(PATH):
        path += PATH if path else f"/v1{PATH}"
    return urlunsplit(parts._replace(path=path))


def refusal(answer: httpx.Response, said: str, voice: str | None) -> RequestError:
    """What a status other than 200 means to the one who asked. ``said`` is the beginning of the answer's body."""
    status = answer.status_code
    told = f"it answered {status}" + (f": {said}" if said else "")
    if status in (400, 404, 422) and voice is not None:
        return UnprocessableError(f"The text-to-speech refuses the text or the voice {voice!r}: {told}")
    if status in (401, 403):
        return SynthesisError(f"The text-to-speech refuses this server; see LIVEHEAD_TTS_API_KEY: {told}")
    if status in (429, 503):
        return UnavailableError(
            f"The text-to-speech has too much to do: {told}", problem="synthesis-busy", retry_after=_retry_after(answer)
        )
    if 300 <= status < 400:
        return SynthesisError(f"The text-to-speech is at another address; write that to LIVEHEAD_TTS: {told}")
    return SynthesisError(f"The text-to-speech failed: {told}")


def _retry_after(answer: httpx.Response) -> float:
    given = answer.headers.get("retry-after", "")
    least, most = BUSY_S
    return min(most, max(least, float(given))) if given.isdecimal() and len(given) < 9 else 5.0


async def _read_some(answer: httpx.Response) -> str:
    """The beginning of the body in one line."""
    read = bytearray()
    async for piece in answer.aiter_bytes(MAX_ERROR):
        read += piece
        if len(read) >= MAX_ERROR:
            break
    line = " ".join(read.decode(errors="replace").split())
    shown = "".join(each for each in line if each.isprintable())
    return shown if len(shown) <= MAX_TOLD else f"{shown[:MAX_TOLD]}…"


def _check_pcm(answer: httpx.Response, beginning: bytes) -> None:
    """Raises SynthesisError for what is no PCM, although that was asked for: noise would be heard."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    container = next((name for magic, name in _CONTAINERS.items() if beginning.startswith(magic)), None)
    if container is None and not kind.startswith(("text/", "application/json")):
        return
    raise SynthesisError(
        f"The text-to-speech sent {container or kind} where PCM was asked for (response_format=pcm, 16 bit, mono). Its "
        "address must be of a service that can do that."
    )
