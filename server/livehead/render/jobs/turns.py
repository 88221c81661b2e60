"""Whose render is next. Pure: owners take turns, and each one's come in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar


class Waiting(Protocol):
    @property
    def owner(self) -> str: ...
    @property
    def number(self) -> int: ...


WaitingT = TypeVar("WaitingT", bound=Waiting)


def in_turn(waiting: Iterable[WaitingT], served: Mapping[str, int]) -> list[WaitingT]:
    """All that wait, in the order in which they will begin. ``served`` says of each owner when its last one began: a
    count that rises with every render of anybody, 0 for never."""
    queues: dict[str, deque[WaitingT]] = {}
    for each in sorted(waiting, key=lambda each: each.number):
        queues.setdefault(each.owner, deque()).append(each)
    last = {owner: served.get(owner, 0) for owner in queues}
    now = max(last.values(), default=0)
    order: list[WaitingT] = []
    while queues:
        owner = min(queues, key=lambda owner: (last[owner], queues[owner][0].number))
        order.append(queues[owner].popleft())
        now += 1
        last[owner] = now
        if not queues[owner]:
            del queues[owner]
    return order
