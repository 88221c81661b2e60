"""Simulated calls: as many at once as are asked for, each speaking in phrases, at one preset or governed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter

from tqdm import tqdm

from livehead.bench.load.calls.call_results import CallsRecord
from livehead.bench.load.calls.microphone import Microphone
from livehead.bench.load.calls.phrases import Phrases
from livehead.bench.load.calls.simulated_call import SimulatedCall
from livehead.bench.load.portraits import TintedPortraits
from livehead.bench.load.simulated_session import WindowSpec, phases
from livehead.core.block import BLOCK_S
from livehead.core.latency_choice import AUTO
from livehead.core.playout.target_delay import SLACK_S
from livehead.engine.base import Preset
from livehead.engine.host.host import EngineHost
from livehead.metrics import Metrics
from livehead.sessions.governing import Governing

LEAD_IN_S = 2.0
"""Sessions begin so long before they count, spread over a window of silence."""

GOVERNED_LEAD_IN_S = 20.0
"""The same where a governor gives them their presets: it waits for room before it gives a lower delay."""

TICK_S = 0.5


class SimulatedCalls:
    """With a ``spec`` all sessions have its windows and its delay; without one a governor gives each its preset, and
    its playout chooses the delay. ``speech`` is the share of the time in which each speaks; ``seed`` draws its phrases,
    and its phase unless that is None."""

    def __init__(
        self,
        host: EngineHost,
        spec: WindowSpec | None,
        count: int,
        *,
        speech: float,
        seed: int | None,
        portraits: TintedPortraits,
    ) -> None:
        self._host = host
        self._spec = spec
        self._count = count
        self._speech = speech
        self._seed = seed
        self._portraits = portraits
        self._metrics = Metrics()
        self._calls: list[SimulatedCall] = []
        self._governing = Governing(host, self._metrics, lambda: self._calls)

    async def hold(self, seconds: float) -> CallsRecord:
        """Open all streams, let the sessions go on for so long, and close them. Raises what :meth:`EngineHost.open`
        raises."""
        host = self._host
        record = CallsRecord(self._spec, self._count, self._speech, self._calls)
        dropped, faults, restarts = Counter(host.dropped), host.faults, host.restarts
        try:
            for number in range(self._count):
                await self._open(number, record)
            await self._run(record, seconds)
        finally:
            for call in self._calls:
                await call.close()
        record.dropped = +Counter({reason: count - dropped[reason] for reason, count in host.dropped.items()})
        record.faults, record.restarts = host.faults - faults, host.restarts - restarts
        return record

    async def _open(self, number: int, record: CallsRecord) -> None:
        seed = 1000 * (self._seed or 0) + number
        name, preset = self._preset()
        call = SimulatedCall(
            number + 1,
            self._host.info,
            name,
            preset,
            Microphone(Phrases(self._speech, seed), seed),
            self._metrics,
            latency=AUTO if self._spec is None else name,
            fixed=self._spec is not None,
            phases=self._governing.phases,
        )
        portrait = await asyncio.to_thread(self._portraits.next)
        asked = time.monotonic()
        await call.open(self._host, portrait)
        record.opens.append(time.monotonic() - asked)
        self._calls.append(call)

    def _preset(self) -> tuple[str, Preset]:
        """What the next session begins with."""
        spec = self._spec
        if spec is None:
            name = self._governing.newcomer()
            return name, self._host.info.presets[name]
        return spec.preset, Preset(spec.hop, spec.lookahead, round((spec.delay_s + SLACK_S) * 1000))

    async def _run(self, record: CallsRecord, seconds: float) -> None:
        start = time.monotonic() + BLOCK_S
        record.begin = start + (GOVERNED_LEAD_IN_S if self._spec is None else LEAD_IN_S)
        record.end = record.begin + seconds
        tasks: list[asyncio.Task[None]] = []
        try:
            for call, phase in zip(self._calls, phases(self._count, self._seed), strict=True):
                period = max(call.pipeline.preset.hop, self._host.info.silence_hop) * BLOCK_S
                call.begin(record.begin)
                tasks.append(asyncio.create_task(call.run(start + phase * period)))
            if self._spec is None:
                tasks.append(asyncio.create_task(self._governing.run()))
            tasks.append(asyncio.create_task(self._begin(record)))
            tasks.append(asyncio.create_task(self._show_progress(record)))
            done, _ = await asyncio.wait(
                tasks, timeout=max(0.0, record.end - time.monotonic()), return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()
            for call in self._calls:
                call.end()
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _begin(self, record: CallsRecord) -> None:
        """Count from now on."""
        await asyncio.sleep(max(0.0, record.begin - time.monotonic()))
        for call in self._calls:
            call.begin(record.begin)

    async def _show_progress(self, record: CallsRecord) -> None:
        began = time.monotonic()
        total = round(record.end - began)
        shape = AUTO if self._spec is None else f"hop {self._spec.hop}"
        with tqdm(total=total, unit="s", disable=None, leave=False) as bar:
            bar.set_description(f"{self._count} streams, {shape}, {self._speech:.0%} speech")
            while True:
                await asyncio.sleep(TICK_S)
                bar.update(min(total, round(time.monotonic() - began)) - bar.n)
