from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from livehead.errors import SynthesisError, UnprocessableError, UsageError
from livehead.speech_synthesis import espeak
from livehead.speech_synthesis.command import Command, running
from livehead.speech_synthesis.espeak import RATE, Espeak


@pytest.fixture
def synthesizer() -> Espeak:
    return Espeak(None)


async def spoken(synthesizer: Espeak, text: str, voice: str | None = None) -> np.ndarray:
    audio = b"".join([piece async for piece in synthesizer.synthesize(text, voice)])
    return np.frombuffer(audio, "<i2").astype(np.float32) / 32768


async def test_speech_is_as_long_and_as_loud_as_speech(synthesizer: Espeak) -> None:
    audio = await spoken(synthesizer, "The quick brown fox jumps over the lazy dog.")
    assert 1.5 < len(audio) / RATE < 5
    assert np.sqrt((audio**2).mean()) > 0.02


async def test_voices_differ(synthesizer: Espeak) -> None:
    first, second = await spoken(synthesizer, "Thursday", "de"), await spoken(synthesizer, "Thursday", "en-us+f3")
    assert len(first) != len(second) or not np.allclose(first, second)


@pytest.mark.parametrize(
    "voice",
    ["klingonisch", "en/../../../etc/passwd", "en+../x", "-h", "en-us+", "/dev/null", "en-us --path=/", "en\0us"],
)
async def test_voices_that_it_does_not_list_never_reach_it(synthesizer: Espeak, voice: str) -> None:
    with pytest.raises(UnprocessableError, match="espeak-ng --voices") as refused:
        await spoken(synthesizer, "Hello", voice)
    assert refused.value.problem == "unknown-voice"


@pytest.mark.parametrize(
    "text", ["--help", "-w /tmp/x.wav", "$(touch x); `touch x`", "<speak>Hi</speak>", "[[h@l'oU]] x"]
)
async def test_texts_are_text(synthesizer: Espeak, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(await spoken(synthesizer, text)) > RATE / 10
    assert os.listdir(tmp_path) == []


async def test_the_process_ends_with_the_speech(synthesizer: Espeak, monkeypatch: pytest.MonkeyPatch) -> None:
    processes: list[Command] = []

    @asynccontextmanager
    async def watched(command: tuple[str, ...], text: str = "") -> AsyncIterator[Command]:
        async with running(command, text) as process:
            processes.append(process)
            yield process

    await spoken(synthesizer, "Warm up.")
    monkeypatch.setattr(espeak, "running", watched)
    async with aclosing(synthesizer.synthesize("A long story. " * 500, None)) as audio:
        assert len(await anext(audio)) > 0
        assert not processes[0].ended
    assert processes[0].ended


async def test_a_synthesis_that_is_cancelled_leaves_no_process() -> None:
    """However early that is."""
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    for wait in (0.0, 0.001, 0.01, 0.2):
        started = Command()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                try:
                    await started.start(command, b"text")
                    await started.read()
                finally:
                    await asyncio.shield(started.end())
        await started.end()
        assert started.ended


def test_where_it_is_not_installed_the_server_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="apt-get install espeak-ng"):
        Espeak(None)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of espeak-ng: it lists one voice, and cannot speak."""
    command = tmp_path / "espeak-ng"
    listing = 'if [ "$1" != -b ]; then echo x; echo "5 en-us"; exit; fi'
    command.write_text(f"#!/bin/sh\n{listing}\necho broken >&2; exit 3\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    return command


async def test_a_command_that_fails_is_told(command: Path, synthesizer: Espeak) -> None:
    with pytest.raises(SynthesisError, match="espeak-ng failed: broken"):
        await spoken(synthesizer, "Hello")
    await asyncio.to_thread(command.unlink)
    with pytest.raises(SynthesisError, match="cannot be started"):
        await spoken(synthesizer, "Hello")
