"""Where a new session goes. Pure.

Every replica has said how much of itself is given away (load), and how many sessions of each preset it holds at most,
so one session's share of it is known. A new one goes where the load is lowest once it is there: replicas of different
size fill up evenly, and one that holds few but heavy sessions is no place for more. What was placed since the reading
counts as if it had been read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from livehead.fleet.directory import Replica
from livehead.fleet.reading import Reading

CLOSED = frozenset({"starting", "engine-down", "draining", "failed"})
"""What /readyz says of a replica that takes no session of any preset."""

UNKNOWN_SHARE = 1 / 16
"""A session's share of a replica that does not say how many it holds."""

Placed = Mapping[str, Iterable[str]]
"""The latencies of sessions that were placed since the last reading, by replica."""


def takes_sessions(replica: Replica) -> bool:
    """Whether it is there for new sessions, full or not."""
    return replica.state == "ready" and replica.reading is not None and replica.reading.refusal not in CLOSED


def has_room(replica: Replica, placed: Placed, latency: str) -> bool:
    """For one more session of that latency, a preset or ``auto``."""
    if not takes_sessions(replica) or replica.reading is None:
        return False
    return _remaining(replica.reading, placed.get(replica.name, ()), latency) > 1 - 1e-9


def rank(
    replicas: Sequence[Replica],
    placed: Placed,
    latency: str | None,
    age: Callable[[str], int] = lambda name: 0,
) -> tuple[Replica, ...]:
    """Those that take sessions, the best first: with room before without, and then by the load that they would have.
    ``latency`` None is each replica's own default. ``age`` is lower for one that got no session for longer, which goes
    first where all else is equal."""

    def key(replica: Replica) -> tuple[bool, float, int]:
        assert replica.reading is not None
        wanted = latency or replica.reading.default_latency
        before = placed.get(replica.name, ())
        load = (replica.reading.load or 0.0) + sum(share(replica.reading, each) for each in before)
        after = round(load + share(replica.reading, wanted), 6)
        return not has_room(replica, placed, wanted), after, age(replica.name)

    return tuple(sorted((each for each in replicas if takes_sessions(each)), key=key))


def share(reading: Reading, latency: str) -> float:
    """Of the replica that one session of that latency takes."""
    places = reading.places(latency)
    most = places["max"] if places is not None else reading.most
    return 1 / most if most else UNKNOWN_SHARE if most is None else 1.0


def _remaining(reading: Reading, placed: Iterable[str], latency: str) -> float:
    """Sessions of that latency that still fit."""
    one = share(reading, latency)
    room = reading.room(latency)
    spare = (1 - (reading.load or 0.0)) / one if room is None else float(room)
    return spare - sum(share(reading, each) for each in placed) / one
