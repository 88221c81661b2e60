"""Host streams, both queues and the worker's loop on one simulated clock, with clients that interrupt all the time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import fakes
from livehead.core.block import BLOCK_S
from livehead.core.windows import Window
from livehead.engine.base import Frames, GeneratorInfo, PixelFormat, Work
from livehead.engine.host.stream import EngineStream
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import Close, Dropped, FramesReady, Opened
from livehead.engine.worker.loop import WorkerLoop

BACKLOG = 8
SLACK_S = 0.16
SIZE = 16


@dataclass
class Clock:
    now: float = 0.0


@dataclass
class Drawn:
    """A generator's stream: the blocks whose frames it made and did not take back."""

    tag: int
    ks: list[int] = field(default_factory=list)


class SimulatedGenerator:
    """Steps take 4 ms for each stream in them and rewinds 20 ms of the simulated clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[tuple[str, int]] = []
        self.streams: dict[int, Drawn] = {}

    @property
    def info(self) -> GeneratorInfo:
        return GeneratorInfo("simulated", SIZE, SIZE, window=4, motion_frames=2, presets={}, max_batch=4)

    def open(self, portrait: np.ndarray[Any, Any], seed: int) -> Drawn:
        drawn = self.streams[seed] = Drawn(seed)
        return drawn

    def step(self, work: Sequence[Work], pixel_format: PixelFormat = "yuv420p") -> list[Frames]:
        self.clock.now += 0.004 * len(work)
        for item in work:
            self.calls.append(("step", item.stream.tag))
            item.stream.ks.append(int(item.pcm[0]))
        return [np.zeros((item.hop, SIZE * 3 // 2, SIZE), np.uint8) for item in work]

    def rewind(self, stream: Drawn, shown: np.ndarray[Any, Any], unshown: int) -> None:
        self.clock.now += 0.020
        self.calls.append(("rewind", stream.tag))
        del stream.ks[len(stream.ks) - unshown :]

    def close(self, stream: Drawn) -> None:
        pass


class Simulation:
    """``endpoint`` and ``ring`` of the loop are this object's own: what it sends goes straight to the streams."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock = Clock()
        self.generator = SimulatedGenerator(self.clock)
        self.outbox, self.inbox = MessageQueue(BACKLOG), MessageQueue(BACKLOG)
        self.streams: dict[int, EngineStream] = {}
        self.loop = WorkerLoop(
            self.generator,
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            backlog=BACKLOG,
            max_batch=4,
            clock=lambda: self.clock.now,
        )
        self._actions: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.due = 0.0

    def at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._actions, (when, next(self._order), action))

    async def run(self, until: float) -> None:
        while self.clock.now < until:
            while self._actions and self._actions[0][0] <= self.clock.now:
                self.due, _, action = heapq.heappop(self._actions)
                action()
            assert len(self.outbox) <= len(self.streams) * (BACKLOG + 2)
            for _ in range(self.chance.choice([0, 1, 5, 100])):  # what the pipe takes for now
                if len(self.outbox):
                    message = self.outbox.get(block=False)
                    assert message is not None
                    if (dropped := self.inbox.put(message)) is not None:
                        self.drop(dropped, "full")
            assert len(self.inbox) <= len(self.streams) * (BACKLOG + 2)
            before = self.clock.now
            self.inbox.put(Close(0))  # of no stream: the loop never waits for a message
            assert self.loop.turn()
            await asyncio.sleep(0)
            if self.clock.now == before:
                self.clock.now += 0.0005
        self.due = self.clock.now

    # The endpoint and the ring.

    @contextmanager
    def busy(self) -> Iterator[float]:
        yield self.clock.now

    def write(self, frames: Frames) -> int:
        return 0

    def span(self, frames: Frames) -> int:
        return 1

    def drop(self, window: Any, reason: Any) -> None:
        self.send(Dropped(window.stream, window.epoch, window.k, window.hop, reason))

    def send(self, message: Any) -> None:
        match message:
            case Opened():
                self.streams[message.stream].confirm()
            case FramesReady():
                self.streams[message.stream].deliver(message, [])
            case Dropped():
                self.streams[message.stream].drop(message.epoch, message.k, message.hop, message.reason)


class Client:
    def __init__(self, simulation: Simulation, number: int) -> None:
        self.simulation = simulation
        self.k = 0
        self.epoch = 0
        self.epochs: dict[int, int] = {}
        self.deadlines: dict[int, float] = {}
        self.shown: list[int] = []
        self.dropped: list[int] = []
        self.late: list[int] = []
        self.rewinds = 0
        self.stream = EngineStream(
            number,
            fakes.portrait(number),
            number,
            on_frames=self._on_frames,
            on_state=None,
            on_dropped=lambda k, _: self.dropped.append(k),
            dropped=Counter(),
            on_closed=lambda _: None,
        )
        simulation.streams[number] = self.stream
        self.stream.attach(simulation.outbox)

    def _on_frames(self, k: int, frames: list[Any], timing: Any) -> None:
        assert self.epochs[k] == self.epoch, "frames from before an interrupt"
        self.shown.append(k)
        if timing.done > self.deadlines[k]:
            self.late.append(k)

    def say(self) -> None:
        self.deadlines[self.k] = self.simulation.due + SLACK_S
        self.epochs[self.k] = self.epoch
        pcm = np.full(640, self.k, np.float32)
        if self.stream.submit(Window(self.k, 1, 0, pcm), self.deadlines[self.k]):
            self.k += 1

    def interrupt(self, shown_k: int) -> None:
        self.epoch += 1
        self.rewinds += 1
        self.stream.rewind(shown_k)

    def every(self, seconds: float, action: Callable[[], None], until: float) -> None:
        """Due at even times, also where a call into the generator makes this late."""
        due = self.simulation.chance.random() * seconds
        while due < until:
            self.simulation.at(due, action)
            due += seconds


def rage(client: Client) -> None:
    """Interrupts, many times over, each time with some speech."""
    chance = client.simulation.chance
    for _ in range(chance.randint(1, 12)):
        client.interrupt(client.shown[-1] if client.shown else -1)
        for _ in range(chance.randint(0, 6)):
            client.say()


@pytest.mark.parametrize("raging", [1, 3])
@pytest.mark.parametrize("seed", range(4))
async def test_clients_that_interrupt_all_the_time_delay_nobody_else(seed: int, raging: int) -> None:
    simulation, seconds = Simulation(seed), 4.0
    calm = [Client(simulation, number) for number in (1, 2, 3)]
    wild = [Client(simulation, number) for number in range(4, 4 + raging)]
    for client in calm:
        client.every(BLOCK_S, client.say, seconds)
    for client in wild:
        client.every(0.004, lambda client=client: rage(client), seconds)  # type: ignore[misc]
    await simulation.run(seconds + 1.0)
    assert min(client.rewinds for client in wild) > 1000
    for client in calm:
        assert client.k >= 99
        assert client.shown == list(range(client.k))
        assert not client.late
        assert not client.dropped
    for client in wild:
        assert client.shown, "an interrupted stream goes on"
        assert len(client.shown) + len(client.dropped) == client.k
    calls = simulation.generator.calls
    for client in wild:
        own = [call for call, stream in calls if stream == client.stream.id]
        assert all((one, other) != ("rewind", "rewind") for one, other in pairwise(own)), "nothing to take back"


@pytest.mark.parametrize("seed", range(10))
async def test_of_many_interrupts_the_last_one_counts(seed: int) -> None:
    simulation = Simulation(seed)
    client = Client(simulation, 1)
    await simulation.run(0.1)
    for _ in range(8):
        client.say()
    await simulation.run(0.5)
    assert client.shown == list(range(8))
    for shown_k in [6] * 500 + [5, 4, 3]:
        client.interrupt(shown_k)
        client.say()
    await simulation.run(1.0)
    assert client.shown == [*range(8), client.k - 1]
    assert simulation.generator.streams[1].ks == [0, 1, 2, 3, client.k - 1]
    assert sum(call == "rewind" for call, _ in simulation.generator.calls) <= 3


async def test_an_interrupt_with_nothing_made_since_the_last_one_takes_no_call() -> None:
    simulation = Simulation(0)
    client = Client(simulation, 1)
    await simulation.run(0.1)
    client.interrupt(-1)
    await simulation.run(0.2)
    assert not simulation.generator.calls
    client.say()
    await simulation.run(0.3)
    for _ in range(3):
        client.interrupt(0)
        await simulation.run(simulation.clock.now + 0.1)
    assert simulation.generator.calls == [("step", 1), ("rewind", 1)]
