"""examples/openai_realtime against a local server that speaks OpenAI's Realtime protocol, and a real Livehead."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from backend import tone
from ears import place, speech, talker
from livehead.client import Call, Livehead
from livehead.engine.base import EngineSpec
from livehead.transport.listening import listen
from serving import running, serving
from waiting import patient, until

ROOT = Path(__file__).parents[1]
FAKE = EngineSpec("fakes:create")


@dataclass
class Model:
    """The API's end of one connection. ``received`` holds the client's events but for the audio, which is ``heard``."""

    socket: ServerConnection
    received: list[dict[str, Any]] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)

    async def run(self) -> None:
        await self.send("session.created", session={"type": "realtime"})
        async for text in self.socket:
            event = json.loads(text)
            if event["type"] == "input_audio_buffer.append":
                self.heard += base64.b64decode(event["audio"], validate=True)
                continue
            self.received.append(event)
            if event["type"] == "session.update":
                await self.send("session.updated", session=event["session"])
            elif event["type"] == "conversation.item.truncate":
                await self.send("conversation.item.truncated", **{k: v for k, v in event.items() if k != "type"})

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "event_id": "event_1", **fields}))

    async def say(self, item: str, audio: bytes, *, prefix: str = "response.output_audio", done: bool = True) -> None:
        """Audio of an answer, faster than it is spoken, as the API sends it."""
        of = {"response_id": "resp_1", "item_id": item, "output_index": 0, "content_index": 0}
        for start in range(0, len(audio), 12_000):
            delta = base64.b64encode(audio[start : start + 12_000]).decode()
            await self.send(f"{prefix}.delta", delta=delta, **of)
        if done:
            await self.send(f"{prefix}.done", **of)

    def truncations(self) -> list[dict[str, Any]]:
        return [each for each in self.received if each["type"] == "conversation.item.truncate"]


@dataclass
class Api:
    url: str = ""
    models: list[Model] = field(default_factory=list)

    async def handle(self, socket: ServerConnection) -> None:
        model = Model(socket)
        self.models.append(model)
        await model.run()


@contextlib.asynccontextmanager
async def realtime_api() -> AsyncIterator[Api]:
    api = Api()
    async with serve(api.handle, "127.0.0.1", 0) as server:
        api.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
        yield api


@dataclass
class Conversation:
    call: Call
    model: Model
    loud: int = 0
    """Spans of 40 ms that the viewer heard the portrait in."""


@pytest.fixture
async def conversation(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Conversation]:
    """The bridge between a model and a session whose viewer has a microphone and tells what it was shown."""
    monkeypatch.syspath_prepend(str(ROOT))
    module = await asyncio.to_thread(importlib.import_module, "examples.openai_realtime.bridge")
    async with (
        realtime_api() as api,
        serving(FAKE) as served,
        Livehead(served.url) as server,
        server.call(microphone=True) as call,
        connect(api.url) as socket,
    ):
        bridge = asyncio.create_task(module.Bridge(call, socket, "Be brief.", "marin").run())
        await until(lambda: api.models and api.models[0].received)
        conversation = Conversation(call, api.models[0])

        async def watch() -> None:
            async for _, sound in call.media():
                conversation.loud += bool(np.abs(sound.astype(int)).max() > 3000)

        watching = asyncio.create_task(watch())
        yield conversation
        await api.models[0].socket.close()
        await asyncio.wait_for(bridge, 10)
        watching.cancel()
        await asyncio.wait([watching])


@pytest.mark.soak
async def test_the_session_is_set_up_as_the_api_wants_it(conversation: Conversation) -> None:
    (update,) = conversation.model.received
    assert update["type"] == "session.update"
    session = update["session"]
    assert (session["type"], session["output_modalities"]) == ("realtime", ["audio"])
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"


async def test_the_user_is_heard_by_the_model(conversation: Conversation) -> None:
    said = speech()[: 2 * 16_000]
    await until(lambda: len(conversation.model.heard) > 4800)
    await conversation.call.talk(said, rate=16_000)
    await asyncio.sleep(1)
    heard = np.frombuffer(bytes(conversation.model.heard), "<i2").astype(np.float32) / 32767
    at_16k = np.interp(np.arange(len(heard) * 2 // 3) * 1.5, np.arange(len(heard)), heard).astype(np.float32)
    assert place(at_16k, said)[1] > 0.8


@pytest.mark.parametrize("prefix", ["response.output_audio", pytest.param("response.audio", marks=pytest.mark.soak)])
async def test_answers_are_spoken_one_after_the_other_and_not_truncated(
    conversation: Conversation, prefix: str
) -> None:
    await conversation.model.say("item_1", tone(0.6), prefix=prefix)
    await conversation.model.say("item_2", tone(0.6), prefix=prefix)
    await until(lambda: conversation.loud >= 28)
    await asyncio.sleep(0.5)
    assert 28 <= conversation.loud <= 34
    assert conversation.model.truncations() == []


async def test_a_user_who_interrupts_truncates_the_answer_to_what_was_shown(conversation: Conversation) -> None:
    model = conversation.model
    await model.say("item_1", tone(0.4))
    await model.say("item_2", tone(20), done=False)
    await until(lambda: conversation.loud >= 30)
    await model.send("input_audio_buffer.speech_started", audio_start_ms=900, item_id="item_user")
    await model.say("item_2", tone(2))  # was on its way
    await until(lambda: model.truncations())
    (truncated,) = model.truncations()
    assert (truncated["item_id"], truncated["content_index"]) == ("item_2", 0)
    assert 600 <= truncated["audio_end_ms"] <= 2000
    await asyncio.sleep(0.3)
    before = conversation.loud
    await asyncio.sleep(0.5)
    assert conversation.loud == before  # silent, also of what was on its way
    await model.say("item_3", tone(0.4))
    await until(lambda: conversation.loud >= before + 9)
    await model.send("input_audio_buffer.speech_started", audio_start_ms=9000, item_id="item_user_2")
    await asyncio.sleep(1)
    assert [each["item_id"] for each in model.truncations() if each["audio_end_ms"] < 400] in ([], ["item_3"])


@pytest.mark.soak
async def test_a_user_who_speaks_in_silence_truncates_nothing(conversation: Conversation) -> None:
    await conversation.model.send("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_user")
    await conversation.model.send("error", error={"type": "invalid_request_error", "message": "no such thing"})
    await conversation.model.say("item_1", tone(0.3))
    await until(lambda: conversation.loud >= 6)
    assert conversation.model.truncations() == []


@contextlib.contextmanager
def example(*options: str) -> Iterator[str]:
    """The command of the example; the address of its page."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "examples.openai_realtime", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"OPENAI_API_KEY": "sk-test"})
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.may_block("starts and ends processes")
async def test_the_command_serves_a_page_that_joins(tmp_path: Path) -> None:
    with running(tmp_path, "--engine", "preview", "--size", "64") as served:
        async with realtime_api() as api:
            with example("--server", served.url, "--url", api.url) as page:
                await _talk(page, served.url, api)


async def _talk(page: str, server: str, api: Api) -> None:
    async with httpx.AsyncClient(timeout=20) as http:
        await _until_up(http, page)
        assert f'src="{server}"' in (await http.get(page)).text
        foreign = await http.post(f"{page}/conversations", headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        made = (await http.post(f"{page}/conversations")).json()
        viewer, microphone = talker()
        async with viewer:
            headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {made['token']}"}
            offer = await viewer.offer()
            answer = await http.post(f"{server}/whep/{made['session']}", content=offer, headers=headers)
            await viewer.accept(answer.text)
            await until(lambda: api.models and api.models[0].received)
            request = api.models[0].socket.request
            assert request is not None
            assert request.headers["Authorization"] == "Bearer sk-test"
            assert request.path == "/v1/realtime?model=gpt-realtime"
            microphone.play(speech()[:16_000])
            await until(lambda: len(api.models[0].heard) > 24_000)
            await api.models[0].say("item_1", tone(0.5))
            await until(lambda: sum(level > 0.05 for _, level in viewer.levels) >= 15)


async def _until_up(http: httpx.AsyncClient, page: str) -> None:
    async with patient(20):
        while True:
            with contextlib.suppress(httpx.TransportError):
                await http.get(page)
                return
            await asyncio.sleep(0.1)


def test_the_command_says_what_it_needs(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    command = [sys.executable, "-m", "examples.openai_realtime"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "OPENAI_API_KEY" in done.stderr
