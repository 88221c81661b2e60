"""The registry owns the sessions' tasks, and outlives whatever becomes of one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from livehead.core.identity import Identity, Role
from livehead.errors import EngineError, NotFoundError, UnavailableError, UnprocessableError
from livehead.metrics import Metrics
from livehead.sessions.registry import Registry
from livehead.sessions.request import SessionRequest
from livehead.settings import load
from sessions.stubs import StubAvatars, StubHost, StubPeer, StubRecorders
from waiting import patient, until

LOW = SessionRequest("amara", "low")
ANYBODY = Identity("198.51.100.1")


def build(
    patch: pytest.MonkeyPatch,
    host: StubHost | None = None,
    peer: Callable[[], StubPeer] = StubPeer,
    **given: Any,
) -> tuple[Registry, Metrics]:
    patch.setattr("livehead.sessions.viewers.viewer.Peer", lambda *args, **options: peer())
    metrics = Metrics()
    anything: Any = host or StubHost()
    avatars: Any = StubAvatars()
    return Registry(load(given), anything, avatars, metrics, StubRecorders()), metrics


async def warmed(registry: Registry) -> None:
    await until(lambda: registry.refusal() is None, 5)


async def test_a_session_that_breaks_leaves_the_others_and_the_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    peers = iter([StubPeer("audio"), StubPeer()])
    registry, metrics = build(monkeypatch, peer=lambda: next(peers))
    async with registry:
        await warmed(registry)
        broken, _ = await registry.open("offer", LOW, ANYBODY)
        well, _ = await registry.open("offer", LOW, ANYBODY)
        await until(lambda: registry.active == 1, 5)
        await asyncio.sleep(0.05)
        assert broken.closed.is_set()
        assert registry.find(well.id, ANYBODY, Role.VIEW) is well
        assert not well.closed.is_set()
        assert registry.failure is None
        assert registry.refusal() is None
    assert well.closed.is_set()
    assert metrics.closed.labels("failed")._value.get() == 1
    assert metrics.closed.labels("draining")._value.get() == 1


async def test_whatever_escapes_from_a_session_is_logged_with_its_id_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry, metrics = build(monkeypatch)
    async with registry:
        await warmed(registry)

        async def breaks(session: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr("livehead.sessions.session.Session.run", breaks)
        one, _ = await registry.open("offer", LOW, ANYBODY)
        await until(lambda: registry.active == 0, 5)
        assert metrics.closed.labels("failed")._value.get() == 1
        assert any(one.id in record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
        assert registry.refusal() is None
        with pytest.raises(NotFoundError):
            registry.find(one.id, ANYBODY, Role.VIEW)


@pytest.mark.parametrize("error", [EngineError("no memory"), RuntimeError("a bug"), MemoryError()])
async def test_a_portrait_that_cannot_be_prepared_does_not_stop_the_server(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def opening(n: int) -> None:
        if n != 1:
            raise error

    host = StubHost(opening)
    registry, _ = build(monkeypatch, host)
    async with registry:
        await warmed(registry)
        await until(lambda: len(caplog.records) == 2, 5)
        assert registry.failure is None
        assert len(host.streams) == 1, "the next portrait is prepared all the same"
        assert "amara" in caplog.records[0].getMessage()


async def test_nothing_that_a_client_names_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, _ = build(monkeypatch)
    async with registry:
        await warmed(registry)
        for i in range(20):
            with pytest.raises(UnprocessableError, match="preset"):
                await registry.open("offer", SessionRequest("amara", f"preset{i}"), ANYBODY)
            with pytest.raises(NotFoundError):
                await registry.open("offer", SessionRequest(f"avatar{i}", "low"), ANYBODY)
        assert not registry._openings
        one, _ = await registry.open("offer", LOW, ANYBODY)
        for i in range(20):
            with pytest.raises(UnprocessableError, match="preset"):
                registry.choose_latency(one, f"preset{i}")
        assert not registry._openings
        assert dict(registry.taken) == {"low": 1}
        assert set(registry.delays._ms) <= {"low"}


async def test_an_offer_that_cannot_be_answered_gives_its_slot_back(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, _ = build(monkeypatch, peer=lambda: StubPeer("answer"))
    async with registry:
        await warmed(registry)
        with pytest.raises(RuntimeError):
            await registry.open("offer", LOW, ANYBODY)
        assert registry.active == 0
        assert not registry._openings


async def test_a_registry_whose_owner_died_says_so_and_not_that_it_is_draining(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, _ = build(monkeypatch)
    await registry.__aenter__()
    await warmed(registry)
    one, _ = await registry.open("offer", LOW, ANYBODY)
    await registry.__aexit__(RuntimeError, RuntimeError("the lifespan failed"), None)
    assert one.closed.is_set()
    assert registry.failure is not None
    assert "the lifespan failed" in registry.failure
    refusal = registry.refusal()
    assert isinstance(refusal, UnavailableError)
    assert refusal.problem == "failed"


async def test_a_drain_ends_what_lives_and_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, _ = build(monkeypatch, peer=lambda: StubPeer("close"))
    async with registry:
        await warmed(registry)
        sessions = [(await registry.open("offer", LOW, ANYBODY))[0] for _ in range(3)]
        async with patient(5):
            await registry.drain(0.05)
        assert all(session.closed.is_set() for session in sessions)
        assert registry.active == 0
        refusal = registry.refusal()
        assert refusal is not None
        assert refusal.problem == "draining"
    assert registry.failure is None
