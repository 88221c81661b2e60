"""Name servers and STUN servers that do not answer hold up one call at most, and rest then."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from livehead.media.peer import stun_server
from livehead.media.peer.stun_server import FRESH_S, REST_S, StunServer
from waiting import until

NAME, ADDRESS = "stun.example", "192.0.2.7"


class Names:
    """A name server; ``answers`` opens when it answers."""

    def __init__(self, *, answering: bool = True) -> None:
        self.asked = 0
        self.there = True
        self.answers = threading.Event()
        if answering:
            self.answers.set()

    def look_up(self, name: str) -> str:
        self.asked += 1
        self.answers.wait()
        if not self.there:
            raise OSError("no such name")
        return ADDRESS


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_name_is_looked_up_once_and_again_beside_calls_when_it_is_old() -> None:
    names, clock = Names(), Clock()
    server = StunServer(names.look_up, clock)
    assert [await server.address(NAME) for _ in range(5)] == [ADDRESS] * 5
    assert names.asked == 1
    clock.now += FRESH_S + 1
    names.answers.clear()
    assert [await server.address(NAME) for _ in range(5)] == [ADDRESS] * 5
    await until(lambda: names.asked == 2)
    names.answers.set()


async def test_one_call_waits_for_a_name_server_that_does_not_answer_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stun_server, "WAIT_S", 0.2)
    names, clock = Names(answering=False), Clock()
    server = StunServer(names.look_up, clock)
    began = time.monotonic()
    assert await asyncio.gather(*(server.address(NAME) for _ in range(20))) == [None] * 20
    assert time.monotonic() - began >= 0.2
    clock.now += 10 * REST_S
    assert await server.address(NAME) is None
    assert names.asked == 1, "one thread, however long it takes"
    names.answers.set()
    await until(lambda: server._names[NAME].address is not None)
    assert await server.address(NAME) == ADDRESS


async def test_a_name_that_is_gone_keeps_its_last_address_and_is_asked_for_again_later() -> None:
    names, clock = Names(), Clock()
    server = StunServer(names.look_up, clock)
    await server.address(NAME)
    names.there = False
    for number in (2, 3):
        clock.now += FRESH_S + 1
        assert await server.address(NAME) == ADDRESS
        await until(lambda number=number: names.asked == number and server._names[NAME].asked is None)  # type: ignore[misc]
        assert await server.address(NAME) == ADDRESS
        assert names.asked == number


async def test_a_server_that_was_silent_is_left_alone_for_a_while() -> None:
    names, clock = Names(), Clock()
    server = StunServer(names.look_up, clock)
    server.silent()
    assert await server.address(NAME) is None
    clock.now += REST_S + 1
    assert await server.address(NAME) == ADDRESS
