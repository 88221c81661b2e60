"""What more viewers of one session cost: one encoding for all of them, against one for each.

Calls and figures are as in :mod:`~livehead.bench.media.call_cost`, all with audio; the far ends are processes of
their own.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
import uvloop
from numpy.typing import NDArray

from livehead.bench.media.call_cost import ANSWER_S, POLL_S, WARM_UP_S, FarEnd
from livehead.bench.media.clip import babble
from livehead.bench.media.senders import CallSpec, Pacer
from livehead.core.block import BLOCK_S, BLOCK_SAMPLES
from livehead.core.frame import Frame
from livehead.errors import LiveheadError
from livehead.media.peer.peer import Peer
from livehead.media.peer.viewers import Viewers
from livehead.media.rtp.rate_control import HEADROOM

CODEC = "h264"
CASES = ((1, True), (2, True), (4, True), (8, True), (8, False))
"""Viewers, and whether they share an encoding."""


def viewing(frames: NDArray[np.uint8], bitrate: int, seconds: float) -> list[dict[str, Any]]:
    """Figures of each of :data:`CASES`, ``seconds`` each. Raises :class:`~livehead.errors.LiveheadError` if a call
    cannot be made."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as in the server
        return runner.run(_all(frames, bitrate, seconds))


async def _all(frames: NDArray[np.uint8], bitrate: int, seconds: float) -> list[dict[str, Any]]:
    async with AsyncExitStack() as stack:
        most = max(count for count, _ in CASES)
        far = [await stack.enter_async_context(FarEnd().started()) for _ in range(most)]
        found = []
        for count, shared in CASES:
            try:
                async with asyncio.timeout(ANSWER_S + WARM_UP_S + seconds):
                    found.append(await _measure(far[:count], frames, bitrate, seconds, shared=shared))
            except (TimeoutError, ConnectionError, json.JSONDecodeError) as error:
                raise LiveheadError(
                    f"The calls that measure {count} viewers could not be made ({type(error).__name__})."
                ) from error
        return found


async def _measure(
    far: list[FarEnd], frames: NDArray[np.uint8], bitrate: int, seconds: float, *, shared: bool
) -> dict[str, Any]:
    groups = [Viewers()] if shared else [Viewers() for _ in far]
    async with AsyncExitStack() as stack:
        for n, each in enumerate(far):
            offer = await each.begin(CODEC, round(bitrate / HEADROOM))
            peer = await stack.enter_async_context(Peer(viewers=groups[n % len(groups)], voice=True))
            await each.answer(await peer.answer(offer))
            await peer.connected.wait()
        feeding = asyncio.create_task(_feed(groups, CallSpec(frames, CODEC, bitrate, "")), name="feed")
        try:
            while not all([(await each.received())["frames"] for each in far]):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(POLL_S)
            await asyncio.sleep(WARM_UP_S)
            before, encoded = [await each.received() for each in far], _encoded(groups)
            began, spent = time.monotonic(), time.process_time()
            await asyncio.sleep(seconds)
            spent, took = time.process_time() - spent, time.monotonic() - began
            encoded = _encoded(groups) - encoded
            after = [await each.received() for each in far]
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
    got = [(b["frames"] - a["frames"]) / took for a, b in zip(before, after, strict=True)]
    return {
        "viewers": len(far),
        "encodings": len(groups),
        "core_percent": round(100 * spent / took, 2),
        "encoded_per_s": round(encoded / took, 2),
        "fps_min": round(min(got), 2),
    }


def _encoded(groups: list[Viewers]) -> int:
    return sum(viewers.encoded_frames[CODEC] for viewers in groups)


async def _feed(groups: list[Viewers], call: CallSpec) -> None:
    audio = babble(len(call.frames) * BLOCK_S).reshape(-1, BLOCK_SAMPLES)
    pacer = Pacer()
    for index, n in enumerate(call.order()):
        await pacer.wait()
        for viewers in groups:
            viewers.send_frame(Frame(call.frames[n]), index)
            viewers.send_audio(audio[index % len(audio)], index)
