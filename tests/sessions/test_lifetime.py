"""Which limits end a session, whatever its viewers do."""

from __future__ import annotations

import math
from typing import Any

import pytest

from livehead.core.identity import Identity
from livehead.sessions.admission.session_limits import SessionLimits
from livehead.sessions.lifetime import FIRST_VIEWER_S, UNVIEWED_S, Lifetime
from livehead.settings import load


def lifetime(begun_at: float | None = 100.0, **limits: float) -> Lifetime:
    one = Lifetime(SessionLimits(**limits))
    one.begun_at = begun_at
    return one


def test_a_session_lasts_as_long_as_it_may_from_its_connection_on() -> None:
    one = lifetime(duration=60.0)
    assert one.end(160.0) is None
    assert one.end(160.1) == "time-limit"


def test_a_session_without_speech_ends_and_speech_gives_it_time() -> None:
    one = lifetime(idle=30.0)
    assert one.end(130.0) is None
    assert one.end(130.1) == "idle"
    one.spoken_at = 125.0
    assert one.end(155.0) is None
    assert one.end(155.1) == "idle"


def test_without_limits_a_session_goes_on_for_ever() -> None:
    assert lifetime().end(1e9) is None
    assert lifetime(begun_at=None).end(1e9) is None


def test_a_session_waits_longer_for_its_first_viewer_than_for_the_next() -> None:
    one = lifetime(begun_at=None, idle=10.0, duration=10.0)
    one.unviewed_since = 100.0
    assert one.end(100 + FIRST_VIEWER_S) is None
    assert one.end(100 + FIRST_VIEWER_S + 0.1) == "unviewed"
    one = lifetime()
    one.unviewed_since = 200.0
    assert one.end(200 + UNVIEWED_S) is None
    assert one.end(200 + UNVIEWED_S + 0.1) == "unviewed"
    one.unviewed_since = None
    assert one.end(1e9) is None


@pytest.mark.parametrize(
    ("given", "token", "duration", "idle"),
    [
        ({}, None, 86400.0, 3600.0),
        ({}, 60.0, 60.0, 3600.0),
        ({"session_seconds": 30.0}, 60.0, 30.0, 3600.0),
        ({"session_seconds": 0.0, "idle_seconds": 0.0}, None, math.inf, math.inf),
        ({"session_seconds": 0.0}, 60.0, 60.0, 3600.0),
    ],
)
def test_the_limits_are_the_servers_and_what_the_token_allows(
    given: dict[str, Any], token: float | None, duration: float, idle: float
) -> None:
    limits = SessionLimits.of(load(given), Identity("198.51.100.1", max_seconds=token))
    assert (limits.duration, limits.idle) == (duration, idle)
