"""The rest of a generator's warm-up: while nobody is there, in parts, and then everybody knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import fakes
from livehead.core.block import BLOCK_S
from livehead.engine.base import EngineSpec, GeneratorInfo, Preset
from livehead.engine.capacity.model import StepTime
from livehead.engine.capacity.profile import Profile
from livehead.engine.host.host import EngineHost
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import Close, Open, Stop
from livehead.engine.worker.growth import QUIET_S, Growth
from livehead.engine.worker.loop import WorkerLoop
from waiting import until

PRESETS = {"throughput": Preset(8, 0, 2000)}


class Growing(fakes.FakeGenerator):
    """Two parts, after which batches of four are computed as such."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = 0

    @property
    def info(self) -> GeneratorInfo:
        return replace(super().info, presets=PRESETS, batches=(1, 4) if self.parts == 2 else (1,))

    @property
    def warming_up(self) -> bool:
        return self.parts < 2

    def warm_up_more(self) -> bool:
        self.parts += 1
        return self.warming_up


class Inbox(MessageQueue):
    """Nobody waits in real time."""

    waited: float | None = None

    def get(self, *, block: bool = True, timeout: float | None = None) -> Any:
        self.waited = timeout if block else 0.0
        return super().get(block=False)


class Worker:
    """A loop, and in its endpoint's place itself."""

    def __init__(self) -> None:
        self.generator = Growing()
        self.told: list[Profile] = []
        self.inbox = Inbox(8)
        self.sent: list[Any] = []
        self.growth = Growth(self.generator, self._measure, self.told.append)
        self.loop = WorkerLoop(
            self.generator,
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            backlog=8,
            max_batch=1,
            growth=self.growth,
        )

    def _measure(self) -> Profile:
        steps = [StepTime(size, 0.02 * size**0.5, 0.02 * size**0.5) for size in self.generator.info.batches]
        return Profile(PRESETS, {"throughput": steps}, cores=64, on_cpu=False)

    @contextmanager
    def busy(self) -> Iterator[float]:
        yield 0.0

    def send(self, message: object) -> None:
        self.sent.append(message)


def test_it_goes_on_in_parts_while_nobody_is_there_and_then_says_so() -> None:
    worker = Worker()
    assert worker.loop.turn()
    assert worker.inbox.waited == QUIET_S
    assert worker.generator.parts == 1
    assert worker.loop.turn()
    assert worker.inbox.waited is not None
    assert worker.inbox.waited < BLOCK_S
    assert (worker.generator.parts, worker.told) == (2, [])
    assert worker.loop.turn()
    assert [profile.max_batch(worker.generator.info) for profile in worker.told] == [4]
    assert worker.loop.turn()
    assert (worker.generator.parts, len(worker.told), worker.inbox.waited) == (2, 1, None)


def test_whoever_comes_goes_first() -> None:
    worker = Worker()
    worker.inbox.put(Open(1, fakes.portrait(1), 0))
    for _ in range(5):
        assert worker.loop.turn()
    assert worker.generator.parts == 0
    worker.inbox.put(Close(1))
    for _ in range(5):
        assert worker.loop.turn()
    assert (worker.generator.parts, len(worker.told)) == (2, 1)
    worker.inbox.put(Stop())
    assert not worker.loop.turn()


def test_until_then_no_batch_counts_that_is_not_computed_as_such() -> None:
    generator = Growing()
    steps = [StepTime(1, 0.02, 0.02), StepTime(4, 0.04, 0.04)]
    remembered = Profile(PRESETS, {"throughput": steps}, cores=64, on_cpu=False)
    assert remembered.max_batch(generator.info) == 1
    generator.parts = 2
    assert remembered.max_batch(generator.info) == 4


def create() -> Growing:
    """For a worker process."""
    return Growing()


async def test_the_host_knows_once_it_is_done() -> None:
    async with EngineHost(EngineSpec("engine.worker.test_growth:create"), standby=False) as host:
        assert (await host.ready()).batches == (1,)
        await until(lambda: host.info.batches == (1, 4), 3 * QUIET_S)
        assert host.state == "ready"
        stream = await host.open(fakes.portrait(1), 0, lambda *_: None)
        await stream.close()
