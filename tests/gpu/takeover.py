"""Kill the worker under live sessions, and time until the one in reserve makes frames for each. JSON as the last line.

    python tests/gpu/takeover.py --streams 7 [--latency balanced] [--variant lite] [--size 512] [--device cuda:0]
    python tests/gpu/takeover.py --tiny --device cpu --size 64 --streams 2      # a small random model
    python tests/gpu/takeover.py --engine preview --streams 6 --latency low --speech 0.4

The engine's host alone, without WebRTC: windows in real time, and a deadline for each frame. FlashHead has random
weights of full size, for the same work. ``back_ms`` is from the kill to the first frames of the other worker, for
each stream, of which a window's own hop is a part; ``frozen_ms`` how long no picture came in time, as a viewer sees it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "server"))

import numpy as np

from livehead.bench.load.measurement import TINY
from livehead.bench.load.portraits import TintedPortraits
from livehead.bench.load.simulated_session import SimulatedSession, WindowSpec, phases, voice, window_specs
from livehead.core.block import BLOCK_S
from livehead.core.frame import Frame
from livehead.engine.base import EngineSpec
from livehead.engine.choice import FLASHHEAD, PREVIEW
from livehead.engine.host.host import EngineHost, EngineStream, WindowTiming

SETTLE_S = 4.0
AFTER_S = 6.0
PREPARED_S = 60.0


class Talker:
    """A session that talks for a share of every eight seconds, each at another time."""

    session: SimulatedSession

    def __init__(self) -> None:
        self.stream: EngineStream | None = None
        self.back: float | None = None
        self.states: list[str] = []
        self.killed: float | None = None

    async def open(self, host: EngineHost, portraits: TintedPortraits, seed: int) -> None:
        self.stream = await host.open(portraits.next(), seed, self._on_frames, self.states.append, self._on_dropped)

    async def talk(self, spec: WindowSpec, start: float, until: float, seed: int, speech: float) -> None:
        assert self.stream is not None
        audio = voice(seed)
        audio[(np.arange(len(audio)) + seed * len(audio) // 6) % len(audio) >= speech * len(audio)] = 0
        self.session = SimulatedSession(spec, start, audio)
        while self.session.complete_at < until:
            await asyncio.sleep(self.session.complete_at - time.monotonic())
            window = self.session.cut()
            if not self.stream.submit(window, self.session.deadline(window.k)):
                self.session.missing(window.k)

    def _on_frames(self, k: int, frames: list[Frame], timing: WindowTiming) -> None:
        now = time.monotonic()
        self.session.frames(k, len(frames), now)
        if self.killed is not None and self.back is None and timing.done > self.killed:
            self.back = now

    def _on_dropped(self, k: int, hop: int) -> None:
        self.session.missing(k)


async def measure(
    spec: EngineSpec, streams: int, latency: str, *, speech: float = 1.0, settle: float, after: float
) -> dict[str, Any]:
    """Figures of one takeover, with so many streams, or as many as fit if all talk."""
    async with EngineHost(spec, standby=True, calm=0.5) as host:
        info = await host.ready()
        assert host.capacity is not None
        if speech >= 1.0:
            streams = min(streams, host.capacity.talking[latency])
        began = time.monotonic()
        while host.standby != "ready":
            if host.standby == "off":
                raise SystemExit("there is no room for a second worker; the log says why")
            await asyncio.sleep(0.1)
        loaded = time.monotonic() - began
        (windows,) = window_specs(info.presets, latency, (), None)
        portraits = TintedPortraits(0)
        talkers = [Talker() for _ in range(streams)]
        for seed, talker in enumerate(talkers, 1):
            await talker.open(host, portraits, seed)
        supervisor = host._supervisor
        assert supervisor.in_use is not None
        reserve = supervisor.reserve
        assert reserve is not None
        workers = [supervisor.in_use.footprint, reserve.footprint]
        async with asyncio.timeout(PREPARED_S):
            while sum(reserve.streams.values()) < streams:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.05)
        start = time.monotonic() + 0.1
        kill_at = start + settle
        talking = [
            asyncio.create_task(talker.talk(windows, start + phase * windows.period_s, kill_at + after, seed, speech))
            for seed, (talker, phase) in enumerate(zip(talkers, phases(streams, None), strict=True), 1)
        ]
        await asyncio.sleep(kill_at - time.monotonic())
        lost_before = sum(talker.session.lost for talker in talkers)
        assert host.pid is not None
        killed = time.monotonic()
        os.kill(host.pid, signal.SIGKILL)
        for talker in talkers:
            talker.killed, talker.session.gap = killed, 0
        await asyncio.gather(*talking)
        await asyncio.sleep(windows.delay_s + 0.5)
        back = [None if talker.back is None else round((talker.back - killed) * 1000, 1) for talker in talkers]
        return {
            "device": info.device,
            "engine": info.name,
            "size": info.width,
            "latency": latency,
            "streams": streams,
            "speech": speech,
            "reserve_loaded_s": round(loaded, 1),
            "takeovers": host.takeovers,
            "back_ms": back,
            "back_in_all_ms": max((each for each in back if each is not None), default=None),
            "never_back": back.count(None),
            "frozen_ms": [round(talker.session.gap * BLOCK_S * 1000) for talker in talkers],
            "lost_frames": {
                "before": lost_before,
                "by_takeover": sum(talker.session.lost for talker in talkers) - lost_before,
            },
            "told_down": sum(bool(talker.states) for talker in talkers),
            "workers_gb": [None if each is None else asdict(each) for each in workers],
        }


def engine_spec(args: argparse.Namespace) -> EngineSpec:
    if args.engine == "preview":
        return EngineSpec(PREVIEW, {"size": args.size})
    options = {"variant": args.variant, "size": args.size, "device": args.device, "precision": args.precision}
    return EngineSpec(TINY if args.tiny else FLASHHEAD, options | {"synthetic": not args.tiny})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("flashhead", "preview"), default="flashhead")
    parser.add_argument("--streams", type=int, default=7)
    parser.add_argument("--latency", default="balanced")
    parser.add_argument("--speech", type=float, default=1.0)
    parser.add_argument("--variant", default="lite")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--precision", default="exact")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    found = asyncio.run(
        measure(engine_spec(args), args.streams, args.latency, speech=args.speech, settle=SETTLE_S, after=AFTER_S)
    )
    print(
        f"frames again in all {found['streams']} streams after {found['back_in_all_ms']} ms, "
        f"pictures frozen for {max(found['frozen_ms'])} ms at most",
        flush=True,
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
