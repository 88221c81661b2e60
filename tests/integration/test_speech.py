"""A backend pushes speech; a client without a microphone sees and hears it."""

from __future__ import annotations

import time

import numpy as np
import pytest

import voice
from backend import Backend, listener
from caller import Seen
from line import Line
from serving import Process
from waiting import until


def pcm16(audio: np.ndarray) -> bytes:
    return (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()


def opening(seen: Seen) -> int:
    """Dark pixels about the mouth of the built-in portrait: 512 by 512."""
    side = seen.luma.shape[0]
    mouth = seen.luma[int(side * 0.62) : int(side * 0.82), int(side * 0.35) : int(side * 0.65)]
    return int((mouth < 45).sum())


def loud(seen: Seen) -> bool:
    return seen.code is not None and seen.code.loudness >= 8


@pytest.mark.parametrize("by", ["backend", pytest.param("viewer", marks=pytest.mark.soak)])
async def test_pushed_speech_is_seen_and_heard_and_an_interrupt_stops_both(server: Process, by: str) -> None:
    async with listener(keep=1) as caller, Line(server.url) as line:
        session = await line.call(caller, source="push", probe=True)
        await line.state("live")
        await caller.seen(lambda p: len(p) > 40)
        async with Backend(server.url, session, 16_000) as backend:
            asked = time.monotonic()
            await backend.push(pcm16(voice.vowel("a", 6)), 6400)
            await backend.end()
            await until(lambda: "started" in backend.states())
            await until(lambda: sum(level > 0.05 for _, level in caller.levels) > 50)
            if by == "backend":
                await backend.interrupt()
            else:
                await line.send(type="interrupt")
            stopped = time.monotonic()
            await until(lambda: "interrupted" in backend.states())
            last = backend.k("interrupted")
            frames, packets = len(caller.frames), len(caller.levels)
            await until(lambda: len(caller.frames) > frames + 35 and len(caller.levels) > packets + 70)
        spoken = [seen for seen in caller.frames if loud(seen)]
        after = [seen for seen in caller.frames if seen.at > spoken[-1].at]
        rested = [opening(seen) for seen in caller.frames if seen.at < asked][-10:]
        shut, open_ = float(np.median(rested)), float(np.median([opening(seen) for seen in spoken[10:]]))
        first = next(at for at, level in caller.levels if level > 0.05)
        silent = max(at for at, level in caller.levels if level > 0.05)
        fallen = next(seen for seen in after if opening(seen) <= shut + 0.1 * (open_ - shut))
        # figures for people: they depend on what else the machine does
        print(
            f"seen {spoken[0].at - asked:.3f} s, heard {first - asked:.3f} s after it was pushed; after the interrupt"
        )
        print(f"silent {silent - stopped:.3f} s, at rest {fallen.at - stopped:.3f} s; mouth {shut} shut, {open_} open")
        assert backend.states() == ["started", "interrupted"]
        assert backend.k("started") == 0
        assert spoken[-1].code
        assert spoken[-1].code.k <= last
        assert open_ > shut + 30
        # media time: 40 ms for each frame that was sent from the last block spoken to the mouth at rest
        between = [seen for seen in after if seen.at <= fallen.at]
        assert len(between) <= 5 + 2
        # and 20 ms for each packet of audio: those on their way, and the 80 ms that stock aiortc holds back at this end
        assert sum(level > 0.05 for _, level in caller.levels[packets:]) <= 15
        assert max(opening(seen) for seen in after[10:]) <= shut + 0.3 * (open_ - shut)
        await line.send(type="bye")
        await line.state("closed")


@pytest.mark.soak
async def test_a_conversation_of_several_utterances(server: Process) -> None:
    async with listener() as caller, Line(server.url) as line:
        session = await line.call(caller, source="push", probe=True, latency="throughput")
        await line.state("live")
        async with Backend(server.url, session, 44_100) as backend:
            audio = np.repeat(voice.sentence(), 3)[: 44_100 * 2]
            for turn in range(3):
                await backend.push(pcm16(audio))
                await backend.end()
                await until(lambda turn=turn: backend.states() == ["started", "finished"] * (turn + 1), 8)
            ks = [each["k"] for each in backend.told]
            assert ks == sorted(set(ks))
            assert [b - a for a, b in zip(ks[::2], ks[1::2], strict=True)] == [50 - 1] * 3
        figures = await line.next("stats")
        assert figures["delay_ms"] <= figures["bound_ms"]
        shown = [seen.code.k for seen in caller.frames if seen.code and loud(seen)]
        assert shown == sorted(shown)
        await line.send(type="bye")
        await line.state("closed")
