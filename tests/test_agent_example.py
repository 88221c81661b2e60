"""examples/agent as a user has it: asked aloud, it answers with the portrait's mouth, and may be interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from caller import Caller
from ears import PlayedMicrophone, talker
from livehead.transport.listening import listen
from waiting import until

ROOT = Path(__file__).parents[1]
QUESTIONS = ("What is two plus three?", "Can you tell me a joke?", "Hello, my name is Sarah.", "What is my name?")
ANSWERS = ("5.", ".", "Sarah!", "Sarah.")
"""How the replies end."""

pytestmark = pytest.mark.may_block("starts and ends processes")


def voice(text: str) -> np.ndarray:
    """A synthetic user: float32 at 16 kHz, from the first sound to the last."""
    command = ["espeak-ng", "-v", "en-us", "-s", "150", "--stdin", "--stdout"]
    spoken = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(1 << 24), "<i2") / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    samples = samples[loud[0] : loud[-1] + 1]
    places = np.arange(int(len(samples) * 16_000 / rate)) * rate / 16_000
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)


@contextlib.contextmanager
def agent(folder: Path, *options: str, **environment: str) -> Iterator[str]:
    """The command of the example; the address of its page."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    log = folder / "agent.log"
    command = [sys.executable, "-m", "examples.agent", "--port", str(port), *options]
    given = os.environ | {"LIVEHEAD_ENGINE": "preview"} | environment
    with log.open("wb") as sink:
        process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=sink, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 90
        while "Talk with the portrait at" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()
        print(log.read_text())


@dataclass
class User:
    """Somebody with a microphone who looks at the portrait."""

    caller: Caller
    microphone: PlayedMicrophone
    said: list[dict[str, Any]] = field(default_factory=list)

    async def say(self, text: str) -> tuple[float, float]:
        """When the first and the last sound of it left."""
        audio = await asyncio.to_thread(voice, text)
        self.microphone.play(audio)
        await until(lambda: self.microphone.began is not None and not self.microphone.playing, 20)
        assert self.microphone.began is not None
        return self.microphone.began, self.microphone.began + len(audio) / 16_000

    def mouth(self, since: float) -> list[float]:
        """When frames with an open mouth came."""
        return [seen.at for seen in self.caller.frames if seen.at >= since and seen.code and seen.code.loudness > 0]

    async def answered(self, since: float) -> float:
        """When the mouth first moved."""
        await until(lambda: self.mouth(since), 10)
        return self.mouth(since)[0]

    async def rest(self, seconds: float = 1.5) -> None:
        """Wait until the portrait has been silent for so long."""
        await until(lambda: not self.mouth(time.monotonic() - seconds), 30)

    def words(self, who: str) -> list[str]:
        return [each["text"] for each in self.said if each["who"] == who]


@contextlib.asynccontextmanager
async def talking(page: str) -> AsyncIterator[User]:
    """A viewer of a new conversation, with the test pattern in the picture, once that is there."""
    caller, microphone = talker()
    async with caller, httpx.AsyncClient(timeout=30) as client:
        begun = (await client.post(f"{page}/conversations")).json()
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {begun['token']}"}
        whep = f"{begun['server']}/whep/{begun['id']}"
        answer = await client.post(whep, content=await caller.offer(), headers=headers)
        assert answer.status_code == 201, answer.text
        await caller.accept(answer.text)
        user = User(caller, microphone)
        reading = asyncio.create_task(read(client, f"{page}/conversations/{begun['id']}", user))
        try:
            await caller.seen(lambda frames: len(frames) > 25)
            await asyncio.sleep(1)  # the voice activity detection knows what silence is
            yield user
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def read(client: httpx.AsyncClient, url: str, user: User) -> None:
    async with client.stream("GET", url, timeout=None) as answer:
        async for line in answer.aiter_lines():
            if line:
                user.said.append(json.loads(line.removeprefix("data:")))


async def test_questions_are_answered_and_an_interruption_is_heeded(tmp_path: Path) -> None:
    answers, rests = [], []
    with agent(tmp_path, "--probe") as page:
        async with talking(page) as user:
            for question, end in zip(QUESTIONS, ANSWERS, strict=True):
                _, ended = await user.say(question)
                answers.append(await user.answered(ended) - ended)
                await user.rest()
                assert user.words("agent")[-1].endswith(end) or end in " ".join(user.words("agent")[-2:]), user.said
            assert len(user.words("user")) == len(QUESTIONS)
            for _ in range(3):
                _, ended = await user.say("Please count to twenty.")
                await asyncio.sleep(max(0.0, await user.answered(ended) + 1.5 - time.monotonic()))
                assert user.mouth(time.monotonic() - 0.5)
                began, ended = await user.say("Stop, that is enough.")
                last = [at for at in user.mouth(began) if at < ended]
                rests.append((last[-1] if last else began) - began)
                await user.answered(ended)
                await user.rest()
                assert len(user.words("cut")) == len(rests)
                heard = user.words("cut")[-1].split()
                assert 0 < len(heard) < 20
    print(
        json.dumps(
            {
                "end_of_sentence_to_mouth_ms": [round(each * 1000) for each in answers],
                "interruption_to_rest_ms": [round(each * 1000) for each in rests],
            }
        )
    )
    assert max(answers) < 2.0
    assert max(rests) <= 0.3
