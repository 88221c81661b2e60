"""What a caller does next, drawn by the seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

Drawn = TypeVar("Drawn")

Kind: TypeAlias = Literal["talk", "signal", "push", "watch", "film", "render", "upload"]
"""talk: a call over HTTP, driven by the microphone. signal: the same over the signal socket, with changes of portrait,
look and preset. push: a call that a backend speaks through, and interrupts. watch: a backend's session with two viewers
(WHEP). film: a call that is recorded, whose film is fetched. render: a film of a portrait and a file. upload: a
portrait of one's own, and a call with it."""

Ending: TypeAlias = Literal["delete", "close", "drop"]
"""delete: the session is ended as it should be. close: the peer connection is closed. drop: not another packet."""

KINDS: tuple[Kind, ...] = ("talk", "signal", "push", "watch", "film", "render", "upload")
ENDINGS: tuple[Ending, ...] = ("delete", "drop", "close", "delete")
PRESETS = ("auto", "low", "balanced", "throughput")
LINES = ("good", "bad", "good")

BAD_LOSS = (0.01, 0.05)
BAD_JITTER_MS = (5.0, 40.0)
SHORTEST_S = 6.0


@dataclass(frozen=True, slots=True)
class Visit:
    """``loss`` is a share of the packets and ``jitter_ms`` up to how much each is delayed, both ways; ``seed`` is for
    what is drawn on the way."""

    kind: Kind
    seconds: float
    ending: Ending
    preset: str
    loss: float
    jitter_ms: float
    seed: int

    @property
    def bad_line(self) -> bool:
        return self.loss > 0


def visits(seed: int, caller: int, most_s: float) -> Iterator[Visit]:
    """Without end. Of each kind there is one before there is another one, of endings and lines alike. Callers begin at
    different kinds, so that a few of them have soon done everything. ``most_s`` is how long a visit is at most."""
    chance = random.Random(f"{seed} {caller}")
    kinds = _bag(KINDS, chance, first=caller * 3)
    endings, lines, presets = _bag(ENDINGS, chance), _bag(LINES, chance), _bag(PRESETS, chance)
    while True:
        bad = next(lines) == "bad"
        yield Visit(
            kind=next(kinds),
            seconds=chance.uniform(min(SHORTEST_S, most_s), most_s),
            ending=next(endings),
            preset=next(presets),
            loss=chance.uniform(*BAD_LOSS) if bad else 0.0,
            jitter_ms=chance.uniform(*BAD_JITTER_MS) if bad else 0.0,
            seed=chance.getrandbits(32),
        )


def _bag(things: Sequence[Drawn], chance: random.Random, first: int | None = None) -> Iterator[Drawn]:
    """All of them in any order, again and again; the first time round in their own order from ``first`` on."""
    if first is not None:
        begin = first % len(things)
        yield from [*things[begin:], *things[:begin]]
    while True:
        yield from chance.sample(things, len(things))
