"""Garbage collection: what calls leave behind goes, of many calls when there are none, and the server's own objects are
not looked through."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from livehead import garbage
from livehead.garbage import QUIET_S, GarbageCollection
from livehead.turns import turns


def any_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "MANY", 0)
    monkeypatch.setattr(garbage, "STILL_MANY", 0)


class Ring:
    def __init__(self) -> None:
        self.me = self


async def test_what_many_calls_left_behind_goes_when_nobody_has_come_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    any_are_many(monkeypatch)
    active, came, now = [1], [0], [0.0]
    thresholds = gc.get_threshold()
    collection = GarbageCollection(lambda: active[0], lambda: came[0], lambda: now[0])
    async with collection:
        came[0] = 1
        ring = Ring()
        left = weakref.ref(ring)
        collection.look_at_new()
        del ring
        collection.look_at_new()
        assert left() is not None
        now[0] += 2 * QUIET_S
        collection.look()  # somebody is here
        active[0] = 0
        collection.look()
        assert left() is not None
        now[0] += 2 * QUIET_S
        collection.look()
        assert left() is None
    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() == 0


async def test_many_objects_are_not_looked_through_and_few_are() -> None:
    async with GarbageCollection(lambda: 1, lambda: 0) as collection:
        few = [[number] for number in range(garbage.MANY // 2)]
        for _ in range(2):
            left = weakref.ref(Ring())
            collection.look_at_new()
            assert left() is None
        many = [[number] for number in range(garbage.MANY)]
        collection.look_at_new()
        left = weakref.ref(Ring())
        collection.look_at_new()
        assert left() is not None
    assert few
    assert many


async def test_where_calls_have_ended_and_few_objects_are_left_they_are_looked_through_again() -> None:
    active, came = [3], [3]
    async with GarbageCollection(lambda: active[0], lambda: came[0]) as collection:
        calls = [[[number] for number in range(garbage.STILL_MANY // 2)] for _ in range(3)]
        collection.look_at_new()
        for ended in (1, 2):
            left = weakref.ref(Ring())
            calls.pop()
            collection.look()
            assert left() is not None, "nobody has left"
            active[0] -= 1
            collection.look()
            assert (left() is None) == (ended == 2)
    assert calls


async def test_what_many_calls_left_behind_goes_after_so_many_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    any_are_many(monkeypatch)
    came = [0]
    collection = GarbageCollection(lambda: 1, lambda: came[0])
    own = Ring()
    async with collection:
        of_server = weakref.ref(own)
        del own  # what was there at the start stays, also where it is garbage
        collection.look_at_new()
        left = weakref.ref(Ring())
        came[0] = garbage.MOST - 1
        collection.look()
        assert left() is not None
        came[0] = garbage.MOST
        assert collection.look()
        assert left() is None
        assert of_server() is not None
        assert gc.get_freeze_count() > 1000
    gc.collect()
    assert of_server() is None


async def test_memory_is_given_back_now_and_then_while_clients_come_and_go() -> None:
    active, came, now = [0], [0], [0.0]
    async with GarbageCollection(lambda: active[0], lambda: came[0], lambda: now[0]) as collection:
        assert not collection.look()  # nobody was here yet
        active[0] = came[0] = 1
        assert collection.look()
        now[0] += garbage.GIVE_BACK_S
        assert not collection.look()  # nobody came, and nobody left
        active[0] = 0
        assert collection.look()
        active[0] = came[0] = 2
        assert not collection.look()  # it was a moment ago
        now[0] += garbage.GIVE_BACK_S
        assert collection.look()


async def test_all_that_is_new_is_looked_through_in_a_turn_of_its_own() -> None:
    async with GarbageCollection(lambda: 1, lambda: 0):
        before = gc.get_stats()[2]["collections"]
        left = weakref.ref(ring := Ring())
        many = [[number] for number in range(50_000)]
        del ring
        assert gc.get_stats()[2]["collections"] == before
        crowd = [asyncio.create_task(turns().take()) for _ in range(100)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert not crowd[-1].done()
        assert gc.get_stats()[2]["collections"] > before
        assert left() is None
        await asyncio.gather(*crowd)
    assert many
