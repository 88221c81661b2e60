"""Which of a client's addresses packets go to, on a clock of the test's. No socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest_asyncio
from aioice.candidate import Candidate
from aioice.ice import CandidatePair, Connection

from livehead.media.peer.client_address import COMPONENT, MAX_LEARNED, SILENT_S, ClientAddress

OLD, NEW, ELSEWHERE = ("198.51.100.7", 50_000), ("198.51.100.7", 50_001), ("203.0.113.9", 50_000)
PORT: Any = SimpleNamespace(local_candidate=SimpleNamespace(component=COMPONENT, host="192.0.2.1", port=4000))


def candidate(address: tuple[str, int], kind: str = "prflx") -> Candidate:
    made = Candidate("f", COMPONENT, "udp", 1, address[0], address[1], kind)
    made._network_host = address[0]
    return made


@dataclass
class Fixture:
    """``checked`` holds the addresses that checks were begun to."""

    now: float = 100.0
    checked: list[tuple[str, int]] = field(default_factory=list)
    forgotten: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = Connection(ice_controlling=False)
        self.address = ClientAddress(self.connection, self._check, self.forgotten.append, lambda: self.now)

    @property
    def selected(self) -> tuple[str, int]:
        return self.connection._nominated[COMPONENT].remote_addr

    def nominate(self, address: tuple[str, int], kind: str = "host") -> None:
        self.connection._nominated[COMPONENT] = self._pair(candidate(address, kind))
        self.address.came(address, PORT)

    def answered(self, address: tuple[str, int]) -> None:
        pair = next(each for each in self.connection._check_list if each.remote_addr == address)
        pair.state = CandidatePair.State.SUCCEEDED

    def check(self, address: tuple[str, int]) -> bool:
        return self.address.checked_by(SimpleNamespace(), address, PORT)  # type: ignore[arg-type]

    def _check(self, message: Any, address: tuple[str, int], port: Any) -> None:
        self.checked.append(address)
        if all((each.host, each.port) != address for each in self.connection._remote_candidates):
            self._pair(candidate(address))

    def _pair(self, remote: Candidate) -> CandidatePair:
        pair = CandidatePair(PORT, remote)
        self.connection._remote_candidates.append(remote)
        self.connection._check_list.append(pair)
        return pair


@pytest_asyncio.fixture
async def one() -> AsyncIterator[Fixture]:
    yield Fixture()


async def test_packets_from_another_port_are_followed_once_it_has_answered_a_check(one: Fixture) -> None:
    one.nominate(OLD)
    one.now += SILENT_S + 0.1
    one.address.came(NEW, PORT)
    assert one.checked == [NEW]
    one.address.came(NEW, PORT)
    assert one.selected == OLD, "it has not answered yet"
    one.answered(NEW)
    one.address.came(NEW, PORT)
    assert one.selected == NEW
    assert one.checked == [NEW], "one check is enough"


async def test_nothing_changes_while_packets_come_from_the_selected_address(one: Fixture) -> None:
    one.nominate(OLD)
    one.check(NEW)
    one.answered(NEW)
    for _ in range(10):
        one.now += SILENT_S * 0.9
        one.address.came(NEW, PORT)
        one.address.came(OLD, PORT)
    assert one.selected == OLD


async def test_another_host_is_not_checked_before_it_has_sent_a_valid_check_itself(one: Fixture) -> None:
    one.nominate(OLD)
    one.now += SILENT_S + 0.1
    one.address.came(ELSEWHERE, PORT)
    assert one.checked == []
    assert one.check(ELSEWHERE)
    one.answered(ELSEWHERE)
    one.address.came(ELSEWHERE, PORT)
    assert one.selected == ELSEWHERE


async def test_strangers_at_the_clients_host_bring_about_few_checks(one: Fixture) -> None:
    one.nominate(OLD)
    one.now += SILENT_S + 0.1
    for port in range(1000):
        one.address.came((OLD[0], port), PORT)
    assert len(one.checked) == 1


async def test_before_one_is_selected_only_some_are_learned_and_later_the_oldest_makes_room(one: Fixture) -> None:
    many = [("198.51.100.7", 1000 + n) for n in range(MAX_LEARNED + 1)]
    assert [one.check(address) for address in many] == [True] * MAX_LEARNED + [False]
    one.nominate(OLD)
    assert one.check(many[-1])
    assert one.forgotten == [many[0]]
    assert all(pair.remote_addr != many[0] for pair in one.connection._check_list)


async def test_the_selected_address_never_makes_room(one: Fixture) -> None:
    one.nominate(OLD, "prflx")
    for n in range(3 * MAX_LEARNED):
        assert one.check(("198.51.100.7", 1000 + n))
    assert OLD not in one.forgotten
    assert one.selected == OLD
