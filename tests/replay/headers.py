"""The header of a replay file."""

from __future__ import annotations

import fakes
from livehead.replay.header import Header


def header(**changed: object) -> Header:
    made = Header.of(
        fakes.FakeGenerator().info,
        livehead="1.2.3",
        session="one",
        created="2026-01-02T03:04:05+00:00",
        source="mic",
        latency="low",
    )
    for name, value in changed.items():
        object.__setattr__(made, name, value)
    return made
