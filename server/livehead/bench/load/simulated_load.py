"""Places at an engine host that live sessions take: they open streams, submit windows in real time, come and go."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from typing import Any

from tqdm import tqdm

from livehead.bench.load.driven_stream import PATIENCE_S, DrivenStream
from livehead.bench.load.portraits import TintedPortraits
from livehead.bench.load.results import LoadRecord
from livehead.bench.load.simulated_session import SimulatedSession, WindowSpec, churning_slots, phases, voice
from livehead.core.block import BLOCK_S
from livehead.engine.host.host import EngineHost
from livehead.errors import LiveheadError

SOON_S = 0.1
"""From the last stream being open to the first window being whole."""

TICK_S = 0.5


class Slot:
    """A place that one session takes after the other. ``line`` is None while it is empty."""

    def __init__(self, *, stays: bool) -> None:
        self.stays = stays
        self.line: DrivenStream | None = None
        self.moving = False


class SimulatedLoad:
    """As many sessions at once as there are places, all of one shape."""

    def __init__(
        self,
        host: EngineHost,
        shape: WindowSpec,
        count: int,
        *,
        churn_s: float | None,
        seed: int | None,
        faces: TintedPortraits,
    ) -> None:
        """With ``churn_s`` a session leaves every so many seconds and another one comes in its place, and between two
        such moments another one changes its portrait, all with portraits that the engine has not seen; see
        :func:`~livehead.bench.load.simulated_session.churning_slots`. A session that has not seen a frame yet is left alone."""
        moving = churning_slots(count) if churn_s is not None else range(0)
        self._host = host
        self._shape = shape
        self._faces = faces
        self._seats = [Slot(stays=number not in moving) for number in range(count)]
        self._phases = phases(count, seed)
        self._voice = voice(seed or 0)
        self._record = LoadRecord(shape, count, churn_s=churn_s)
        self._opened = 0

    async def hold(self, seconds: float) -> LoadRecord:
        """Open all streams, let the sessions live for so long, wait for what is under way, and close them. Raises what
        :meth:`EngineHost.open` raises where one of the first cannot be opened."""
        host, record = self._host, self._record
        dropped, faults, restarts = Counter(host.dropped), host.faults, host.restarts
        try:
            for seat in self._seats:  # in turn, so that each says what opening takes
                await self._take(seat)
            record.begin = time.monotonic() + SOON_S
            record.end = record.begin + seconds
            await self._live()
            await self._drain()
        finally:
            for seat in self._seats:
                if seat.line is not None:
                    await seat.line.close()
        for caller in record.callers:
            caller.end()
        record.dropped = Counter(host.dropped)
        record.dropped.subtract(dropped)
        record.dropped = +record.dropped
        record.faults, record.restarts = host.faults - faults, host.restarts - restarts
        return record

    async def _live(self) -> None:
        record = self._record
        bar = tqdm(total=round(record.end - record.begin), unit="s", disable=None, leave=False)
        bar.set_description(f"{record.streams} streams, hop {self._shape.hop}")
        with bar:
            async with asyncio.TaskGroup() as group:
                for seat, phase in zip(self._seats, self._phases, strict=True):
                    self._begin(group, seat, record.begin + phase * self._shape.period_s - self._shape.floor_s)
                if record.churn_s is not None:
                    group.create_task(self._churn(group, record.churn_s))
                group.create_task(self._show(bar))

    async def _take(self, seat: Slot) -> None:
        """Open a stream for the one who comes; its time begins later."""
        seat.line = await self._open(SimulatedSession(self._shape, 0.0, self._voice), seat, self._record.opens)

    async def _open(self, caller: SimulatedSession, seat: Slot, times: list[float]) -> DrivenStream:
        face = await asyncio.to_thread(self._faces.next)
        line = DrivenStream(caller, self._record, stays=seat.stays)
        self._opened += 1
        asked = time.monotonic()
        line.stream = await self._host.open(face, self._opened, line.on_frames, None, line.on_dropped)
        times.append(time.monotonic() - asked)
        return line

    def _begin(self, group: asyncio.TaskGroup, seat: Slot, start: float) -> None:
        assert seat.line is not None
        caller = seat.line.caller
        caller.start = start
        (self._record.stayed if seat.stays else self._record.came).append(caller)
        group.create_task(self._speak(seat, caller))

    async def _speak(self, seat: Slot, caller: SimulatedSession) -> None:
        while not caller.left and caller.whole_at <= self._record.end:
            await _sleep_until(caller.whole_at)
            if not caller.left and seat.line is not None:
                seat.line.submit()

    async def _churn(self, group: asyncio.TaskGroup, every: float) -> None:
        """Moves by turns, until it is too late for one to be seen."""
        last = self._record.end - self._shape.delay_s - self._shape.period_s
        turns = itertools.cycle(seat for seat in self._seats if not seat.stays)
        moves = 0
        for turn in itertools.count(1):
            at = self._record.begin + turn * every / 2
            if at > last:
                return
            await _sleep_until(at)
            seat = next(turns)
            if seat.moving or seat.line is None or not seat.line.caller.in_time:
                continue
            seat.moving = True
            moves += 1  # not by the clock: where a move takes longer than a turn, one kind would be left out for ever
            group.create_task(self._replace(group, seat, seat.line) if moves % 2 else self._change(seat, seat.line))

    async def _replace(self, group: asyncio.TaskGroup, seat: Slot, line: DrivenStream) -> None:
        """One leaves, another one comes."""
        seat.line = None
        line.caller.leave()
        await line.close()
        try:
            seat.line = await self._open(SimulatedSession(self._shape, 0.0, self._voice), seat, self._record.joins)
        except LiveheadError as error:
            self._record.refused.append(str(error))
            return
        self._record.joined += 1
        self._begin(group, seat, time.monotonic())
        seat.moving = False

    async def _change(self, seat: Slot, line: DrivenStream) -> None:
        """Another portrait at the same place: the old one is shown until the new one is there."""
        try:
            seat.line = await self._open(line.caller, seat, self._record.joins)
        except LiveheadError as error:
            self._record.refused.append(str(error))
        else:
            self._record.changed += 1
            await line.retire()
        seat.moving = False

    async def _drain(self) -> None:
        until = time.monotonic() + self._shape.delay_s + PATIENCE_S
        callers = self._record.callers
        while time.monotonic() < until and any(caller.pending for caller in callers):  # noqa: ASYNC110 - many at once
            await asyncio.sleep(BLOCK_S)

    async def _show(self, bar: Any) -> None:
        while (left := self._record.end - time.monotonic()) > 0:
            await asyncio.sleep(min(TICK_S, left))
            passed = round(time.monotonic() - self._record.begin)
            bar.update(max(0, passed - bar.n))


async def _sleep_until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
