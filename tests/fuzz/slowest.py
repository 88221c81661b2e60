"""Looks for the input that takes longest: keeps the slowest ones, and changes those."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from fuzz.cost import seconds
from fuzz.target import Target

HOLD_S = 0.020
"""The longest that one message, packet or head may hold the event loop, in seconds."""

KEPT = 24
CHAIN = 4


class FaultError(Exception):
    """A target failed at ``data``."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"failed at {data[:200]!r}")
        self.data = data


@dataclass(frozen=True, slots=True, order=True)
class Found:
    cost: float
    data: bytes


def search(
    target: Target, tries: int, chance: random.Random, measure: Callable[[Callable[[bytes], None], bytes], float]
) -> Found:
    """The costliest input of ``tries``. Half of them are changes of the costliest so far, the others of any kept.
    Raises FaultError."""

    def cost_of(data: bytes) -> float:
        try:
            return measure(target.run, data)
        except Exception as error:
            raise FaultError(data) from error

    kept = sorted((Found(cost_of(seed), seed) for seed in target.seeds), reverse=True)[:KEPT]
    for _ in range(tries):
        parent = kept[0] if chance.random() < 0.5 else chance.choice(kept)
        data = parent.data
        for _ in range(chance.randint(1, CHAIN)):
            data = target.variant(data, chance)
        if any(data == each.data for each in kept):
            continue
        cost = cost_of(data)
        if cost > kept[-1].cost or len(kept) < KEPT:
            kept = sorted((*kept, Found(cost, data)), reverse=True)[:KEPT]
    return kept[0]


def slowest(target: Target, tries: int, seed: int = 1) -> Found:
    """The slowest by processor time, measured again with more repeats."""
    found = search(target, tries, random.Random(seed), lambda run, data: seconds(run, data, 1))
    return Found(seconds(target.run, found.data, 7), found.data)
