"""What encoding and sending cost a session: real calls over the loopback, RTP and SRTP included.

The far end is a process of its own; the processor time of all threads of this one counts. The microphone and the
generation of frames are not part of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import uvloop
from numpy.typing import NDArray

from livehead.bench.media import senders
from livehead.bench.media.encoders import CODECS
from livehead.bench.media.senders import CallSpec, Sender
from livehead.errors import LiveheadError
from livehead.media.rtp.rate_control import HEADROOM

WARM_UP_S = 1.0
ANSWER_S = 30.0
CLOSE_S = 5.0
POLL_S = 0.05


KINDS: dict[str, tuple[Sender, float]] = {
    "livehead": (senders.livehead, HEADROOM),
    "livehead with voice": (senders.livehead_with_voice, HEADROOM),
    "stock": (senders.stock, 1.0),
    "encoded before": (senders.stored, HEADROOM),
}
"""By name, the sender and the share of the receiver's estimate that it uses for video."""


def sending(
    frames: NDArray[np.uint8], bitrate: int, seconds: float, kinds: Collection[str]
) -> dict[str, dict[str, float]]:
    """Figures of these :data:`KINDS` of senders with each codec, one call after another, ``seconds`` each.
    Raises :class:`~livehead.errors.LiveheadError` if a call cannot be made."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as in the server
        return runner.run(_all(frames, bitrate, seconds, kinds))


async def _all(
    frames: NDArray[np.uint8], bitrate: int, seconds: float, kinds: Collection[str]
) -> dict[str, dict[str, float]]:
    found = {}
    async with FarEnd().started() as far:
        for codec in CODECS:
            for name in kinds:
                sender, share = KINDS[name]
                try:
                    async with asyncio.timeout(ANSWER_S + WARM_UP_S + seconds):
                        offer = await far.begin(codec, round(bitrate / share))
                        call = CallSpec(frames, codec, bitrate, offer)
                        found[f"{codec} {name}"] = await _measure(sender, far, call, seconds)
                except (TimeoutError, ConnectionError, json.JSONDecodeError) as error:
                    reason = type(error).__name__
                    raise LiveheadError(
                        f"The call that measures {codec} {name} could not be made ({reason})."
                    ) from error
    return found


class FarEnd:
    """The process of :mod:`livehead.bench.media.packet_sink`, one call at a time."""

    @asynccontextmanager
    async def started(self) -> AsyncIterator[FarEnd]:
        path = os.pathsep.join(each or os.getcwd() for each in sys.path)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "livehead.bench.media.packet_sink"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
            limit=1 << 20,
        )
        assert self._process.stdin is not None
        try:
            yield self
        finally:
            self._process.stdin.close()
            try:
                async with asyncio.timeout(CLOSE_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def begin(self, codec: str, bits: int) -> str:
        """End the previous call, and return the offer of a new one, which asks for ``bits`` a second."""
        await self._write({"codec": codec, "bits": bits})
        return str((await self._read())["sdp"])

    async def answer(self, sdp: str) -> None:
        await self._write({"sdp": sdp})

    async def received(self) -> dict[str, int]:
        """What has arrived so far: video ``frames``, ``packets`` and ``octets``, and packets of ``audio``."""
        await self._write({})
        return await self._read()

    async def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return dict(json.loads(await self._process.stdout.readline()))


async def _measure(sender: Sender, far: FarEnd, call: CallSpec, seconds: float) -> dict[str, float]:
    async with sender(call) as answer:
        await far.answer(answer)
        while not (await far.received())["frames"]:  # noqa: ASYNC110 - waits for another process
            await asyncio.sleep(POLL_S)
        await asyncio.sleep(WARM_UP_S)
        before, began, spent = await far.received(), time.monotonic(), time.process_time()
        await asyncio.sleep(seconds)
        spent, took = time.process_time() - spent, time.monotonic() - began
        after = await far.received()
    return {
        "core_percent": round(100 * spent / took, 2),
        "fps": round((after["frames"] - before["frames"]) / took, 2),
        "packets_per_s": round((after["packets"] - before["packets"]) / took, 1),
        "kbits": round((after["octets"] - before["octets"]) * 8 / took / 1000, 1),
    }
