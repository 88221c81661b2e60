"""What one client may take, and that nobody takes what another has: the registry under many offers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

import pytest

from livehead.core.identity import Identity
from livehead.core.lifecycle import State
from livehead.core.messages.from_server import StateMessage
from livehead.errors import ForbiddenError, NotFoundError, RateLimitError, RequestError, UnavailableError
from livehead.metrics import Metrics
from livehead.sessions.admission.places import FIRST_CHECK_S
from livehead.sessions.registry import Registry
from livehead.sessions.request import SessionRequest
from livehead.sessions.session import Session
from sessions.stubs import StubHost, StubPeer
from sessions.test_registry import LOW, build, warmed
from waiting import patient, until


class Clients:
    """Their peers, in the order in which they were made."""

    def __init__(self) -> None:
        self.peers: list[StubPeer] = []

    def __call__(self) -> StubPeer:
        self.peers.append(StubPeer())
        return self.peers[-1]


@asynccontextmanager
async def opened(
    patch: pytest.MonkeyPatch, host: StubHost | None = None, **given: Any
) -> AsyncIterator[tuple[Registry, Clients, Metrics]]:
    clients = Clients()
    registry, metrics = build(patch, host, clients, **given)
    async with registry:
        await warmed(registry)
        yield registry, clients, metrics


async def offer(registry: Registry, address: str, owner: str = "") -> Session:
    return (await registry.open("offer", LOW, Identity(address, owner)))[0]


def refusals(metrics: Metrics, problem: str) -> float:
    return float(metrics.refused.labels(problem)._value.get())


def late(session: Session) -> None:
    """Its client was answered so long ago that its first check is late."""
    assert session.caller is not None
    session.caller._liveness.answered_at -= FIRST_CHECK_S + 0.01


async def test_one_address_has_so_many_that_do_not_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(monkeypatch, max_pending_per_address=2) as (registry, clients, metrics):
        await offer(registry, "198.51.100.1")
        await offer(registry, "198.51.100.1")
        with pytest.raises(RateLimitError, match="not connected") as caught:
            await offer(registry, "198.51.100.1")
        assert caught.value.problem == "too-many-pending"
        assert caught.value.retry_after
        assert refusals(metrics, "too-many-pending") == 1
        assert len(clients.peers) == 2, "nothing was made for it"
        await offer(registry, "198.51.100.2")
        clients.peers[0].connect()
        await offer(registry, "198.51.100.1")


async def test_offers_that_are_being_answered_count(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = asyncio.Event()

    async def slowly(peer: StubPeer, text: str) -> str:
        await gate.wait()
        return "answer"

    monkeypatch.setattr(StubPeer, "answer", slowly)
    async with opened(monkeypatch, max_pending_per_address=2) as (registry, _, _):
        waiting = [asyncio.create_task(offer(registry, "198.51.100.1")) for _ in range(5)]
        await asyncio.sleep(0.05)
        gate.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(each, RateLimitError) for each in outcomes] == [False, False, True, True, True]


async def test_one_key_and_one_address_have_so_many_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"max_sessions_per_key": 2, "max_sessions_per_address": 3}
    async with opened(monkeypatch, **limits) as (registry, _, metrics):
        first = await offer(registry, "198.51.100.1", "shop")
        await offer(registry, "198.51.100.2", "shop")
        with pytest.raises(RateLimitError, match="key has 2"):
            await offer(registry, "198.51.100.3", "shop")
        await offer(registry, "198.51.100.1", "news")
        await offer(registry, "198.51.100.1", "blog")
        with pytest.raises(RateLimitError, match="address has 3"):
            await offer(registry, "198.51.100.1", "mail")
        assert refusals(metrics, "too-many-sessions") == 2
        first.end("bye")
        await first.closed.wait()
        await until(lambda: registry.active == 3, 5)
        await offer(registry, "198.51.100.3", "shop")


async def test_offers_that_never_connect_hold_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four offers of one client took all slots for 20 s, and then again. A second after its answer each gives way."""
    async with opened(monkeypatch, max_sessions=4) as (registry, clients, metrics):
        held = [await offer(registry, "203.0.113.1") for _ in range(4)]
        told: list[Any] = []
        held[0].subscribe(told.append)
        with pytest.raises(UnavailableError) as caught:
            await offer(registry, "198.51.100.1")
        assert caught.value.problem == "full", "a 201 is kept for whoever is heard within a second"
        for each in held:
            late(each)
        came = [await offer(registry, f"198.51.100.{i}") for i in range(4)]
        assert registry.active == 4
        assert registry.sessions == tuple(came)
        async with patient(5):
            await asyncio.gather(*(each.closed.wait() for each in held))
        assert told == [StateMessage(State.CLOSED, "gave-way")]
        assert metrics.closed.labels("gave-way")._value.get() == 4
        assert all(peer.closings == 1 for peer in clients.peers[:4])


async def test_the_one_with_most_offers_loses_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(monkeypatch, max_sessions=4) as (registry, _, _):
        well = await offer(registry, "198.51.100.1")
        many = [await offer(registry, "203.0.113.1") for _ in range(3)]
        for each in (well, *many):
            late(each)
        await offer(registry, "198.51.100.2")
        await offer(registry, "198.51.100.3")
        assert well in registry.sessions
        assert [each in registry.sessions for each in many] == [False, False, True]


@pytest.mark.parametrize("state", ["heard", "connected"])
async def test_a_client_that_is_there_is_never_touched(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(monkeypatch, max_sessions=2) as (registry, clients, _):
        held = [await offer(registry, "203.0.113.1") for _ in range(2)]
        for each, peer in zip(held, clients.peers, strict=True):
            late(each)
            peer.heard.set() if state == "heard" else peer.connect()
        with pytest.raises(UnavailableError):
            await offer(registry, "198.51.100.1")
        assert registry.sessions == tuple(held)


async def test_nobody_gives_way_for_what_cannot_be_served(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(monkeypatch, max_sessions=1, max_pending_per_address=1) as (registry, _, _):
        held = await offer(registry, "203.0.113.1")
        late(held)
        token = Identity("198.51.100.1", avatar="ben")
        for wrong, identity, error in [
            (SessionRequest("nobody", "low"), Identity("198.51.100.1"), NotFoundError),
            (SessionRequest("amara", "preset"), Identity("198.51.100.1"), RequestError),
            (LOW, token, ForbiddenError),
            (LOW, Identity("203.0.113.1"), RateLimitError),
        ]:
            with pytest.raises(error):
                await registry.open("offer", wrong, identity)
        assert registry.sessions == (held,)


async def test_the_sessions_of_a_revoked_key_end(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = asyncio.Event()
    async with opened(monkeypatch) as (registry, _, metrics):
        shop, news = await offer(registry, "198.51.100.1", "shop"), await offer(registry, "198.51.100.1", "news")

        async def slowly(peer: StubPeer, text: str) -> str:
            await gate.wait()
            return "answer"

        monkeypatch.setattr(StubPeer, "answer", slowly)
        opening = asyncio.create_task(offer(registry, "198.51.100.1", "shop"))
        await asyncio.sleep(0.05)
        registry.revoke(frozenset({"shop"}))
        gate.set()
        under_way = await opening
        async with patient(5):
            await shop.closed.wait()
            await under_way.closed.wait()
        assert not news.closed.is_set()
        assert metrics.closed.labels("revoked")._value.get() == 2


@pytest.mark.parametrize(
    ("given", "seconds", "reason"),
    [
        ({"setup_seconds": 0.1}, None, "never-connected"),
        ({"session_seconds": 0.1}, None, "time-limit"),
        ({}, 0.1, "time-limit"),
        ({"idle_seconds": 0.1}, None, "idle"),
    ],
)
async def test_a_session_that_reaches_a_limit_ends_with_its_reason(
    given: dict[str, float], seconds: float | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(monkeypatch, **given) as (registry, clients, metrics):
        session, _ = await registry.open("offer", LOW, Identity("198.51.100.1", max_seconds=seconds))
        if reason != "never-connected":
            clients.peers[0].connect()
        async with patient(5):
            await session.closed.wait()
        assert metrics.closed.labels(reason)._value.get() == 1


async def test_200_offers_at_once_leave_those_who_are_in_alone_and_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From 50 addresses, while three of four slots are in use."""
    host = StubHost()
    async with opened(monkeypatch, host, max_sessions=4) as (registry, clients, metrics):
        living = [await offer(registry, f"198.51.100.{i}") for i in range(3)]
        callers = clients.peers[:3]
        for peer in callers:
            peer.connect()
        await until(lambda: host.live == 3 and all(peer.connected.is_set() for peer in callers), 5)
        streams = [stream for stream in host.streams if not stream.closed]
        await until(lambda: all(stream.windows for stream in streams), 5)
        tasks, descriptors = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
        addresses = cycle(f"203.0.113.{i}" for i in range(50))

        outcomes = await asyncio.gather(*(offer(registry, next(addresses)) for _ in range(200)), return_exceptions=True)
        let_in = [each for each in outcomes if isinstance(each, Session)]
        refused = [each for each in outcomes if isinstance(each, RequestError)]
        assert (len(let_in), len(refused)) == (1, 199)
        assert {each.status for each in refused} <= {429, 503}
        assert all(each.retry_after for each in refused)
        assert len(clients.peers) == 4, "nothing is made for those who are refused"
        assert sum(refusals(metrics, problem) for problem in ("full", "too-many-pending")) == 199

        counts = [len(stream.windows) for stream in streams]
        await until(lambda: all(len(s.windows) >= before + 5 for s, before in zip(streams, counts, strict=True)), 5)
        assert registry.sessions == (*living, *let_in)
        assert not any(session.closed.is_set() for session in living)

        let_in[0].end("bye")
        await until(lambda: registry.active == 3, 5)
        assert not registry._openings
        assert registry.taken == {"low": 3}
        await until(lambda: len(asyncio.all_tasks()) <= tasks, 5)
        await until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors, 5)
    assert registry.active == 0
    assert host.live == 0
    assert not registry._tasks


async def test_a_stream_is_opened_when_its_client_is_heard_and_gets_windows_when_it_is_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = StubHost()
    async with opened(monkeypatch, host) as (registry, clients, _):
        prepared = len(host.streams)
        session = await offer(registry, "198.51.100.1")
        await asyncio.sleep(0.1)
        assert len(host.streams) == prepared, "nobody was heard yet"
        clients.peers[0].heard.set()
        await until(lambda: len(host.streams) == prepared + 1, 5)
        await asyncio.sleep(0.2)
        assert host.streams[-1].windows == [], "and nobody is connected yet"
        assert host.live == 1
        clients.peers[0].connect()
        await until(lambda: host.streams[-1].windows, 5)
        left = await offer(registry, "198.51.100.2")
        clients.peers[1].heard.set()
        await until(lambda: host.live == 2, 5)
        left.end("bye")
        await left.closed.wait()
        assert host.live == 1, "what was opened and never used is closed"
        session.end("bye")
        await session.closed.wait()
        assert host.live == 0
