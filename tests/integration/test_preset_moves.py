"""A session that talks is moved to a longer delay and back, in real time: what its viewer sees and hears of it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from backend import Backend, listener
from caller import Seen
from line import Line
from livehead.engine.base import EngineSpec
from livehead.sessions import preset_move
from serving import serving
from waiting import until

RATE = 16_000
WORD, PAUSE = 12, 8
"""Blocks of tone, and of silence behind it."""

WORDS = 10


def words() -> bytes:
    tone = 0.4 * np.sin(np.arange(WORD * 640) * 2 * np.pi * 400 / RATE)
    spoken = np.tile(np.concatenate([tone, np.zeros(PAUSE * 640)]), WORDS)
    return (spoken * 32767).astype("<i2").tobytes()


def sounds(k: int) -> bool:
    return k % (WORD + PAUSE) < WORD


def lags(spoken: list[Seen], heard: list[tuple[float, float]]) -> list[float]:
    """Seconds from each beginning of a word that is heard to the frame that shows it, by RTP timestamps: all of them
    have the same offset."""
    begun = [at for (_, before), (at, level) in pairwise(heard) if before < 0.05 <= level]
    shown = [b.media for a, b in pairwise(spoken) if b.code and b.code.loudness >= 8 and a.code and a.code.loudness < 8]
    offset = spoken[0].media - begun[0]
    nearest = [min((at - offset - begin for at in shown), key=abs, default=1.0) for begin in begun]
    return [lag for lag in nearest if abs(lag) < 0.3]


async def test_a_viewer_does_not_notice_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preset_move, "SERVER_PATIENCE_S", 0.5)
    async with (
        serving(EngineSpec("fakes:create", {"size": 64})) as served,
        listener() as caller,
        Line(served.url) as line,
    ):
        session_id = await line.call(caller, source="push", probe=True)
        await line.state("live")
        session = served.session(session_id)
        async with Backend(served.url, session_id, RATE) as backend:
            await backend.push(words())
            await backend.end()
            await until(lambda: "started" in backend.states())
            await asyncio.sleep(1.5)
            session.move_to("throughput")
            assert session.preset == "low", "it speaks: the delay is to grow first"
            assert await line.next("latency") == {"type": "latency", "preset": "throughput", "by": "server"}
            await asyncio.sleep(1.0)
            assert session.describe()["stats"]["delay_ms"] > 200
            session.move_to("low")
            assert await line.next("latency") == {"type": "latency", "preset": "low", "by": "server"}
            await until(lambda: "finished" in backend.states(), 10)
            first, last = backend.k("started"), backend.k("finished")
        stats = session.describe()["stats"]
        assert (stats["preset"], stats["latency"]) == ("low", "low")
        assert stats["delay_ms"] < 160, "it has come down again"
        assert stats["bound_ms"] == 200
        spoken = [seen for seen in caller.frames if seen.code is not None and first <= seen.code.k <= last]
        ks = [seen.code.k for seen in spoken if seen.code is not None]
        assert ks == sorted(ks), "nothing is shown twice"
        lost = [k for k in set(range(first, last + 1)) - set(ks) if sounds(k - first)]
        assert len(lost) <= 2, "no word is lost; an encoder may be too slow for a frame"
        news = [b.media for a, b in pairwise(spoken) if a.code != b.code]
        assert max(b - a for a, b in pairwise(news)) < 0.2
        loud = sum(level > 0.05 for _, level in caller.heard)
        assert loud == pytest.approx(WORDS * WORD * 2, abs=2 * WORDS)
        found = lags(spoken, caller.heard)
        assert len(found) >= WORDS - 2
        usual = float(np.median(found))
        assert sum(abs(lag - usual) > 0.04 for lag in found) <= 1, "sound and picture keep together"
        figures = [each for each in caller.figures if each["type"] == "stats" and each["k"] >= first]
        assert np.median([each["skew_ms"] for each in figures]) <= 40
