"""A backend for tests that hears: the hearing socket, and a microphone that plays what it is given."""

from __future__ import annotations

import asyncio
import json
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from websockets.asyncio.client import ClientConnection, connect

from caller import PACKET, RATE, Caller

SPEECH = Path(__file__).parent / "data" / "speech.flac"


def speech(level_db: float = -23.0) -> np.ndarray:
    """8.8 s of a synthetic voice, float32 at 16 kHz; the root mean square of it all in dBFS."""
    resampler = av.AudioResampler("flt", "mono", 16_000)
    with av.open(str(SPEECH)) as file:
        parts = [part.to_ndarray()[0] for frame in file.decode(audio=0) for part in resampler.resample(frame)]
    return loud(np.concatenate(parts), level_db)


def loud(audio: np.ndarray, level_db: float) -> np.ndarray:
    return (audio * (10 ** (level_db / 20) / np.sqrt(np.mean(audio**2)))).astype(np.float32)


class PlayedMicrophone(MediaStreamTrack):
    """Plays float32 samples at 16 kHz once, and silence before :meth:`play` and after. ``began`` is when the first of
    them was sent."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.began: float | None = None
        self._waiting = np.zeros(0, np.float32)
        self._sent = 0
        self._opened: float | None = None

    def play(self, audio: np.ndarray) -> None:
        self.began = None
        self._waiting = np.repeat(audio, RATE // 16_000).astype(np.float32)

    @property
    def playing(self) -> bool:
        return len(self._waiting) > 0

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        if self._opened is None:
            self._opened = time.monotonic()
        await asyncio.sleep(max(0.0, self._opened + self._sent * PACKET / RATE - time.monotonic()))
        part, self._waiting = self._waiting[:PACKET], self._waiting[PACKET:]
        if len(part) and self.began is None:
            self.began = time.monotonic()
        samples = np.zeros(PACKET, np.int16)
        samples[: len(part)] = (part * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent * PACKET, Fraction(1, RATE)
        self._sent += 1
        return frame


def talker(**options: Any) -> tuple[Caller, PlayedMicrophone]:
    """A viewer with a microphone."""
    caller, microphone = Caller(audio=False, **options), PlayedMicrophone()
    caller.peer.addTrack(microphone)
    return caller, microphone


class Ears:
    """The hearing socket. ``audio`` has what was heard, ``pieces`` how many bytes came when, ``told`` the messages."""

    def __init__(self, url: str, session: str, rate: int | str = 16_000, **options: Any) -> None:
        self.audio = bytearray()
        self.pieces: list[tuple[float, int]] = []
        self.told: list[tuple[float, dict[str, Any]]] = []
        self._connect = connect(f"{url.replace('http', 'ws')}/v1/sessions/{session}/hearing?rate={rate}", **options)
        self.socket: ClientConnection

    async def __aenter__(self) -> Self:
        self.socket = await self._connect
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        async for message in self.socket:
            now = time.monotonic()
            if isinstance(message, bytes):
                self.audio += message
                self.pieces.append((now, len(message)))
            else:
                self.told.append((now, json.loads(message)))

    @property
    def pcm(self) -> np.ndarray:
        return np.frombuffer(bytes(self.audio), "<i2").astype(np.float32) / 32767

    def states(self) -> list[str]:
        return [each["state"] for _, each in self.told if each["type"] == "user"]


def place(heard: np.ndarray, said: np.ndarray) -> tuple[int, float]:
    """Where ``said`` lies in ``heard``, in samples, and how alike they are there: 1 is the same but for loudness."""
    size = 1 << (len(heard) + len(said)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)), size)
    at = int(np.argmax(product[: max(1, len(heard) - len(said))]))
    there = heard[at : at + len(said)]
    return at, float(np.dot(there, said) / np.sqrt(np.dot(there, there) * np.dot(said, said) + 1e-9))
