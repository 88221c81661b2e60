"""Six calls in which people take turns, on a small machine and without a GPU."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import httpx
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from caller import PACKET, RATE, Caller, Microphone
from fault_rows import Recovery
from serving import running
from voice import sentence, silence

CALLS = 6
SECONDS = 30.0
SETTLING_S = 5.0
SHARE = 0.4
"""Of the time in which each speaks."""


class Conversation(Microphone):
    """Three seconds of speech, and silence for as long as the others speak."""

    def __init__(self, turn: int) -> None:
        super().__init__(lambda _: 0.0)
        spoken = sentence()
        both = np.concatenate([spoken, silence(spoken.size / 16_000 * (1 / SHARE - 1))])
        self._samples = (np.roll(np.repeat(both, RATE // 16_000), turn * 2 * RATE) * 32767).astype(np.int16)

    async def recv(self):  # type: ignore[no-untyped-def]
        frame = await super().recv()
        at = np.arange(frame.pts, frame.pts + PACKET) % self._samples.size
        frame.planes[0].update(self._samples[at].tobytes())
        return frame


class Watcher(Caller):
    """Counts pictures, and does not read them."""

    def __init__(self, turn: int) -> None:
        self.pictures = 0
        super().__init__(audio=False)
        self.microphone = Conversation(turn)
        self.peer.addTrack(self.microphone)

    async def _watch(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                await track.recv()
                self.pictures += track.kind == "video"


@pytest.mark.soak
@pytest.mark.fault(
    "load", "Six people talk to it by turns, on two cores without a GPU", "25 frames a second in every call."
)
async def test_six_calls_on_two_cores(tmp_path: Path, recovery: Recovery) -> None:
    with running(tmp_path, "--engine", "preview", "--latency", "auto") as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            room = (await http.get("/v1/info")).json()["sessions"]["auto"]["max"]
            assert room >= CALLS

            async def call(turn: int) -> float:
                await asyncio.sleep(0.7 * turn)
                async with Watcher(turn) as caller:
                    answer = await http.post(
                        "/v1/sessions", content=await caller.offer(), headers={"content-type": "application/sdp"}
                    )
                    assert answer.status_code == 201, answer.text
                    await caller.accept(answer.text)
                    await asyncio.sleep(SETTLING_S)
                    before, began = caller.pictures, asyncio.get_running_loop().time()
                    await asyncio.sleep(SECONDS)
                    return (caller.pictures - before) / (asyncio.get_running_loop().time() - began)

            rates = await asyncio.gather(*(call(turn) for turn in range(CALLS)))
    assert min(rates) >= 24, rates
    seen = f"{min(rates):.1f} to {max(rates):.1f} frames a second in each of {CALLS}, for {SECONDS:.0f} s"
    recovery(f"room for {room}; {seen}")
