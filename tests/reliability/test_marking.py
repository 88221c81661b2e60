"""What is made here says that it is synthetic, in every way that it leaves the server."""

from __future__ import annotations

import asyncio
import io
import wave
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from aiortc import RTCRtpReceiver

from api.conftest import FAKE
from caller import Caller
from fault_rows import Recovery
from line import Line
from livehead.engine.factory import make
from livehead.replay.film import replay
from reliability.marks import messages, source_type, tags
from serving import serving
from waiting import until

TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""What every engine makes but the preview engine, the tests' own too."""


class H264Caller(Caller):
    """Takes H264 only. ``stream`` is what came, as the decoder gets it."""

    def __init__(self) -> None:
        super().__init__()
        self.stream: list[bytes] = []
        [video] = [each for each in self.peer.getTransceivers() if each.kind == "video"]
        codecs = RTCRtpReceiver.getCapabilities("video").codecs
        video.setCodecPreferences([each for each in codecs if each.mimeType == "video/H264"])
        queue: Any = video.receiver._RTCRtpReceiver__decoder_queue
        put = queue.put

        def keep(task: Any) -> None:
            if task is not None:
                self.stream.append(task[1].data)
            put(task)

        queue.put = keep


def is_marked(path: Path) -> None:
    read = tags(path)
    assert (read["synthetic"], read["digital_source_type"]) == ("true", TRAINED)
    assert "This video is synthetic" in read["comment"]
    assert "Livehead" in read["generator"]
    assert source_type(path) == TRAINED


async def fetch(client: httpx.AsyncClient, url: str, path: Path) -> Path:
    answer = await client.get(url)
    assert answer.status_code == 200, answer.text
    await asyncio.to_thread(path.write_bytes, answer.content)
    return path


async def recorded(client: httpx.AsyncClient, url: str, kind: str, path: Path) -> Path:
    async with Line(url) as line, Caller() as caller:
        session = await line.call(caller, record=kind)
        await caller.seen(lambda frames: len(frames) >= 10)
        assert (await client.delete(f"/v1/sessions/{session}")).status_code == 200
    [listed] = (await client.get("/v1/recordings")).json()
    assert (listed["kind"], listed["state"]) == (kind, "done")
    return await fetch(client, f"/v1/recordings/{listed['id']}", path)


@pytest.mark.fault(
    "marking",
    "A session is filmed.",
    "The film's tags and its XMP say that it is synthetic, and what made it.",
)
async def test_a_film_says_that_it_is_synthetic(tmp_path: Path, recovery: Recovery) -> None:
    async with serving(FAKE, data_dir=tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        film = await recorded(client, server.url, "film", tmp_path / "film.mp4")
    await asyncio.to_thread(is_marked, film)
    recovery("read by ffprobe, and in the XMP")


@pytest.mark.fault(
    "marking",
    "A replay file is made into a film by `livehead replay`, also by another engine.",
    "The film says that it is synthetic.",
)
async def test_a_replayed_session_says_that_it_is_synthetic(tmp_path: Path, recovery: Recovery) -> None:
    async with serving(FAKE, data_dir=tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        kept = await recorded(client, server.url, "replay", tmp_path / "call.lhr")
    generator = make(FAKE)
    for name, preset in (("as-live.mp4", None), ("recut.mp4", generator.info.presets["balanced"])):
        await asyncio.to_thread(replay, kept, tmp_path / name, generator=generator, preset=preset)
        await asyncio.to_thread(is_marked, tmp_path / name)
    recovery("read by ffprobe, and in the XMP")


@pytest.mark.fault(
    "marking",
    "A render is asked for, and the small film of a portrait that waits.",
    "Both say that they are synthetic.",
)
async def test_a_render_and_an_idle_film_say_that_they_are_synthetic(tmp_path: Path, recovery: Recovery) -> None:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.zeros(16_000, np.int16).tobytes())
    async with serving(FAKE, data_dir=tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.post("/v1/renders", data={"avatar": "amara"}, files={"audio": sound.getvalue()})
        address = answer.headers["location"]
        while (await client.get(address)).json()["state"] not in ("done", "failed"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        film = await fetch(client, f"{address}/film", tmp_path / "film.mp4")
        while (await client.get("/v1/avatars/amara/idle")).status_code == 202:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        idle = await fetch(client, "/v1/avatars/amara/idle", tmp_path / "idle.mp4")
    for path in (film, idle):
        await asyncio.to_thread(is_marked, path)
    recovery("read by ffprobe, and in the XMP")


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.fault(
    "marking",
    "A program looks at a live session in H264, with `LIVEHEAD_LIVE_MARK=yes`.",
    "Each keyframe says that the picture is synthetic; without the setting none does.",
)
async def test_a_live_picture_says_that_it_is_synthetic(tmp_path: Path, recovery: Recovery, on: bool) -> None:
    async with serving(FAKE, live_mark=on) as server, httpx.AsyncClient(base_url=server.url) as client:
        told = (await client.get("/v1/info")).json()["synthetic"]
        async with Line(server.url) as line, H264Caller() as caller:
            await line.call(caller)
            await until(lambda: len(caller.frames) >= 10)
            stream = b"".join(caller.stream)
    path = tmp_path / "call.h264"
    await asyncio.to_thread(path.write_bytes, stream)
    found = await asyncio.to_thread(messages, path)
    assert (told["digital_source_type"], told["live_mark"]) == (TRAINED, on)
    keyframes = stream.count(b"\x00\x00\x01\x67")
    assert keyframes >= 1
    assert len(found) == (keyframes if on else 0)
    for each in found:
        assert (each["synthetic"], each["digital_source_type"]) == (True, TRAINED)
        assert each["generator"] == told["generator"]
    recovery("read by FFmpeg's parser, of pictures that were decoded as ever")
