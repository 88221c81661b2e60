"""Strangers' audio is decoded in a process that has its bounds and its end."""

from __future__ import annotations

import asyncio
import sys
import wave
from pathlib import Path

import numpy as np
import psutil
import pytest

from livehead.errors import TooLargeError, UnavailableError
from livehead.render.jobs import audio_decoding
from livehead.render.jobs.audio_decoding import AudioDecoder, DecoderError
from waiting import until

SPEECH = Path(__file__).parents[2] / "data" / "speech.flac"


def decoder(program: str, seconds: float = 10.0) -> AudioDecoder:
    return AudioDecoder(60, seconds=seconds, program=(sys.executable, "-c", program))


others: set[int] = set()
"""Processes that this one had before a test: servers of other tests."""


@pytest.fixture(autouse=True)
def _own_processes() -> None:
    others.clear()
    others.update(child.pid for child in psutil.Process().children())


def children() -> int:
    return sum(child.pid not in others for child in psutil.Process().children())


async def test_a_file_becomes_wav_as_long_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    seconds = await AudioDecoder(60).decode(SPEECH, out)
    with wave.open(str(out)) as made:
        assert (made.getnchannels(), made.getsampwidth(), made.getframerate()) == (1, 2, 48_000)
        assert made.getnframes() / 48_000 == seconds
        samples = np.frombuffer(made.readframes(made.getnframes()), "<i2")
    assert seconds == pytest.approx(8.85, abs=0.05)
    assert np.abs(samples).max() > 3000
    assert children() == 0


async def test_16_bits_at_48_khz_come_out_as_they_were(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32767, 96_000, dtype=np.int16)
    with wave.open(str(tmp_path / "in.wav"), "wb") as file:
        file.setparams((2, 2, 48_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    await AudioDecoder(60).decode(tmp_path / "in.wav", tmp_path / "out.wav")
    with wave.open(str(tmp_path / "out.wav")) as made:
        assert np.array_equal(np.frombuffer(made.readframes(96_000), "<i2"), samples)


async def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError):
        await decoder("import time; time.sleep(600)", seconds=0.2).decode(SPEECH, tmp_path / "out.wav")
    assert children() == 0


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "print('no JSON')", "print('[1]')", "pass"])
async def test_one_that_fails_is_our_fault(tmp_path: Path, program: str) -> None:
    with pytest.raises(DecoderError):
        await decoder(program).decode(SPEECH, tmp_path / "out.wav")


async def test_one_that_is_killed_is_the_files_fault(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError):
        await decoder("import os; os.kill(os.getpid(), 9)").decode(SPEECH, tmp_path / "out.wav")


async def test_nobody_who_waits_means_no_process(tmp_path: Path) -> None:
    task = asyncio.create_task(decoder("import time; time.sleep(600)").decode(SPEECH, tmp_path / "out.wav"))
    await until(lambda: children() == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == 0


async def test_so_many_wait_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_decoding, "WAITING", 1)
    busy = decoder("import time; time.sleep(600)")
    tasks = [asyncio.create_task(busy.decode(SPEECH, tmp_path / "out.wav")) for _ in range(2)]
    await until(lambda: children() == 1)
    with pytest.raises(UnavailableError):
        await busy.decode(SPEECH, tmp_path / "out.wav")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert children() == 0
