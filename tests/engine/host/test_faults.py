"""What the generator does wrong, as a stream at the host meets it: real workers, and faults that are ordered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from engine.host.viewer import Viewer
from faulty import Orders
from livehead.engine.base import EngineSpec
from livehead.engine.host.host import EngineHost
from waiting import patient, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Orders:
    return Orders(tmp_path_factory.mktemp("orders"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(orders: Orders) -> AsyncIterator[EngineHost]:
    spec = EngineSpec("faulty:create", {"orders": str(orders.folder)})
    async with EngineHost(spec, backoff=(0.0,)) as host:
        await host.ready()
        yield host


@pytest_asyncio.fixture(loop_scope="module")
async def host(shared: EngineHost) -> AsyncIterator[EngineHost]:
    """One for many tests, each with counters of its own."""
    await until(lambda: shared.state == "ready")
    shared._supervisor.restarts = shared.faults = 0
    shared.windows.dropped.clear()
    yield shared
    for stream in shared._streams:
        await stream.close()


async def talk(viewers: list[Viewer], enough: Callable[[], object]) -> None:
    """All of them, window by window, until it is enough."""
    async with patient(10):
        while not enough():
            for viewer in viewers:
                viewer.say(hop=1 + viewer.tag % 3)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("order", ["nan", "shape", "dtype"])
async def test_a_stream_without_usable_frames_loses_a_window_and_nobody_else_does(
    host: EngineHost, orders: Orders, order: str
) -> None:
    good, bad = await Viewer(1).open(host, 1), await Viewer(2).open(host, 2)
    await talk([good, bad], lambda: good.seen and bad.seen)
    orders.give(order, 2)  # type: ignore[arg-type]
    await talk([good, bad], lambda: host.faults)
    before = len(bad.seen)
    await talk([good, bad], lambda: len(bad.seen) > before + 3)
    await until(lambda: good.answered == good.k and bad.answered == bad.k)
    assert (len(good.dropped), len(bad.dropped)) == (0, 1)
    assert (host.faults, host.restarts, host.dropped["fault"]) == (1, 0, 1)
    assert (good.seen[-1][1].rewinds, bad.seen[-1][1].rewinds) == (0, 1)
    made = [seen.made for _, seen in bad.seen]
    assert made == list(range(len(made))), "it goes on from the last frame that there was"


async def test_a_step_that_is_too_large_is_not_tried_again_at_once(host: EngineHost, orders: Orders) -> None:
    viewers = [await Viewer(tag).open(host) for tag in (1, 2, 3, 4)]
    orders.give("memory", 2)
    await talk(viewers, lambda: host.faults and all(len(viewer.seen) > 60 for viewer in viewers))
    orders.take_back("memory")
    assert host.faults <= 3
    assert host.restarts == 0


async def test_a_stream_whose_steps_all_fail_is_down_and_comes_back(
    host: EngineHost, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livehead.engine.host.streams.REOPEN_S", 0.1)
    good, bad = await Viewer(1).open(host, 1), await Viewer(2).open(host, 2)
    orders.give("broken", 2)
    await talk([good, bad], lambda: bad.states[:1] == ["down"])
    before = len(good.seen)
    await talk([good, bad], lambda: len(good.seen) > before + 20)
    assert not bad.seen
    orders.take_back("broken")
    await talk([good, bad], lambda: bad.seen)
    assert (host.restarts, good.states) == (0, [])


async def test_a_stream_that_kills_workers_is_given_up(host: EngineHost, orders: Orders) -> None:
    good, bad = await Viewer(1).open(host, 1), await Viewer(2).open(host, 2)
    await talk([good, bad], lambda: good.seen and bad.seen)
    orders.give("die", 2)
    await talk([good, bad], lambda: bad.states[-1:] == ["failed"])
    assert host.restarts in (3, 4)  # the first may have been lost in a step of both
    await until(lambda: good.stream.state == "ready")
    before = len(good.seen)
    await talk([good, bad], lambda: len(good.seen) > before + 20)
    orders.take_back("die")
    assert not bad.say()
    assert host.streams == 1
    assert "failed" not in good.states


async def test_a_lost_device_is_noticed_at_once(host: EngineHost, orders: Orders) -> None:
    viewer = await Viewer(1).open(host)
    orders.give("lost")
    await talk([viewer], lambda: viewer.states == ["down", "ready"])
    assert (host.faults, host.restarts) == (1, 1)


@pytest.mark.parametrize("order", ["rubbish", "half"])
async def test_a_worker_that_sends_what_is_no_message_is_replaced(host: EngineHost, orders: Orders, order: str) -> None:
    reasons: list[str | None] = []
    unsubscribe = host.subscribe(lambda _: reasons.append(host.reason))
    viewer = await Viewer(1).open(host)
    orders.give(order)  # type: ignore[arg-type]
    await talk([viewer], lambda: viewer.states == ["down", "ready"])
    assert "no message" in (reasons[0] or "")
    unsubscribe()


async def test_without_shared_memory_the_reason_is_told(host: EngineHost, orders: Orders) -> None:
    viewer = await Viewer(1).open(host)
    orders.give("full")
    orders.give("lost")
    await talk([viewer], lambda: host.restarts >= 2)
    assert "There is no shared memory for frames" in (host.reason or "")
    orders.take_back("full")
    await until(lambda: viewer.stream.state == "ready")
