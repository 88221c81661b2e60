"""A session's failure is its own: whatever breaks, it ends with a reason and a log line, and everything is closed."""

from __future__ import annotations

import asyncio
import logging

import pytest

from livehead.core.lifecycle import State
from livehead.core.messages.from_server import StateMessage, Stats
from livehead.metrics import Metrics
from livehead.sessions import reporter as module
from livehead.sessions.session import Session
from sessions.stubs import StubHost, StubPeer, session
from waiting import patient, until


def closed(metrics: Metrics, reason: str) -> float:
    return float(metrics.closed.labels(reason)._value.get())


async def run(one: Session) -> StateMessage:
    """Serve it to its end, and say what its listener was told last."""
    told: list[StateMessage | Stats] = []
    await one.open("offer")
    one.subscribe(told.append)
    async with patient(10):
        await one.run()
    assert one.closed.is_set()
    last = told[-1]
    assert isinstance(last, StateMessage)
    assert last.state is State.CLOSED
    return last


@pytest.mark.parametrize("broken", ["peer", "stream", "both"])
async def test_a_close_that_fails_is_logged_and_counted_and_every_other_step_is_tried(
    broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    peer = StubPeer("close") if broken != "stream" else StubPeer()
    host = StubHost(None, "close") if broken != "peer" else StubHost()
    metrics = Metrics()
    one = session(monkeypatch, peer.connect(), host, metrics)
    with caplog.at_level(logging.INFO):
        running = asyncio.create_task(run(one))
        await until(lambda: host.live == 1 and one._portrait.shown.is_set(), 5)
        one.end("bye")
        last = await running
    reason = "bye" if broken == "peer" else "failed"  # a viewer's failure is its own
    assert last.reason == reason
    assert closed(metrics, reason) == 1
    assert peer.closings == 1
    assert host.live == 0
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == (2 if broken == "both" else 1)
    assert all(one.id in line for line in errors)


@pytest.mark.parametrize("call", ["audio", "send_audio", "send_text"])
async def test_a_part_that_fails_ends_its_session_with_one_line(
    call: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They break the listening, the pacing and the reporting."""
    monkeypatch.setattr(module, "REPORT_S", 0.05)
    metrics = Metrics()
    one = session(monkeypatch, StubPeer(call).connect(), metrics=metrics)
    assert (await run(one)).reason == "failed"
    assert closed(metrics, "failed") == 1
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    errors = [record for record in errors if "a listener failed" not in record.getMessage()]  # texts are sent by one
    assert len(errors) == 1
    assert one.id in errors[0].getMessage()
    assert errors[0].exc_info is not None


async def test_a_part_that_returns_while_the_session_lives_ends_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = session(monkeypatch, StubPeer())

    async def returns() -> None:
        pass

    monkeypatch.setattr(one._pacer, "run", returns)
    assert (await run(one)).reason == "failed"
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        f"session {one.id}: its part 'pace' ended"
    ]


@pytest.mark.parametrize("connected", [True, False])
async def test_media_that_failed_end_the_session_and_say_so(
    connected: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    peer, metrics = StubPeer(), Metrics()
    one = session(monkeypatch, peer, metrics=metrics)
    if connected:
        peer.connect()
    running = asyncio.create_task(run(one))
    await asyncio.sleep(0.1)
    peer.failure = RuntimeError("the sender died")
    peer.closed.set()
    assert (await running).reason == "media-failed"
    assert closed(metrics, "media-failed") == 1
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"session {one.id}: a viewer's media failed: the sender died"]


async def test_a_listener_that_fails_harms_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    one = session(monkeypatch, StubPeer())

    def broken(message: object) -> None:
        raise RuntimeError("the socket broke")

    one.subscribe(broken)
    one.end("bye")
    assert (await run(one)).reason == "bye"


async def test_a_session_that_is_cancelled_is_closed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    peer, host = StubPeer("close"), StubHost()
    one = session(monkeypatch, peer.connect(), host)
    running = asyncio.create_task(run(one))
    await until(lambda: host.live == 1, 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert one.closed.is_set()
    assert host.live == 0


async def test_the_newest_choice_of_avatar_wins_and_a_session_has_two_streams_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = 0
    gate = asyncio.Event()

    async def opening(n: int) -> None:
        nonlocal most
        most = max(most, host.live + 1)
        if n == 1:
            await gate.wait()

    host = StubHost(opening)
    one = session(monkeypatch, StubPeer().connect(), host)
    errors: list[Exception] = []
    running = asyncio.create_task(run(one))
    await until(lambda: host.live == 1, 5)
    for i in range(10):
        one.steering.choose_avatar(("ben", "chen")[i % 2], errors.append)
        one.steering.interrupt()
        await asyncio.sleep(0)
    assert len(host.streams) == 1, "an interrupt never waits for a portrait"
    gate.set()
    await until(lambda: one.describe()["avatar"] == "chen", 5)
    await until(lambda: host.live == 1, 5)
    one.end("bye")
    await running
    assert most == 2
    assert errors == []
    assert host.live == 0
    assert len(host.streams) <= 4


async def test_an_avatar_that_cannot_be_shown_is_told_and_the_old_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    async def opening(n: int) -> None:
        if n == 1:
            raise RuntimeError("no memory")

    host = StubHost(opening)
    one = session(monkeypatch, StubPeer().connect(), host)
    errors: list[Exception] = []
    running = asyncio.create_task(run(one))
    await until(lambda: host.live == 1, 5)
    one.steering.choose_avatar("ben", errors.append)
    await until(lambda: len(errors) == 1, 5)
    assert one.describe()["avatar"] == "amara"
    one.steering.choose_avatar("chen", errors.append)
    await until(lambda: one.describe()["avatar"] == "chen", 5)
    one.end("bye")
    await running
    assert host.live == 0


async def test_malformed_packets_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    peer, metrics = StubPeer(), Metrics()
    one = session(monkeypatch, peer, metrics=metrics)
    peer.malformed, peer.close_failures, peer.refused = 3, 2, {"packets": 7, "strangers": 1}
    one.end("bye")
    await run(one)
    assert metrics.malformed._value.get() == 3
    assert metrics.close_failures._value.get() == 2
    assert metrics.packets_refused.labels("packets")._value.get() == 7
    assert metrics.packets_refused.labels("strangers")._value.get() == 1
