"""When a simulated caller speaks: in phrases, for a share of the time. Pure."""

from __future__ import annotations

import random

from livehead.core.block import BLOCK_S

SHORTEST_S, LONGEST_S = 1.0, 6.0
PHRASE_S = (SHORTEST_S + LONGEST_S) / 2


class Phrases:
    """Phrases of :data:`SHORTEST_S` to :data:`LONGEST_S`, each length as likely as the others, with pauses between them
    of any length, so that speech takes ``share`` of the time: 0 for none, 1 for no pause at all. The call may begin in
    the middle of a phrase or of a pause."""

    def __init__(self, share: float, seed: int) -> None:
        self._share = share
        self._chance = random.Random(seed)
        self._speaks = self._chance.random() < share
        self._until = round(self._length() * self._chance.random() / BLOCK_S)

    def speaks(self, block: int) -> bool:
        """Whether there is speech in a block; to be asked for one after the other."""
        while block >= self._until:
            self._speaks = self._share > 0 and (not self._speaks or self._share >= 1)
            self._until += max(1, round(self._length() / BLOCK_S))
        return self._speaks

    def _length(self) -> float:
        """Of the phrase, or the pause, that begins."""
        if self._speaks or self._share <= 0:
            return self._chance.uniform(SHORTEST_S, LONGEST_S)
        return self._chance.expovariate(self._share / (1 - self._share) / PHRASE_S)
