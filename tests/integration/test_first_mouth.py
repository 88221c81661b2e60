"""How soon pushed speech is seen: from the first byte on the socket to the first frame of it at the viewer."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import numpy as np
import pytest

import voice
from backend import Backend, listener
from caller import Seen
from integration.test_speech import opening, pcm16
from line import Line
from serving import Process
from waiting import until

TURNS = 3


@pytest.mark.parametrize(
    "preset", ["low", *(pytest.param(preset, marks=pytest.mark.soak) for preset in ("balanced", "throughput"))]
)
async def test_speech_that_is_faster_than_real_time_is_seen_within_a_quarter_of_a_second(
    server: Process, preset: str
) -> None:
    word = pcm16(voice.vowel("a", 0.8))
    async with listener(keep=1) as caller, Line(server.url) as line:
        session = await line.call(caller, source="push", probe=True, latency=preset)
        await line.state("live")
        await caller.seen(lambda seen: len(seen) > 40)
        rest = float(np.median([opening(each) for each in caller.frames[-20:]]))
        coded, mouths = [], []
        async with Backend(server.url, session, 16_000) as backend:
            for turn in range(TURNS):
                await asyncio.sleep(0.3 + 0.07 * turn)
                asked, before = time.monotonic(), len(caller.frames)
                await backend.push(word, 3200)
                await backend.end()
                await until(lambda turn=turn: backend.states().count("finished") == turn + 1)
                await caller.seen(lambda seen, before=before: len(seen) > before + 30)
                loud = [each for each in caller.frames[before:] if each.code and each.code.loudness >= 8]
                coded.append(loud[0].at - asked)
                widest = max(opening(each) for each in loud)

                def is_open(each: Seen, widest: int = widest) -> bool:
                    return opening(each) > rest + 0.2 * (widest - rest)

                mouths.append(next(each.at for each in caller.frames[before:] if is_open(each)) - asked)
        for what, seconds in (("first frame of speech", coded), ("mouth opens", mouths)):
            told = ", ".join(f"{each * 1000:.0f}" for each in seconds)
            print(f"{preset}: {what} after {median(seconds) * 1000:.0f} ms ({told})")
        assert median(coded) <= 0.25
        assert median(mouths) <= 0.25
        await line.send(type="bye")
        await line.state("closed")
