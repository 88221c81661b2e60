"""Who may take one more place, and who gives one up."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from livehead.core.identity import Identity
from livehead.core.networks import network_of
from livehead.errors import RateLimitError
from livehead.sessions.admission.places import FIRST_CHECK_S, check_pending, check_places, choose_to_give_way
from livehead.settings import LimitSettings

LIMITS = LimitSettings(max_sessions_per_key=4, max_sessions_per_address=3, max_pending_per_address=2)


@dataclass(eq=False)
class Taken:
    opened_by: Identity
    answered_at: float = 0.0
    heard: bool = False

    @property
    def network(self) -> str:
        return network_of(self.opened_by.address)


def refused(identity: Identity, *places: Taken) -> str:
    with pytest.raises(RateLimitError) as caught:
        check_places(LIMITS, identity, places)
    assert caught.value.retry_after
    return caught.value.problem


def test_one_address_has_so_many_and_others_are_not_counted() -> None:
    here = Identity("198.51.100.1")
    others = [Taken(Identity(f"203.0.113.{i}")) for i in range(50)]
    check_places(LIMITS, here, [*others, Taken(here), Taken(here)])
    assert refused(here, *others, Taken(here), Taken(here), Taken(here)) == "too-many-sessions"


def test_a_64_of_ipv6_is_one_address() -> None:
    places = [Taken(Identity(f"2001:db8:1:2::{i}")) for i in range(3)]
    assert refused(Identity("2001:db8:1:2:ffff::1"), *places) == "too-many-sessions"
    check_places(LIMITS, Identity("2001:db8:1:3::1"), places)


def test_one_address_has_so_many_that_are_not_connected() -> None:
    check_pending(LIMITS, 1)
    with pytest.raises(RateLimitError) as caught:
        check_pending(LIMITS, 2)
    assert caught.value.problem == "too-many-pending"
    assert caught.value.retry_after


def test_one_key_has_so_many_wherever_they_come_from() -> None:
    places = [Taken(Identity(f"203.0.113.{i}", "shop")) for i in range(4)]
    assert refused(Identity("198.51.100.1", "shop"), *places) == "too-many-sessions"
    check_places(LIMITS, Identity("198.51.100.1", "news"), places)


def test_without_keys_nobody_is_a_key() -> None:
    check_places(LIMITS, Identity("198.51.100.1"), [Taken(Identity(f"203.0.113.{i}")) for i in range(9)])


def test_the_oldest_of_the_network_with_most_unheard_ones_gives_way() -> None:
    one, crowd = Identity("198.51.100.1"), Identity("203.0.113.1")
    eldest = Taken(one, answered_at=1.0)
    crowded = [Taken(crowd, answered_at=float(at)) for at in (3, 2, 4)]
    assert choose_to_give_way([eldest, *crowded], 10.0) is crowded[1]
    assert choose_to_give_way([eldest], 10.0) is eldest


def test_whoever_was_heard_or_has_been_answered_just_now_keeps_the_place() -> None:
    here = Identity("198.51.100.1")
    heard = Taken(here, heard=True, answered_at=1.0)
    fresh = Taken(here, answered_at=9.5)
    assert choose_to_give_way([heard, fresh], 9.5 + FIRST_CHECK_S) is None
    assert choose_to_give_way([heard, fresh], 9.5 + FIRST_CHECK_S + 0.01) is fresh
    assert choose_to_give_way(list[Taken](), 10.0) is None
