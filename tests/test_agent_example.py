"""examples/agent as a user has it: asked aloud, it answers with the portrait's mouth, and may be interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hibari import SAMPLE_RATE, Hibari
from playwright.async_api import async_playwright

from caller import Caller
from ears import PlayedMicrophone, talker
from livehead.transport.listening import listen
from speech_service import speech_service
from visiting import launch, visiting
from waiting import until

ROOT = Path(__file__).parents[1]
QUESTIONS = (
    "What is two plus three?",
    "Can you tell me a joke?",
    "Hello, my name is Sarah.",
    "What is the time, please?",
)

INTERRUPTIONS = 3

PLAYED_AT = 0.92 * SAMPLE_RATE
"""Samples a second: slower and lower than the agent's voice."""

pytestmark = pytest.mark.may_block("starts and ends processes")


def voice(text: str) -> np.ndarray:
    """The user's: float32 at 16 kHz, from the first sound to the last. The agent's own voice, played slower."""
    samples = np.asarray(Hibari()(text), np.float32)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    samples = samples[loud[0] : loud[-1] + 1]
    places = np.arange(int(len(samples) * 16_000 / PLAYED_AT)) * PLAYED_AT / 16_000
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


def alike(heard: str, said: str) -> float:
    """The share of words that are the same: of a small recogniser, on a machine that is busy, some are not."""
    return SequenceMatcher(None, heard.lower().split(), said.lower().split()).ratio()


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


@pytest.mark.soak
async def test_questions_are_answered_and_an_interruption_is_heeded(tmp_path: Path) -> None:
    answers, rests = [], []
    with agent(tmp_path, "--probe") as page:
        async with talking(page) as user:
            for question in QUESTIONS:
                _, ended = await user.say(question)
                answers.append(await user.answered(ended) - ended)
                await user.rest()
                assert alike(user.words("user")[-1], question) > 0.5, user.said
            replies = " ".join(user.words("agent"))
            assert "plus" in replies
            assert "Nice to meet you" in replies
            for _ in range(INTERRUPTIONS):
                _, ended = await user.say("Please count to twenty.")
                await asyncio.sleep(max(0.0, await user.answered(ended) + 1.5 - time.monotonic()))
                assert user.mouth(time.monotonic() - 0.5)
                began, ended = await user.say("Wait a moment, please.")
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


def written(*words: str) -> list[bytes | float | None]:
    """As a language model writes them: server-sent events, one every 20 ms."""
    events = [json.dumps({"choices": [{"delta": {"content": each}}]}) for each in words]
    first = json.dumps({"choices": [{"delta": {"role": "assistant"}}]})
    lines = [f"data: {each}\n\n".encode() for each in (first, *events, "[DONE]")]
    return [part for line in lines for part in (0.02, line)]


@pytest.mark.soak
async def test_a_language_model_replies_and_is_told_what_was_heard(tmp_path: Path) -> None:
    async with speech_service() as model:
        model.headers = {"Content-Type": "text/event-stream"}
        numbers = "one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen"
        model.pieces = written("I will", " count. ", *(f"{each} " for each in numbers.split()), "Do", "ne!")
        environment = {"OPENAI_BASE_URL": f"{model.url}/v1", "OPENAI_API_KEY": "secret", "OPENAI_MODEL": "tiny"}
        with agent(tmp_path, "--probe", **environment) as page:
            async with talking(page) as user:
                _, ended = await user.say("Please count for me.")
                await asyncio.sleep(max(0.0, await user.answered(ended) + 2.5 - time.monotonic()))
                model.pieces = written("All right.")
                _, ended = await user.say("Wait a moment, please.")
                await until(lambda: len(model.asked) == 2)
                await user.answered(ended)
                await user.rest()
                assert user.words("agent")[-1] == "All right."
    assert model.paths == ["/v1/chat/completions"] * 2
    assert model.credentials == ["Bearer secret"] * 2
    first, second = model.asked
    assert (first["model"], first["stream"]) == ("tiny", True)
    assert [each["role"] for each in first["messages"]] == ["system", "user"]
    assert [each["role"] for each in second["messages"]] == ["system", "user", "assistant", "user"]
    heard = second["messages"][2]["content"]
    assert heard.startswith("I will count. one, two")
    assert heard.endswith(" …")
    assert "fourteen" not in heard


@pytest.mark.browser
@pytest.mark.soak
async def test_the_page_in_a_browser(tmp_path: Path) -> None:
    silence, question = np.zeros(4 * 16_000, np.float32), voice("Can you tell me a joke?")
    microphone = tmp_path / "microphone.wav"
    with wave.open(str(microphone), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        spoken = np.concatenate([silence, question, silence, silence])
        file.writeframes((spoken * 32767).astype("<i2").tobytes())
    flags = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    with agent(tmp_path) as url:
        async with async_playwright() as playwright:
            browser = await launch(playwright, *flags, f"--use-file-for-fake-audio-capture={microphone}")
            async with visiting(browser, url, ready="button", width=600, height=900) as visit:
                await visit.page.click("text=Talk")
                await visit.state("live")
                await visit.page.wait_for_selector("p.agent", timeout=30_000)
                assert "joke" in await visit.text("p.user")
                await visit.shot("agent")
                await visit.page.click("text=Hang up")
                await visit.page.wait_for_selector("text=Talk", timeout=5_000)
                assert visit.complaints == []
            await browser.close()
