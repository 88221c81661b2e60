"""Simulated load: sessions that open streams at an engine host, submit windows in real time, join and leave."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from typing import Any

from tqdm import tqdm

from livehead.bench.load.background_film import BackgroundFilm
from livehead.bench.load.driven_stream import PATIENCE_S, DrivenStream
from livehead.bench.load.portraits import TintedPortraits
from livehead.bench.load.results import LoadRecord
from livehead.bench.load.simulated_session import SimulatedSession, WindowSpec, churning_slots, phases, voice
from livehead.core.block import BLOCK_S
from livehead.engine.base import Preset
from livehead.engine.host.host import EngineHost
from livehead.errors import LiveheadError

LEAD_IN_S = 0.1
"""From the last stream being open to the first window being complete."""

TICK_S = 0.5


class Slot:
    """A place that one session takes after another. ``stream`` is None while it is empty."""

    def __init__(self, *, stays: bool) -> None:
        self.stays = stays
        self.stream: DrivenStream | None = None
        self.changing = False


class SimulatedLoad:
    """As many sessions at once as there are slots, all with the same windows."""

    def __init__(
        self,
        host: EngineHost,
        spec: WindowSpec,
        count: int,
        *,
        churn_s: float | None,
        seed: int | None,
        portraits: TintedPortraits,
        renders: int = 0,
        render_preset: Preset | None = None,
    ) -> None:
        """``renders`` films are made behind the sessions, with windows of ``render_preset``. With ``churn_s``, every so
        many seconds a session leaves and another takes its slot, and halfway between two such changes a session
        switches its portrait. All portraits are new to the engine. Only sessions in
        :func:`~livehead.bench.load.simulated_session.churning_slots` that have received a frame are touched."""
        changing = churning_slots(count) if churn_s is not None else range(0)
        self._host = host
        self._spec = spec
        self._portraits = portraits
        self._slots = [Slot(stays=number not in changing) for number in range(count)]
        self._phases = phases(count, seed)
        self._voice = voice(seed or 0)
        self._record: LoadRecord[SimulatedSession] = LoadRecord(spec, count, churn_s=churn_s)
        self._films = [BackgroundFilm(render_preset, self._voice) for _ in range(renders) if render_preset is not None]
        self._opened = 0

    async def hold(self, seconds: float) -> LoadRecord[SimulatedSession]:
        """Open all streams, run the sessions for so long, wait for the windows under way, and close the streams.

        Raises what :meth:`EngineHost.open` raises if one of the first streams cannot be opened."""
        host, record = self._host, self._record
        dropped, faults, restarts = Counter(host.dropped), host.faults, host.restarts
        try:
            for slot in self._slots:  # one by one, to time each
                await self._open_first(slot)
            for film in self._films:
                self._opened += 1
                await film.open(host, await asyncio.to_thread(self._portraits.next), self._opened)
            record.begin = time.monotonic() + LEAD_IN_S
            record.end = record.begin + seconds
            await self._run()
            await self._drain()
        finally:
            for slot in self._slots:
                if slot.stream is not None:
                    await slot.stream.close()
            for film in self._films:
                await film.close()
        record.renders = len(self._films)
        record.rendered = sum(film.frames for film in self._films)
        record.rendered_lost = sum(film.lost for film in self._films)
        for session in record.sessions:
            session.end()
        record.dropped = Counter(host.dropped)
        record.dropped.subtract(dropped)
        record.dropped = +record.dropped
        record.faults, record.restarts = host.faults - faults, host.restarts - restarts
        return record

    async def _run(self) -> None:
        record = self._record
        bar = tqdm(total=round(record.end - record.begin), unit="s", disable=None, leave=False)
        bar.set_description(f"{record.streams} streams, hop {self._spec.hop}")
        with bar:
            async with asyncio.TaskGroup() as group:
                for slot, phase in zip(self._slots, self._phases, strict=True):
                    self._start(group, slot, record.begin + phase * self._spec.period_s - self._spec.floor_s)
                if record.churn_s is not None:
                    group.create_task(self._churn(group, record.churn_s))
                if self._films:
                    group.create_task(self._render())
                group.create_task(self._show_progress(bar))

    async def _open_first(self, slot: Slot) -> None:
        """Open the stream of a slot's first session, which starts later."""
        slot.stream = await self._open(SimulatedSession(self._spec, 0.0, self._voice), slot, self._record.opens)

    async def _open(self, session: SimulatedSession, slot: Slot, times: list[float]) -> DrivenStream:
        portrait = await asyncio.to_thread(self._portraits.next)
        stream = DrivenStream(session, self._record, stays=slot.stays)
        self._opened += 1
        asked = time.monotonic()
        stream.engine_stream = await self._host.open(portrait, self._opened, stream.on_frames, None, stream.on_dropped)
        times.append(time.monotonic() - asked)
        return stream

    def _start(self, group: asyncio.TaskGroup, slot: Slot, start: float) -> None:
        assert slot.stream is not None
        session = slot.stream.session
        session.start = start
        (self._record.stayed if slot.stays else self._record.churned).append(session)
        group.create_task(self._submit_windows(slot, session))

    async def _submit_windows(self, slot: Slot, session: SimulatedSession) -> None:
        while not session.left and session.complete_at <= self._record.end:
            await _sleep_until(session.complete_at)
            if not session.left and slot.stream is not None:
                slot.stream.submit()

    async def _churn(self, group: asyncio.TaskGroup, every: float) -> None:
        """Change slots in turn, until a change would come too late to be seen."""
        last = self._record.end - self._spec.delay_s - self._spec.period_s
        turns = itertools.cycle(slot for slot in self._slots if not slot.stays)
        changes = 0
        for turn in itertools.count(1):
            at = self._record.begin + turn * every / 2
            if at > last:
                return
            await _sleep_until(at)
            slot = next(turns)
            if slot.changing or slot.stream is None or not slot.stream.session.in_time:
                continue
            slot.changing = True
            changes += 1  # counted, not timed: if changes are slow, one kind would never come up
            group.create_task(
                self._replace_session(group, slot, slot.stream)
                if changes % 2
                else self._change_portrait(slot, slot.stream)
            )

    async def _replace_session(self, group: asyncio.TaskGroup, slot: Slot, stream: DrivenStream) -> None:
        """One session leaves, another joins."""
        slot.stream = None
        stream.session.leave()
        await stream.close()
        try:
            slot.stream = await self._open(SimulatedSession(self._spec, 0.0, self._voice), slot, self._record.joins)
        except LiveheadError as error:
            self._record.refused.append(str(error))
            return
        self._record.joined += 1
        self._start(group, slot, time.monotonic())
        slot.changing = False

    async def _change_portrait(self, slot: Slot, stream: DrivenStream) -> None:
        """The session switches its portrait: the old stream serves it until the new one is open."""
        try:
            slot.stream = await self._open(stream.session, slot, self._record.joins)
        except LiveheadError as error:
            self._record.refused.append(str(error))
        else:
            self._record.changed += 1
            await stream.retire()
        slot.changing = False

    async def _drain(self) -> None:
        until = time.monotonic() + self._spec.delay_s + PATIENCE_S
        sessions = self._record.sessions
        while time.monotonic() < until and any(session.pending for session in sessions):  # noqa: ASYNC110 - many at once
            await asyncio.sleep(BLOCK_S)

    async def _render(self) -> None:
        """Make films as long as the sessions go on."""
        await _sleep_until(self._record.begin)
        for film in self._films:
            film.start()
        await _sleep_until(self._record.end)
        for film in self._films:
            film.stop()

    async def _show_progress(self, bar: Any) -> None:
        while (left := self._record.end - time.monotonic()) > 0:
            await asyncio.sleep(min(TICK_S, left))
            passed = round(time.monotonic() - self._record.begin)
            bar.update(max(0, passed - bar.n))


async def _sleep_until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
